//! The task layer of an lzap app: typed functions that run in other Lambdas, and jobs.
//!
//! [`TaskDefinition`] is a task; its methods call it (`calls.rs`). A [`TaskHost`] has the tasks of the process and the place
//! where they run. [`answer_event`] is the receiving side. An [`Invoker`] sends events; retries are in `retry.rs`.
//!
//! This crate is part of [lzap](https://docs.rs/lzap), which re-exports what apps use. Its other items may change in any
//! version.

pub mod build_id;
mod calls;
pub mod client;
mod depth;
pub mod envelope;
mod error;
mod handler;
mod host;
mod id;
mod invoker;
mod job;
mod job_record;
mod job_store;
pub mod json;
mod lambda_invoker;
mod panic;
mod registry;
mod result;
mod retry;
mod store;
mod task;
mod worker;

pub use depth::next_depth;
pub use error::{TaskError, TaskErrorKind};
pub use handler::Handler;
pub use host::{ChunkEvents, TaskHost, TaskTarget};
pub use id::random_id;
pub use invoker::{AttemptOutcome, Invoker};
pub use job::{Job, JobState};
pub use job_record::max_attempts;
pub use job_store::JobStore;
pub use lambda_invoker::LambdaInvoker;
pub use panic::{catch_panic, panic_error, run_plain_guarded};
pub use registry::Registry;
pub use result::{BoxError, TaskResult};
pub use store::{Memory, Retention, Store};
pub use task::{TaskDefinition, TaskFunction, TaskFuture};
pub use worker::answer_event;
