//! The bytes that cross process boundaries in lzap: event envelopes, environment names, AWS limits.
//!
//! Both sides of each boundary read this crate: the deploying tool writes a keep-warm rule whose input the runtime
//! crate recognizes, and the embedded cloud enforces the limits that the tool checks before it calls. Nothing here
//! decides anything, and nothing here does I/O.
//!
//! Formats that outlive a process carry a version; [`envelope`] says how an old reader meets a new writer. What is
//! particular to tasks is in [`task`], what is kept about a job in [`job`].

pub mod encoding;
pub mod env;
pub mod envelope;
pub mod invoke;
pub mod job;
pub mod limits;
pub mod task;
