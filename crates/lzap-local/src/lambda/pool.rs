//! Which invocation gets which environment, and whether it gets one at all.
//!
//! One environment serves one invocation at a time. Idle ones wait frozen, by what they were made for; the last used is
//! used first, so that the others can expire. Nothing here waits.
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html>

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::ApiError;
use super::state::{EnvironmentKey, Resolved};

/// How many environments wait until they expire. Each is a process on this machine, and a large map leaves hundreds.
const KEPT: usize = 64;
/// How long the others wait for another burst.
const AFTER_BURST: Duration = Duration::from_secs(30);

/// A place where environments wait, and the count of those at work. `E` is the environment; tests use a number.
#[derive(Debug)]
pub(crate) struct Pool<E> {
    shelves: Mutex<Shelves<E>>,
    /// Processes that this host can carry.
    host_limit: u32,
}

#[derive(Debug)]
struct Shelves<E> {
    idle: BTreeMap<EnvironmentKey, Vec<Idle<E>>>,
    /// Invocations at work, by function; zeros are not kept.
    busy: BTreeMap<String, Busy>,
    closed: bool,
}

#[derive(Debug)]
struct Idle<E> {
    environment: E,
    since: Instant,
}

#[derive(Clone, Copy, Debug, Default)]
struct Busy {
    count: u32,
    reserved: bool,
}

/// The right to run one invocation; dropping it frees the place.
#[derive(Debug)]
pub(crate) struct Lease<E> {
    pool: Arc<Pool<E>>,
    function_arn: String,
}

impl<E> Pool<E> {
    /// An empty pool.
    pub(crate) fn new(host_limit: u32) -> Arc<Self> {
        let shelves = Shelves { idle: BTreeMap::new(), busy: BTreeMap::new(), closed: false };
        Arc::new(Self { shelves: Mutex::new(shelves), host_limit })
    }

    /// Admits an invocation, or throttles it: by the function's reservation, by what the account has left, by the host.
    pub(crate) fn admit(self: &Arc<Self>, resolved: &Resolved) -> Result<Lease<E>, ApiError> {
        let mut shelves = self.lock();
        let function_arn = resolved.key.function_arn.clone();
        let own = shelves.busy.get(&function_arn).map_or(0, |busy| busy.count);
        let all: u32 = shelves.busy.values().map(|busy| busy.count).sum();
        let unreserved: u32 =
            shelves.busy.values().filter(|busy| !busy.reserved).map(|busy| busy.count).sum();
        match resolved.reserved_concurrency {
            Some(reserved) if own >= reserved => {
                return Err(ApiError::throttled("ReservedFunctionConcurrentInvocationLimitExceeded"));
            }
            None if unreserved >= resolved.unreserved_concurrency => {
                return Err(ApiError::throttled("ConcurrentInvocationLimitExceeded"));
            }
            _ if all >= self.host_limit => {
                return Err(ApiError::throttled("ConcurrentInvocationLimitExceeded"));
            }
            _ => {}
        }
        let reserved = resolved.reserved_concurrency.is_some();
        shelves.busy.insert(function_arn.clone(), Busy { count: own + 1, reserved });
        Ok(Lease { pool: Arc::clone(self), function_arn })
    }

    /// The warm environment for `key` that was used last.
    pub(crate) fn take(&self, key: &EnvironmentKey) -> Option<E> {
        let mut shelves = self.lock();
        let waiting = shelves.idle.get_mut(key)?;
        let idle = waiting.pop();
        if waiting.is_empty() {
            shelves.idle.remove(key);
        }
        idle.map(|idle| idle.environment)
    }

    /// Lets an environment wait for its next invocation; a closed pool drops it.
    pub(crate) fn put(&self, key: &EnvironmentKey, environment: E) {
        self.put_at(Instant::now(), key, environment);
    }

    fn put_at(&self, since: Instant, key: &EnvironmentKey, environment: E) {
        let mut shelves = self.lock();
        if !shelves.closed {
            let idle = Idle { environment, since };
            shelves.idle.entry(key.clone()).or_default().push(idle);
        }
    }

    /// Drops what waits longer than `expiry`, or for a key that isn't `current` any more; and what a burst left behind.
    pub(crate) fn evict(&self, expiry: Duration, current: impl Fn(&EnvironmentKey) -> bool) {
        self.evict_at(Instant::now(), expiry, current);
    }

    fn evict_at(&self, now: Instant, expiry: Duration, current: impl Fn(&EnvironmentKey) -> bool) {
        let mut evicted = Vec::new();
        let mut shelves = self.lock();
        let spare_until = shelves.spare_until(now);
        for (key, waiting) in &mut shelves.idle {
            let stays = current(key);
            evicted.extend(waiting.extract_if(.., |idle| {
                let is_spare = spare_until.is_some_and(|until| idle.since <= until);
                !stays || is_spare || now.saturating_duration_since(idle.since) > expiry
            }));
        }
        shelves.idle.retain(|_, waiting| !waiting.is_empty());
        // Killing processes and deleting folders needs no lock.
        drop(shelves);
    }

    /// Drops all that waits, and from now on all that comes back.
    pub(crate) fn close(&self) {
        let mut shelves = self.lock();
        shelves.closed = true;
        let idle = std::mem::take(&mut shelves.idle);
        drop(shelves);
        drop(idle);
    }

    /// How many environments wait.
    #[cfg(test)]
    pub(crate) fn idle(&self) -> usize {
        self.lock().idle.values().map(Vec::len).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Shelves<E>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E> Shelves<E> {
    /// Where more than [`KEPT`] wait: what came back until then, and not just now, is more than will be needed soon.
    fn spare_until(&self, now: Instant) -> Option<Instant> {
        let mut since: Vec<Instant> = self.idle.values().flatten().map(|idle| idle.since).collect();
        since.sort_unstable_by(|a, b| b.cmp(a));
        let rest = *since.get(KEPT)?;
        Some(rest.min(now.checked_sub(AFTER_BURST)?))
    }
}

impl<E> Drop for Lease<E> {
    fn drop(&mut self) {
        let mut shelves = self.pool.lock();
        if let Some(busy) = shelves.busy.get_mut(&self.function_arn) {
            busy.count = busy.count.saturating_sub(1);
            if busy.count == 0 {
                shelves.busy.remove(&self.function_arn);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPIRY: Duration = Duration::from_mins(10);

    fn key(version: &str) -> EnvironmentKey {
        EnvironmentKey { function_arn: "shop".to_owned(), version: version.to_owned(), generation: 1 }
    }

    /// A pool with so many idle environments of two versions, each put back a microsecond after the one before, as it is
    /// after some seconds.
    fn after_burst(environments: u64, secs: u64) -> Arc<Pool<u64>> {
        let (pool, began) = (Pool::new(1000), Instant::now());
        for environment in 0..environments {
            let version = if environment % 2 == 0 { "1" } else { "2" };
            pool.put_at(began + Duration::from_micros(environment), &key(version), environment);
        }
        pool.evict_at(began + Duration::from_secs(secs), EXPIRY, |_| true);
        pool
    }

    #[test]
    fn what_a_burst_leaves_behind_goes_soon_and_the_rest_when_it_expires() {
        for (environments, secs, left) in
            [(500, 20, 500), (500, 40, KEPT), (64, 40, KEPT), (3, 599, 3), (3, 601, 0), (500, 601, 0)]
        {
            assert_eq!(after_burst(environments, secs).idle(), left, "{environments} after {secs} s");
        }
    }

    #[test]
    fn those_that_were_used_last_stay() {
        let pool = after_burst(500, 40);
        let stayed: Vec<u64> = std::iter::from_fn(|| pool.take(&key("1"))).collect();
        assert_eq!(stayed, (436..500).rev().step_by(2).map(|odd| odd - 1).collect::<Vec<_>>());
    }
}
