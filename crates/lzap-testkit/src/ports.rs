//! Free ports for the servers of the tests.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

/// Returns a free port of the loopback interface. It returns each port once per process, so parallel tests get
/// different ports. Another process can still take the port before the caller binds it.
///
/// # Errors
/// When no port is free.
pub fn free_port() -> io::Result<u16> {
    // The listener below is closed at once, so the kernel may offer the same port to the next caller.
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        if GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(port) {
            return Ok(port);
        }
    }
}
