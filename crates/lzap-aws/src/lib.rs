//! Observing and applying an lzap plan through the AWS SDK: the imperative shell around `lzap-core`.
//!
//! The way in, in the order in which a deploy walks it: [`Clients::connect`] → [`identity`] → [`observe`] (reads
//! only, all at once) → `lzap_core::plan` → [`apply`] (the plan's graph, what doesn't wait for each other at the same
//! time) → [`touch`].
//!
//! One module per service; there, one function is one operation, with plain data in and out, and the only call site
//! of that operation. Errors are classified once, in [`AwsError`]'s module; waits are data in `retry`.
//!
//! Deliberately not here: decisions (they are the planner's; no function is named `ensure_` or `upsert_`), output,
//! and any type of the SDK in a public signature.

mod apigateway;
mod apply;
mod clients;
mod error;
mod events;
mod iam;
mod lambda;
mod logs;
mod observe;
mod profiles;
mod retry;
mod s3;
mod sts;
mod touch;

#[cfg(test)]
mod behavior;
#[cfg(test)]
mod testing;

pub use apply::{Applied, ApplyError, apply};
pub use clients::{Clients, Cloud};
pub use error::{AwsError, Cause};
pub use logs::last_log_lines;
pub use observe::{Scope, live_version, observe};
pub use profiles::{Profile, default_region, profiles};
pub use sts::identity;
pub use touch::{Touch, touch};
