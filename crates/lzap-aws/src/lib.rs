//! Observing and applying an lzap plan through the AWS SDK: the imperative shell around `lzap-core`.
//!
//! The way in, in the order in which a deploy walks it: [`Clients::connect`] → [`identity`] → [`observe`] (reads
//! only, all at once) → `lzap_core::plan` → [`apply`] (the plan's graph, what doesn't wait for each other at the same
//! time) → [`touch`].
//!
//! [`survey`] is what `lzap doctor` reads, [`filter_log_events`] what `lzap tail` follows.
//!
//! One module per kind of resource, in `resource`; there, one function is one operation, with plain data in and out, and the
//! only call site of that operation. Errors are classified once, in [`AwsError`]'s module; waits are data in `retry`.
//!
//! Deliberately not here: decisions (they are the planner's; no function is named `ensure_` or `upsert_`), output,
//! and any type of the SDK in a public signature.

mod account;
mod apply;
mod clients;
mod error;
mod invoke;
mod jobs;
mod lock;
mod lock_object;
mod logs;
mod observe;
mod probe;
mod profiles;
mod resource;
mod retry;
mod sts;
mod survey;
mod touch;

#[cfg(test)]
mod behavior;
#[cfg(test)]
mod testing;

pub use apply::{Applied, ApplyError, Site, apply};
pub use clients::{Clients, Cloud, LocalKey};
pub use error::{AwsError, AwsErrorKind, Cause};
pub use invoke::{Invocation, Invoked, Wait, invoke};
pub use jobs::read_job;
pub use lock::{Held, Lives, Lock, Taking, break_lock, read_lock, take_lock};
pub use logs::{LogPage, LogQuery, filter_log_events, last_log_lines};
pub use observe::{Scope, observe};
pub use profiles::{Profile, default_region, profiles};
pub use sts::{Caller, identity};
pub use survey::{Survey, survey};
pub use touch::{Touch, touch, touch_new};
