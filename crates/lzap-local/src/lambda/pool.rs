//! The choice of an environment for each invocation, or its refusal.
//!
//! An environment with a free place takes the next invocation before a new one is made: of several the one with most
//! invocations, so that the others become idle, then the one that was used last, so that the others expire. The account and
//! the reservations limit invocations, this host limits environments. Nothing here waits.
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html>

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::error::ApiError;
use super::state::{EnvironmentKey, Resolved, Ticket};

/// The number of environments that wait until they expire. Each is a process on this machine, and a large map leaves
/// hundreds.
const KEPT: usize = 64;
/// The time that the others wait for another burst.
const AFTER_BURST: Duration = Duration::from_secs(30);

/// The questions of the pool to an environment.
pub(crate) trait Member {
    /// The number of its invocations; `None` when it takes no more.
    fn load(&self) -> Option<usize>;
    /// Gives another invocation a place.
    fn reserve_place(&self) -> Option<Ticket>;
    /// Returns whether it has no invocation.
    fn is_idle(&self) -> bool;
}

/// All environments, and the count of invocations at work. Tests have environments of their own.
#[derive(Debug)]
pub(crate) struct Pool<E> {
    state: Mutex<PoolState<E>>,
    /// The most environments at once, each of which has a process. Their invocations are limited in [`Pool::admit`].
    host_limit: usize,
}

/// An invocation's place in an environment.
#[derive(Debug)]
pub(crate) struct Place<E> {
    pub(crate) environment: Arc<E>,
    pub(crate) ticket: Ticket,
    /// Set when the environment was made for this invocation, which therefore starts its process.
    pub(crate) is_new: bool,
}

#[derive(Debug)]
struct PoolState<E> {
    environments: BTreeMap<EnvironmentKey, Vec<PooledEnvironment<E>>>,
    /// Environments that get no more invocations; those that still have some have a process.
    retired: Vec<Weak<E>>,
    /// Invocations at work, by function; zeros are not kept.
    busy: BTreeMap<String, Busy>,
    closed: bool,
}

#[derive(Debug)]
struct PooledEnvironment<E> {
    environment: Arc<E>,
    /// The time at which its last invocation ended.
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

impl<E: Member> Pool<E> {
    /// An empty pool.
    pub(crate) fn new(host_limit: usize) -> Arc<Self> {
        let state = PoolState {
            environments: BTreeMap::new(),
            retired: Vec::new(),
            busy: BTreeMap::new(),
            closed: false,
        };
        Arc::new(Self { state: Mutex::new(state), host_limit })
    }

    /// Admits an invocation, or throttles it: by the function's reservation, or by what the account has left.
    pub(crate) fn admit(self: &Arc<Self>, resolved: &Resolved) -> Result<Lease<E>, ApiError> {
        let mut state = self.lock();
        let function_arn = resolved.key.function_arn.clone();
        let own = state.busy.get(&function_arn).map_or(0, |busy| busy.count);
        let unreserved: u32 = state.busy.values().filter(|busy| !busy.reserved).map(|busy| busy.count).sum();
        match resolved.reserved_concurrency {
            Some(reserved) if own >= reserved => {
                return Err(ApiError::throttled("ReservedFunctionConcurrentInvocationLimitExceeded"));
            }
            None if unreserved >= resolved.unreserved_concurrency => {
                return Err(ApiError::throttled("ConcurrentInvocationLimitExceeded"));
            }
            _ => {}
        }
        let reserved = resolved.reserved_concurrency.is_some();
        state.busy.insert(function_arn.clone(), Busy { count: own + 1, reserved });
        Ok(Lease { pool: Arc::clone(self), function_arn })
    }

    /// A place in an environment that is there.
    pub(crate) fn take_place(&self, key: &EnvironmentKey) -> Option<Place<E>> {
        self.lock().take_place(key)
    }

    /// The same; where every place is taken, in the environment that `make` makes. Of two invocations that need a new
    /// environment at once, the second one gets a place in the first one's. The pool is locked while `make` runs, which
    /// therefore must not touch the disk. Where the host has its most environments, the idle one that
    /// was used longest ago ends.
    ///
    /// # Errors
    /// [`ApiError::throttled`] when the host has its most environments and none is idle; [`ApiError::service`] when
    /// the new environment has no place.
    pub(crate) fn take_or_add(
        &self,
        key: &EnvironmentKey,
        make: impl FnOnce() -> E,
    ) -> Result<Place<E>, ApiError> {
        let mut state = self.lock();
        if let Some(place) = state.take_place(key) {
            return Ok(place);
        }
        let replaced = if state.count() < self.host_limit {
            None
        } else {
            let replaced = state.take_oldest_idle();
            Some(replaced.ok_or_else(|| ApiError::throttled("ConcurrentInvocationLimitExceeded"))?)
        };
        let environment = Arc::new(make());
        let ticket =
            environment.reserve_place().ok_or_else(|| ApiError::service("a new environment has no place"))?;
        state.add(Instant::now(), key, Arc::clone(&environment));
        // Killing processes and deleting folders needs no lock.
        drop(state);
        drop(replaced);
        Ok(Place { environment, ticket, is_new: true })
    }

    /// An invocation of the environment ended: its time until it expires begins anew.
    pub(crate) fn mark_used(&self, key: &EnvironmentKey, environment: &Arc<E>) {
        let mut state = self.lock();
        let same_version = state.environments.get_mut(key);
        let found =
            same_version.and_then(|all| all.iter_mut().find(|it| Arc::ptr_eq(&it.environment, environment)));
        if let Some(pooled) = found {
            pooled.since = Instant::now();
        }
    }

    /// Gives no more invocations to an environment. It ends with the last of those that it has.
    pub(crate) fn remove(&self, key: &EnvironmentKey, environment: &Arc<E>) {
        let mut state = self.lock();
        let Some(all) = state.environments.get_mut(key) else { return };
        let removed: Vec<PooledEnvironment<E>> =
            all.extract_if(.., |it| Arc::ptr_eq(&it.environment, environment)).collect();
        if all.is_empty() {
            state.environments.remove(key);
        }
        state.retire(&removed);
        // Killing processes and deleting folders needs no lock.
        drop(state);
        drop(removed);
    }

    /// Drops what is idle for longer than `expiry`, what a burst left behind, and what isn't `current` any more. Of the
    /// last, those with invocations end when these do.
    pub(crate) fn evict(&self, expiry: Duration, current: impl Fn(&EnvironmentKey) -> bool) {
        self.evict_at(Instant::now(), expiry, current);
    }

    fn evict_at(&self, now: Instant, expiry: Duration, current: impl Fn(&EnvironmentKey) -> bool) {
        let mut evicted = Vec::new();
        let mut state = self.lock();
        let spare_until = state.spare_until(now);
        for (key, all) in &mut state.environments {
            let stays = current(key);
            evicted.extend(all.extract_if(.., |it| {
                let is_spare = spare_until.is_some_and(|until| it.since <= until);
                let is_old = now.saturating_duration_since(it.since) > expiry;
                !stays || (it.environment.is_idle() && (is_spare || is_old))
            }));
        }
        state.environments.retain(|_, all| !all.is_empty());
        state.retire(&evicted);
        // Killing processes and deleting folders needs no lock.
        drop(state);
    }

    /// Gives away all environments, and keeps none from now on.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let environments = std::mem::take(&mut state.environments);
        drop(state);
        drop(environments);
    }

    /// The number of environments without invocations.
    #[cfg(test)]
    pub(crate) fn idle(&self) -> usize {
        self.lock().idle().count()
    }

    #[cfg(test)]
    fn add_at(&self, since: Instant, key: &EnvironmentKey, environment: E) {
        self.lock().add(since, key, Arc::new(environment));
    }
}

impl<E> Pool<E> {
    fn lock(&self) -> MutexGuard<'_, PoolState<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Member> PoolState<E> {
    fn take_place(&self, key: &EnvironmentKey) -> Option<Place<E>> {
        let available = |it: &&PooledEnvironment<E>| it.environment.load().map(|load| (load, it.since));
        let best = self.environments.get(key)?.iter().max_by_key(available)?;
        let ticket = best.environment.reserve_place()?;
        Some(Place { environment: Arc::clone(&best.environment), ticket, is_new: false })
    }

    /// A closed pool drops it.
    fn add(&mut self, since: Instant, key: &EnvironmentKey, environment: Arc<E>) {
        if !self.closed {
            self.environments.entry(key.clone()).or_default().push(PooledEnvironment { environment, since });
        }
    }

    /// The number of environments that have a process, or will have one.
    fn count(&mut self) -> usize {
        self.retired.retain(|environment| environment.strong_count() > 0);
        self.retired.len() + self.environments.values().map(Vec::len).sum::<usize>()
    }

    fn retire(&mut self, removed: &[PooledEnvironment<E>]) {
        self.retired.extend(removed.iter().map(|it| Arc::downgrade(&it.environment)));
    }

    fn take_oldest_idle(&mut self) -> Option<PooledEnvironment<E>> {
        let oldest = self.idle().min_by_key(|it| it.since).map(|it| Arc::clone(&it.environment))?;
        let is_oldest = |it: &mut PooledEnvironment<E>| Arc::ptr_eq(&it.environment, &oldest);
        let taken = self.environments.values_mut().find_map(|all| all.extract_if(.., is_oldest).next());
        self.environments.retain(|_, all| !all.is_empty());
        taken
    }

    fn idle(&self) -> impl Iterator<Item = &PooledEnvironment<E>> {
        self.environments.values().flatten().filter(|it| it.environment.is_idle())
    }

    /// The time until which an idle environment must have been used last to be more than will be needed soon. `None`
    /// where no more than [`KEPT`] are idle.
    fn spare_until(&self, now: Instant) -> Option<Instant> {
        let mut since: Vec<Instant> = self.idle().map(|it| it.since).collect();
        since.sort_unstable_by(|a, b| b.cmp(a));
        let rest = *since.get(KEPT)?;
        Some(rest.min(now.checked_sub(AFTER_BURST)?))
    }
}

impl<E> Drop for Lease<E> {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        if let Some(busy) = state.busy.get_mut(&self.function_arn) {
            busy.count = busy.count.saturating_sub(1);
            if busy.count == 0 {
                state.busy.remove(&self.function_arn);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lambda::state::InFlight;

    const EXPIRY: Duration = Duration::from_mins(10);

    fn key(version: &str) -> EnvironmentKey {
        EnvironmentKey { function_arn: "shop".to_owned(), version: version.to_owned(), generation: 1 }
    }

    /// An environment with a number, and the machine that real ones have.
    #[derive(Debug)]
    struct Numbered(u64, Mutex<InFlight>);

    impl Numbered {
        fn new(number: u64, max_concurrency: u32) -> Self {
            Self(number, Mutex::new(InFlight::new(max_concurrency)))
        }

        fn with<T>(&self, ask: impl FnOnce(&mut InFlight) -> T) -> T {
            ask(&mut self.1.lock().expect("no test panics while it holds this"))
        }
    }

    impl Member for Numbered {
        fn load(&self) -> Option<usize> {
            self.with(|in_flight| in_flight.is_available().then(|| in_flight.len()))
        }

        fn reserve_place(&self) -> Option<Ticket> {
            self.with(InFlight::reserve_place)
        }

        fn is_idle(&self) -> bool {
            self.with(|in_flight| in_flight.len() == 0)
        }
    }

    /// A pool with so many idle environments of two versions, each used last a microsecond after the one before, as it
    /// is after some seconds.
    fn after_burst(environments: u64, secs: u64) -> Arc<Pool<Numbered>> {
        let (pool, began) = (Pool::new(1000), Instant::now());
        for environment in 0..environments {
            let version = if environment % 2 == 0 { "1" } else { "2" };
            pool.add_at(
                began + Duration::from_micros(environment),
                &key(version),
                Numbered::new(environment, 1),
            );
        }
        pool.evict_at(began + Duration::from_secs(secs), EXPIRY, |_| true);
        pool
    }

    /// The environments that the next invocations get, and whether each is new.
    fn places(pool: &Pool<Numbered>, count: usize) -> Vec<(u64, bool)> {
        let mut next = 100;
        let mut place = || {
            next += 1;
            let made = || Numbered::new(next, 3);
            pool.take_or_add(&key("1"), made).expect("a new one has places")
        };
        (0..count).map(|_| place()).map(|place| (place.environment.0, place.is_new)).collect()
    }

    #[test]
    fn evict_ends_surplus_of_burst_soon_and_others_at_expiry() {
        for (environments, secs, left) in
            [(500, 20, 500), (500, 40, KEPT), (64, 40, KEPT), (3, 599, 3), (3, 601, 0), (500, 601, 0)]
        {
            assert_eq!(after_burst(environments, secs).idle(), left, "{environments} after {secs} s");
        }
    }

    #[test]
    fn those_that_were_used_last_stay() {
        let pool = after_burst(500, 40);
        let next = || pool.take_place(&key("1")).map(|place| place.environment.0);
        let stayed: Vec<u64> = std::iter::from_fn(next).collect();
        assert_eq!(stayed, (436..500).rev().step_by(2).map(|odd| odd - 1).collect::<Vec<_>>());
    }

    #[test]
    fn an_environment_is_filled_before_another_is_made() {
        let pool = Pool::new(1000);
        let placed = places(&pool, 7);
        let expected = [(101, true), (101, false), (101, false), (104, true), (104, false), (104, false)];
        assert_eq!(placed, [&expected[..], &[(107, true)]].concat());
    }

    #[test]
    fn the_fullest_environment_gets_the_next_invocation() {
        let (pool, now) = (Pool::new(1000), Instant::now());
        for (number, invocations) in [(1, 0), (2, 2), (3, 1), (4, 3)] {
            let environment = Numbered::new(number, 3);
            for _ in 0..invocations {
                environment.reserve_place().expect("a free place");
            }
            pool.add_at(now + Duration::from_secs(number), &key("1"), environment);
        }
        let numbers: Vec<u64> = places(&pool, 4).into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, [2, 3, 3, 1]);
    }

    #[test]
    fn an_environment_with_invocations_outlives_its_eviction_until_they_end() {
        let pool = Pool::new(1000);
        let place = pool.take_or_add(&key("1"), || Numbered::new(1, 3)).expect("a new one");
        pool.evict_at(Instant::now() + 2 * EXPIRY, EXPIRY, |_| true);
        assert!(pool.take_place(&key("1")).is_some(), "it isn't idle");
        pool.evict_at(Instant::now(), EXPIRY, |_| false);
        assert!(pool.take_place(&key("1")).is_none(), "it isn't current");
        assert_eq!(Arc::strong_count(&place.environment), 1);
    }

    #[test]
    fn the_host_limits_environments_and_not_invocations() {
        let pool = Pool::new(2);
        let make = || Numbered::new(1, 3);
        let held: Vec<_> =
            (0..6).map(|_| pool.take_or_add(&key("1"), make).expect("two have six places")).collect();
        assert_eq!(held.iter().filter(|place| place.is_new).count(), 2);
        assert_eq!(pool.take_or_add(&key("1"), make).map(drop).expect_err("a third one").status, 429);
        pool.evict_at(Instant::now(), EXPIRY, |_| false);
        let refused = pool.take_or_add(&key("1"), make).map(drop);
        assert_eq!(refused.expect_err("both still have invocations").status, 429);
        drop(held);
        assert!(pool.take_or_add(&key("1"), make).expect("both are gone").is_new);
    }

    #[test]
    fn where_the_host_is_full_the_oldest_idle_environment_makes_room() {
        let (pool, now) = (Pool::new(3), Instant::now());
        for number in 1..=3 {
            let environment = Numbered::new(number, 1);
            if number == 1 {
                environment.reserve_place().expect("a free place");
            }
            pool.add_at(now + Duration::from_secs(number), &key(&number.to_string()), environment);
        }
        let placed = pool.take_or_add(&key("4"), || Numbered::new(4, 1)).expect("one is idle");
        assert!(placed.is_new);
        assert!(pool.take_place(&key("2")).is_none(), "it was used before 3");
        assert!(pool.take_place(&key("3")).is_some());
    }
}
