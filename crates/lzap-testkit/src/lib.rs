//! The ground that tests, demo and benchmarks share: temporary projects, the built `lzap`, running clouds, a proxy that
//! records every call, and checks of those calls against AWS's own models.
//!
//! This crate does not know what `lzap` must do; `tests/it` does. The interface is blocking. A process that is started
//! here stops when its value is dropped.
//!
//! Nothing here installs anything, with two exceptions that only `cargo xtask setup` and the benchmarks call:
//! [`Python::install`] and [`install_runtime_emulator`]. Everything else looks for a tool and, when it is missing, fails
//! with [`not_set_up`].
//!
//! Where to go: [`Lzap`] runs the tool. [`Moto`] and [`LocalCloud`] are the two clouds, [`Account`] is a moto that can be
//! copied. [`Proxy`] records the calls in between and injects faults, [`SlowAws`] adds AWS's delays, [`Recording`] counts
//! calls. [`Python`] is the environment of the packages from PyPI. The feature `clouds` (on by default) has all that
//! speaks HTTP.

#[cfg(feature = "clouds")]
mod account;
mod child;
pub mod csv;
#[cfg(feature = "clouds")]
mod http;
mod local_cloud;
mod lzap;
mod missing;
#[cfg(feature = "clouds")]
mod moto;
mod paths;
mod ports;
mod project;
#[cfg(feature = "clouds")]
mod proxy;
mod python;
#[cfg(feature = "clouds")]
mod recording;
pub mod redact;
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
pub use child::Guarded;
#[cfg(feature = "clouds")]
pub use http::{Response, request, wait_until_answers};
pub use local_cloud::LocalCloud;
pub use lzap::{Lzap, Outcome, Running};
pub use missing::not_set_up;
#[cfg(feature = "clouds")]
pub use moto::Moto;
pub use paths::{apps_target, target, workspace};
pub use ports::free_port;
pub use project::TempProject;
#[cfg(feature = "clouds")]
pub use proxy::{Fault, Proxy, Refusal, Trigger};
pub use python::{Python, read_requirements};
#[cfg(feature = "clouds")]
pub use recording::{Call, Checked, Recording};
pub use remembered::RememberedCargo;
#[cfg(feature = "clouds")]
pub use rie::Rie;
#[cfg(feature = "clouds")]
pub use slow_aws::{SlowAws, Waits};
pub use tools::{
    ARM64_LOADER, find_program, find_qemu, find_runtime_emulator, install_runtime_emulator, require_arm64,
};

/// The account that moto plays.
pub const ACCOUNT: &str = "123456789012";
