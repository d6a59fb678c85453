//! The embedded cloud: AWS-compatible endpoints on loopback that run the very zip that AWS would run.
//!
//! One process serves S3, IAM, STS, Lambda, API Gateway v2, `EventBridge` and CloudWatch Logs at one port, and each
//! HTTP API and function URL at a localhost port of its own. [`serve()`] runs it in the foreground; [`start`],
//! [`status`], [`stop`] and [`reset`] are for other processes.
//!
//! Inside: `server` verifies the signature of each request and takes it to its service; `keys` has the access keys; `passive` holds the services that only store resources,
//! most of them the `winterbaume-*` crates behind checks of our own; `lambda` runs functions, because running the
//! zip is the point; `apigateway` is the control API that `gateway` answers requests by; `scheduler` fires rules;
//! `store` is the state folder, and `cloud` ties all of them together.
//!
//! Deliberately absent: anything of the planner's. An emulator that shared the deployer's beliefs would agree with its
//! mistakes.

mod answer;
mod apigateway;
mod client;
mod clock;
mod cloud;
mod error;
mod gateway;
mod keys;
mod lambda;
mod passive;
mod percent;
mod ports;
mod process_start;
mod schedule;
mod scheduler;
mod serve;
mod server;
mod signature;
mod store;

pub use client::{
    ApiStatus, CloudStatus, FunctionUrlStatus, Started, default_state_dir, read_key, reset, start, status,
    stop,
};
pub use error::LocalError;
pub use keys::AccessKey;
pub use lambda::ENVIRONMENT_CONCURRENCY;
pub use serve::{ServeOptions, detach, serve};

/// The account that every resource of the embedded cloud belongs to.
pub const ACCOUNT: &str = "000000000000";
/// The region that is used where a project names none.
pub const REGION: &str = "us-east-1";
/// The endpoint's port, unless another is asked for or this one is taken.
pub const DEFAULT_PORT: u16 = 4510;
