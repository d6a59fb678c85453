//! The formats that cross process boundaries in lzap: event envelopes, environment names, AWS limits.
//!
//! Both sides of each boundary use this crate. The deploying tool writes the input of the keep-warm rule, and the runtime
//! crate recognizes it. The tool checks AWS's limits before it calls, and the embedded cloud enforces them. This crate
//! makes no decisions and does no I/O.
//!
//! Formats that outlive a process have a version; [`envelope`] defines how an old reader treats a newer event. [`task`] has
//! the events and answers of tasks, [`job`] the records of jobs.

pub mod encoding;
pub mod env;
pub mod envelope;
pub mod invoke;
pub mod job;
pub mod limits;
pub mod task;
