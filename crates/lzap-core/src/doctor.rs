//! The checks of `lzap doctor`: a pure function for each, from the findings to a [`Check`].
//!
//! `lzap-build` and `lzap-aws` find out the facts; [`machine`] and [`account`] judge them.
//! A *problem* keeps a deploy from working; a *warning* may do so one day, or the next deploy fixes it itself.

pub mod account;
mod check;
pub mod machine;

pub use account::{Bucket, Limits};
pub use check::{Check, Failure, Status};
pub use machine::{Linking, Tools};
