//! Shared test support of the tests, the demo and the benchmarks: temporary projects, the built `lzap`, running clouds,
//! a proxy that records every call, and checks of those calls against AWS's own models.
//!
//! This crate has no expectations about `lzap`; `tests/it` has them. All functions block. Dropping a value stops the
//! process that it started.
//!
//! Nothing here installs anything, with two exceptions that only `cargo xtask setup` and the benchmarks call:
//! [`Python::install`] and [`install_runtime_emulator`]. Everything else looks for a tool and, when it is missing, fails
//! with [`not_set_up`].
//!
//! Overview: [`Lzap`] runs the tool. [`Moto`] and [`LocalCloud`] are the two clouds, [`Account`] is a moto server that
//! can be copied. [`Proxy`] records the calls in between and injects faults, [`SlowAws`] adds AWS's delays, [`Recording`]
//! counts calls. [`Python`] is the environment of the packages from PyPI. The feature `clouds` is on by default; without
//! it the crate has only the modules that `xtask` uses: paths, commands, Python, tools, CSVs.

#[cfg(feature = "clouds")]
mod account;
#[cfg(feature = "clouds")]
mod child;
pub mod csv;
#[cfg(feature = "clouds")]
mod http;
#[cfg(feature = "clouds")]
mod local_cloud;
#[cfg(feature = "clouds")]
mod lzap;
mod missing;
#[cfg(feature = "clouds")]
mod moto;
mod paths;
#[cfg(feature = "clouds")]
mod ports;
#[cfg(feature = "clouds")]
mod project;
#[cfg(feature = "clouds")]
mod proxy;
mod python;
#[cfg(feature = "clouds")]
mod recording;
#[cfg(feature = "clouds")]
pub mod redact;
#[cfg(feature = "clouds")]
mod remembered;
#[cfg(feature = "clouds")]
mod rie;
pub mod shell;
#[cfg(feature = "clouds")]
mod slow_aws;
mod tools;
#[cfg(feature = "clouds")]
mod upstream;

#[cfg(feature = "clouds")]
pub use account::Account;
#[cfg(feature = "clouds")]
pub use child::Guarded;
#[cfg(feature = "clouds")]
pub use http::{Response, send_request, wait_until_answers};
#[cfg(feature = "clouds")]
pub use local_cloud::LocalCloud;
#[cfg(feature = "clouds")]
pub use lzap::{Lzap, Outcome, Running};
pub use missing::not_set_up;
#[cfg(feature = "clouds")]
pub use moto::Moto;
pub use paths::{apps_target, target, workspace};
#[cfg(feature = "clouds")]
pub use ports::free_port;
#[cfg(feature = "clouds")]
pub use project::TempProject;
#[cfg(feature = "clouds")]
pub use proxy::{Fault, Proxy, Refusal, Trigger};
pub use python::{Python, read_requirements};
#[cfg(feature = "clouds")]
pub use recording::{Call, Checked, Recording};
#[cfg(feature = "clouds")]
pub use remembered::RememberedCargo;
#[cfg(feature = "clouds")]
pub use rie::Rie;
#[cfg(feature = "clouds")]
pub use slow_aws::{SlowAws, Waits};
pub use tools::{
    ARM64_LOADER, find_program, find_qemu, find_runtime_emulator, install_runtime_emulator, require_arm64,
};

/// The ID of moto's AWS account.
pub const ACCOUNT: &str = "123456789012";
