//! The scheduler of a map: how items are cut into chunks, which chunk is sent next, how many invocations may be in flight,
//! and what the end of an attempt means for its chunk.
//!
//! Everything here is pure: the caller passes the time in and carries the actions out. There is no clock, no network and no
//! asynchronous code. [`simulate`] runs the same scheduler against a model of Lambda in virtual time.
//!
//! This crate is part of [lzap](https://docs.rs/lzap), which re-exports what apps use. Its other items may change in any
//! version.

pub mod attempt;
pub mod budget;
pub mod cost;
pub mod machine;
pub mod open_items;
mod options;
pub mod plan;
mod random;
pub mod report;
pub mod rules;
pub mod simulate;
pub mod window;

pub use options::{Caller, Chunk, Hedge, OnError};
