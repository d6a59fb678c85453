//! The pure decisions of lzap: what `lzap.toml` says, what things are called, what should be, and what to do.
//!
//! Nothing here does I/O, reads the clock or knows the AWS SDK, so the whole of it is tested in milliseconds. The
//! way through, in the order in which a deploy walks it:
//!
//! [`config`] (the file) → [`settings`] (one stage, resolved) → [`check`] (what AWS would refuse) → [`names`] →
//! [`desired`] → [`observed`] (read by `lzap-aws`) → [`plan`] (applied by `lzap-aws`, which reports its progress in
//! [`event`]s). Everything about one kind of resource is in its module in [`resource`]; the IAM permissions that all of
//! this needs are in [`permissions`].
//!
//! The errors of all crates of the tool implement [`explain::Explained`]; [`exit`] lists the exit codes.

pub mod asynchronous;
pub mod check;
pub mod config;
mod config_error;
pub mod desired;
pub mod doctor;
pub mod event;
pub mod exit;
pub mod explain;
pub mod history;
pub mod ids;
pub mod lock;
pub mod logs;
pub mod names;
pub mod observed;
pub mod permissions;
pub mod plan;
pub mod platform;
pub mod release;
pub mod resource;
pub mod role;
pub mod schedule;
pub mod settings;
pub mod step;
pub mod text;
pub mod uses;
