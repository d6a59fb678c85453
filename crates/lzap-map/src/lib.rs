//! The map layer of an lzap app: one task on many items, in many Lambdas.
//!
//! The steps of a map:
//!
//! 1. [`codec`] encodes each item once.
//! 2. `prepared` runs a few items in this process, to measure what one costs.
//! 3. The scheduler (`lzap-map-scheduler`) decides whether the rest goes to workers, cuts it into chunks, and decides which
//!    chunk to send next and how many invocations may be in flight.
//! 4. `drive` runs those attempts through `attempt`. `chunk` runs a chunk, in a worker or in this process, and `compute` its
//!    items.
//! 5. In a job, `journal` stores results for the job's next attempt.
//!
//! This crate is part of [lzap](https://docs.rs/lzap), which re-exports what apps use. Its other items may change in any
//! version.

mod attempt;
mod chunk;
mod chunk_handler;
mod clock;
pub mod codec;
mod compute;
mod drive;
mod environment;
mod host;
mod join_task;
mod journal;
mod map;
mod object;
mod object_source;
mod options;
mod output;
mod prepared;
mod rows;
mod run;
mod sinks;
mod statistics;
mod worker_function;

pub use chunk_handler::ChunkHandler;
pub use compute::{ChunkResults, ChunkWork, ItemFailure, JoinedResults};
pub use environment::WorkerLimits;
pub use host::MapHost;
pub use join_task::JoinTask;
pub use map::Map;
pub use object::{Object, Rows, own_tasks};
pub use object_source::ObjectSource;
pub use output::{Explanation, ItemError, MapError, MapOutput, MapStream};
