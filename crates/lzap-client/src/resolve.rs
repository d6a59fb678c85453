//! Host names to addresses, each looked up once by however many calls that start together.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::sync::OnceCell;

use crate::clock::Moment;

/// The time for which addresses are used. Each lookup blocks a thread: hundreds of calls at once would need hundreds.
/// Longer would be wrong: the system's resolver doesn't tell how long an answer is valid, and AWS changes addresses often.
const FRESH: Duration = Duration::from_secs(10);

type Addresses = Arc<OnceCell<Vec<SocketAddr>>>;

/// The addresses of hosts that were asked for lately.
#[derive(Default)]
pub(crate) struct Resolver {
    // The cell is shared by the calls that wait for it: one looks up. When its deadline passes, the next one goes on.
    hosts: Mutex<HashMap<(String, u16), (Moment, Addresses)>>,
    turn: AtomicUsize,
}

impl Resolver {
    /// The addresses of `host`, each time beginning with another one: S3 wants its load spread.
    ///
    /// # Errors
    /// Those of `getaddrinfo`; `NotFound` when it knows the name but no address.
    pub(crate) async fn resolve_host(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        // Names below `localhost` are loopback by RFC 6761, whatever the machine's resolver says.
        let asked = if host.ends_with(".localhost") { "localhost" } else { host };
        let cell = self.find_entry(asked, port);
        // Failures are not kept: the next call asks again.
        let look_up = || async { lookup_host((asked, port)).await.map(Iterator::collect) };
        let mut addresses: Vec<SocketAddr> = cell.get_or_try_init(look_up).await?.clone();
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % addresses.len();
        addresses.rotate_left(turn);
        Ok(addresses)
    }

    /// Forgets a host none of whose addresses answered.
    pub(crate) fn forget_host(&self, host: &str, port: u16) {
        self.lock_entries().remove(&(host.to_owned(), port));
    }

    /// The entry of a host, perhaps still empty. Entries that are too old are dropped.
    fn find_entry(&self, host: &str, port: u16) -> Addresses {
        let now = Moment::now();
        let mut hosts = self.lock_entries();
        hosts.retain(|_, (since, _)| now.since(*since) < FRESH);
        let (_, cell) = hosts.entry((host.to_owned(), port)).or_insert_with(|| (now, Addresses::default()));
        Arc::clone(cell)
    }

    fn lock_entries(&self) -> MutexGuard<'_, HashMap<(String, u16), (Moment, Addresses)>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
