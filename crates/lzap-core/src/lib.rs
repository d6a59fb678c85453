//! The pure decisions of lzap: what `lzap.toml` says, what things are called, what should be, and what to do.
//!
//! Nothing here does I/O, reads the clock or knows the AWS SDK, so the whole of it is tested in milliseconds. The
//! way through, in the order in which a deploy walks it:
//!
//! [`config`] (the file) → [`settings`] (one stage, resolved) → [`check`] (what AWS would refuse) → [`names`] →
//! [`desired`] → [`observed`] (filled in by `lzap-aws`) → [`plan`] → [`step`] (carried out by `lzap-aws`, which
//! tells of it in [`event`]s). What all of this needs to be allowed is in [`permissions`].

pub mod asynchronous;
pub mod check;
pub mod config;
pub mod desired;
pub mod doctor;
pub mod event;
pub mod history;
pub mod lock;
pub mod logs;
pub mod names;
pub mod observed;
pub mod permissions;
pub mod plan;
pub mod platform;
pub mod release;
pub mod role;
pub mod schedule;
pub mod settings;
pub mod simulate;
pub mod step;
pub mod uses;
