//! The targets of the spans that carry ids. The log writes their fields into each line.

/// The target of the spans that carry the request id. No filter turns them off: without them, the lines that pass the
/// filter would not name their request.
pub const SPAN_TARGET: &str = "lzap::span";

/// The target of the span that carries a job's id. No filter turns it off either, and a line's own fields come first.
pub const JOB_TARGET: &str = "lzap::span::job";
