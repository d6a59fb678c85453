//! What the tests, the demo and the benchmark stand on: temporary projects, the built `lzap`, running clouds, a proxy
//! that records every call, and the checks of those calls against AWS's own models.
//!
//! Nothing here knows what `lzap` ought to do; that is in `tests/it`. Everything is blocking outwardly, and everything
//! that is started here stops when its value is dropped.
//!
//! Where to go: [`Lzap`] runs the tool, [`Moto`] and [`LocalCloud`] are the two clouds, [`Account`] is a moto that can be
//! copied, [`Proxy`] listens in between and does harm when told, [`SlowAws`] makes a cloud wait as AWS does, [`Recording`]
//! counts, [`Python`] holds what comes from PyPI.

mod account;
mod child;
pub mod csv;
mod emulator;
mod http;
mod local_cloud;
mod lzap;
mod moto;
mod paths;
mod project;
mod proxy;
mod python;
mod recording;
pub mod redact;
mod remembered;
mod rie;
mod slow_aws;
mod upstream;

pub use account::Account;
pub use child::Guarded;
pub use emulator::run_arm64;
pub use http::{Response, request, wait_until_answers};
pub use local_cloud::LocalCloud;
pub use lzap::{Lzap, Outcome, Running};
pub use moto::{ACCOUNT, Moto};
pub use paths::{apps_target, target, workspace};
pub use project::TempProject;
pub use proxy::{Fault, Proxy, Refusal, Trigger};
pub use python::Python;
pub use recording::{Call, Checked, Recording};
pub use remembered::RememberedCargo;
pub use rie::Rie;
pub use slow_aws::{SlowAws, Waits};

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

/// A port on the loopback interface that was free a moment ago, and that this process is given only once: tests that run
/// at the same time don't meet.
///
/// # Errors
/// When no port is free at all.
pub fn free_port() -> std::io::Result<u16> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        if GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(port) {
            return Ok(port);
        }
    }
}
