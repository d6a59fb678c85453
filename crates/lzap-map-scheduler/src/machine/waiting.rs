//! The times at which a waiting map continues without an attempt's end.

use std::time::Duration;

use super::Machine;
use crate::options::Caller;
use crate::window::{Capacity, Window};

/// The time between checks of the shared window, when other maps' invocations fill it.
const WINDOW_POLL: Duration = Duration::from_millis(50);

impl Machine {
    /// The next time at which something can start without an attempt's end. `None` waits for an end alone.
    pub(super) fn wait_until(&self, now: Duration, window: &Window) -> Option<Duration> {
        let mut times: Vec<Duration> = self.delayed.iter().map(|(until, _)| *until).collect();
        times.extend(self.rules.deadline);
        // From this time on, the map sends nothing and may end, so it must wake up.
        times.extend(self.rules.last_start.filter(|last| now < *last && self.rules.caller != Caller::Alone));
        if self.is_late(now) {
            // Capacity doesn't matter: it is too late to start an invocation.
        } else if self.budget.reached_limit().is_some() {
            // Only the end of an invocation frees a part of the budget.
        } else if !self.queue.is_empty() || self.slowest_chunk(now).is_some() {
            match window.capacity(now) {
                Capacity::At(then) => times.push(then),
                // Other maps' invocations can fill the window, and their ends don't wake this map, so it polls.
                Capacity::Later if self.remote < self.rules.limit => times.push(now + WINDOW_POLL),
                _ => {}
            }
        } else if let Some(limit) = self.rules.hedge.as_ref().and_then(|hedge| self.hedge_threshold(hedge)) {
            let open = self.remote_in_flight().filter(|attempt| {
                self.chunks.get(attempt.chunk).is_some_and(|chunk_state| !chunk_state.is_hedged)
            });
            // The first attempt that becomes slow enough to hedge.
            times.extend(open.map(|attempt| attempt.started + limit).filter(|then| *then > now).min());
        }
        // Never zero: a step in the past would make the driver spin.
        times.into_iter().min().map(|then| then.max(now + Duration::from_millis(1)))
    }

    /// Puts chunks whose wait is over to the front of the queue, because they are the oldest.
    pub(super) fn requeue_due_chunks(&mut self, now: Duration) {
        let queue = &mut self.queue;
        self.delayed.retain(|(until, chunk)| {
            let is_delayed = *until > now;
            if !is_delayed {
                queue.push_front(*chunk);
            }
            is_delayed
        });
    }
}
