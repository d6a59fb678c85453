//! Idle connections, by origin.
//!
//! A connection is only opened by a call that found no idle one, and only for itself: there are never more of them than
//! calls in flight. The newest idle one is used first, so that the others grow old and are closed.
//!
//! The pool has no limit of its own. The caller bounds its calls in flight: an execution environment has 1,024 file
//! descriptors.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::clock::Moment;
use crate::endpoint::Origin;

/// Shorter than what AWS and its proxies allow, so that few requests meet a connection that is just being closed. Also
/// what a frozen execution environment may sleep before its connections count as dead.
const IDLE: Duration = Duration::from_secs(20);
/// Connections being opened to one origin at the same time. A function with a fraction of a core can't do hundreds of
/// TLS handshakes at once within the time that each of them has.
const CONNECTING: usize = 32;

/// A connection, as far as the pool knows it.
pub(crate) trait Reusable {
    /// Returns false when the peer has closed the connection. Asks the kernel, and sends nothing.
    fn is_usable(&self) -> bool;
}

/// Idle connections, and the places for opening new ones.
pub(crate) struct Pool<C> {
    origins: Mutex<HashMap<Origin, Slot<C>>>,
}

/// The idle connections to one origin.
struct Slot<C> {
    /// The oldest first.
    idle: Vec<(Moment, C)>,
    gate: Arc<Semaphore>,
}

impl<C: Reusable> Pool<C> {
    /// A pool without connections.
    pub(crate) fn new() -> Self {
        Self { origins: Mutex::default() }
    }

    /// The newest idle connection to `origin` that still lives. Those of all origins that are too old are closed.
    pub(crate) fn take(&self, origin: &Origin, now: Moment) -> Option<C> {
        let mut origins = self.lock_entries();
        // The oldest stand first, so that this looks at the expired ones only. A gate in use must stay: a second one
        // would let twice as many connections be opened.
        origins.retain(|_, slot| {
            let old = slot.idle.partition_point(|(since, _)| now.since(*since) > IDLE);
            slot.idle.drain(..old);
            !slot.idle.is_empty() || Arc::strong_count(&slot.gate) > 1
        });
        let idle = &mut origins.get_mut(origin)?.idle;
        while let Some((_, connection)) = idle.pop() {
            if connection.is_usable() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection on which the last answer was read to its end. Nothing closes it while no call comes: that is left
    /// to the next [`Pool::take`], since a timer would need a task.
    pub(crate) fn put(&self, origin: &Origin, connection: C, now: Moment) {
        let mut origins = self.lock_entries();
        let slot = origins.entry(origin.clone()).or_insert_with(Slot::new);
        slot.idle.push((now, connection));
    }

    /// The semaphore that limits how many connections to `origin` are opened at the same time.
    pub(crate) fn opening_gate(&self, origin: &Origin) -> Arc<Semaphore> {
        Arc::clone(&self.lock_entries().entry(origin.clone()).or_insert_with(Slot::new).gate)
    }

    /// Held for map operations only, never over an `await`. A panic can't leave a half-changed entry, so that a poisoned
    /// lock is taken all the same.
    fn lock_entries(&self) -> MutexGuard<'_, HashMap<Origin, Slot<C>>> {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Slot<C> {
    fn new() -> Self {
        Self { idle: Vec::new(), gate: Arc::new(Semaphore::new(CONNECTING)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Endpoint;

    #[derive(Debug, PartialEq)]
    struct Fake {
        number: u32,
        is_open: bool,
    }

    impl Reusable for Fake {
        fn is_usable(&self) -> bool {
            self.is_open
        }
    }

    fn fake(number: u32) -> Fake {
        Fake { number, is_open: true }
    }

    fn origin(url: &str) -> Origin {
        Endpoint::resolve("s3", "any", Some(url)).expect("a URL").origin
    }

    fn later(moment: Moment, monotonic: u64, wall: u64) -> Moment {
        Moment {
            monotonic: moment.monotonic + Duration::from_secs(monotonic),
            wall: moment.wall + Duration::from_secs(wall),
        }
    }

    #[test]
    fn take_returns_the_newest_of_the_same_origin() {
        let (pool, here, now) = (Pool::new(), origin("http://a"), Moment::now());
        pool.put(&here, fake(1), now);
        pool.put(&here, fake(2), now);
        pool.put(&origin("http://b"), fake(3), now);
        assert_eq!(pool.take(&here, now), Some(fake(2)));
        assert_eq!(pool.take(&here, now), Some(fake(1)));
        assert_eq!(pool.take(&here, now), None);
        assert_eq!(pool.take(&origin("https://b"), now), None);
    }

    #[test]
    fn take_drops_what_was_idle_too_long_by_either_clock() {
        for (monotonic, wall) in [(21, 21), (0, 21), (21, 0)] {
            let (pool, here, now) = (Pool::new(), origin("http://a"), Moment::now());
            pool.put(&here, fake(1), now);
            pool.put(&here, fake(2), later(now, 5, 5));
            assert_eq!(pool.take(&here, later(now, monotonic, wall)), Some(fake(2)), "{monotonic} {wall}");
            assert_eq!(pool.take(&here, later(now, monotonic, wall)), None);
        }
    }

    #[test]
    fn take_skips_connections_that_the_peer_closed() {
        let (pool, here, now) = (Pool::new(), origin("http://a"), Moment::now());
        pool.put(&here, fake(1), now);
        pool.put(&here, Fake { number: 2, is_open: false }, now);
        assert_eq!(pool.take(&here, now), Some(fake(1)));
    }

    #[test]
    fn gate_is_shared_while_it_is_in_use() {
        let (pool, here) = (Pool::<Fake>::new(), origin("http://a"));
        let gate = pool.opening_gate(&here);
        pool.take(&here, Moment::now());
        assert!(Arc::ptr_eq(&gate, &pool.opening_gate(&here)));
    }
}
