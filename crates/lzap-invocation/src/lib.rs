//! The context of one invocation of a Lambda function, which never belongs to the process: ids, deadline, depth, and the job.
//!
//! One process can serve several invocations at the same time, so none of this may be in a global. The values are local to
//! the tokio task ([`Invocation::scope`]); code that an invocation runs reads them with [`Invocation::current`].
//!
//! Beside the context there is what all layers need for it: the clock by which deadlines pass between processes, the names of
//! spans in the log, and the text of an error with its causes.
//!
//! This crate is part of [lzap](https://docs.rs/lzap). Its items may change in any version.

mod clock;
mod context;
mod error_chain;
mod job_attempt;
mod log_target;

pub use clock::{now_ms, to_millis};
pub use context::{ANSWER_MARGIN, Invocation};
pub use error_chain::describe_error_chain;
pub use job_attempt::JobAttempt;
pub use log_target::{JOB_TARGET, SPAN_TARGET};
