//! The effect of an attempt's end on its chunk: results, a retry, a split, or a failure.

use std::ops::Range;
use std::time::Duration;

use lzap_wire::invoke::FunctionFailure;
use lzap_wire::task::FailureCode;

use super::Machine;
use crate::attempt::{AttemptPlace, ChunkFailure, ChunkId, Verdict};
use crate::options::{Caller, OnError};
use crate::rules::MapEnd;

/// Worker exits after which a single item fails. The first exit can have another cause, for example the environment.
const MAX_EXITS: u32 = 2;
/// The unit of the wait before a retry: at most `2^n` times this after attempt `n`, so 100 ms after the first and
/// 12.8 s from the eighth on. Jitter shortens each wait.
const BACKOFF: Duration = Duration::from_millis(50);

impl Machine {
    /// Records results for the first `items` items of a chunk, and queues the rest as new chunks, at the front.
    pub(super) fn record_results(
        &mut self,
        chunk: ChunkId,
        items: usize,
        failed: usize,
        place: AttemptPlace,
    ) -> Verdict {
        let Some(chunk_state) = self.chunks.get_mut(chunk) else { return Verdict::Drop };
        let Range { start, end } = chunk_state.items;
        let middle = start + items.min(end - start);
        chunk_state.is_settled = true;
        // The chunk keeps the items that have results, so the report's spans match its chunks.
        chunk_state.items = start..middle;
        // This process stops at a slow item, and the items after it may be as slow. As chunks of one item they run in
        // parallel instead of one after the other, unless invocations are limited. A worker's rest stays together: it only ran
        // out of time.
        let is_cut = place == AttemptPlace::Here && self.rules.budget.invocations.is_none();
        let step = if is_cut { 1 } else { end - middle };
        for rest in (middle..end).step_by(step.max(1)).rev() {
            let id = self.add_chunk(rest..end.min(rest + step));
            self.queue.push_front(id);
        }
        self.open_items -= middle - start;
        self.failed_items += failed;
        self.end_if_too_many_failed();
        Verdict::Take(start..middle)
    }

    /// Handles an attempt that ended before it started an item. None of its items has run, so a retry is safe for any task.
    pub(super) fn retry_unstarted(&mut self, chunk: ChunkId, now: Duration, place: AttemptPlace) {
        // A local attempt has little time on purpose, and near the deadline a worker has none. Neither is the chunk's fault.
        if place == AttemptPlace::Here || self.is_late(now) {
            return self.requeue_chunk(chunk);
        }
        self.split_or_retry(
            chunk,
            FunctionFailure::Timeout,
            "no item was done in the time there was".to_owned(),
        );
    }

    /// Ends the map when more items have failed than `on_error` allows.
    #[expect(clippy::cast_precision_loss, reason = "a share of the items")]
    fn end_if_too_many_failed(&mut self) {
        let over = match self.rules.on_error {
            OnError::FailFast => self.failed_items > 0,
            OnError::Collect => false,
            OnError::Tolerate(share) => self.failed_items as f64 > share * self.rules.items as f64,
        };
        if over {
            self.end_map(MapEnd::Failed);
        }
    }

    /// Puts a chunk back to the front of the queue without counting the attempt, unless another attempt of it runs.
    pub(super) fn requeue_chunk(&mut self, chunk: ChunkId) {
        let Some(chunk_state) = self.chunks.get_mut(chunk) else { return };
        if chunk_state.running == 0 {
            chunk_state.tries = chunk_state.tries.saturating_sub(1);
            self.queue.push_front(chunk);
        } else {
            // The other attempt still runs. It may be hedged again, as this one ended without a result.
            chunk_state.is_hedged = false;
        }
    }

    /// Retries a chunk whose items may have run, or fails it if the task is not idempotent.
    pub(super) fn retry_later(&mut self, chunk: ChunkId, now: Duration, kind: FailureCode, message: String) {
        if self.rules.idempotent {
            self.retry_unsent(chunk, now, kind, message);
        } else if self.chunks.get(chunk).is_some_and(|chunk_state| chunk_state.running == 0) {
            self.fail_chunk(chunk, kind, message);
        }
    }

    /// Retries a chunk after a wait, or fails it if no attempts are left.
    pub(super) fn retry_unsent(&mut self, chunk: ChunkId, now: Duration, kind: FailureCode, message: String) {
        let wait = self.random_backoff(chunk);
        let Some(chunk_state) = self.chunks.get(chunk) else { return };
        if chunk_state.running > 0 {
            return;
        }
        if chunk_state.tries >= self.rules.attempts {
            return self.fail_chunk(chunk, kind, message);
        }
        self.counts.retries += 1;
        self.delayed.push((now + wait, chunk));
    }

    /// Splits or retries only idempotent tasks after a function failure, since any item may have run.
    pub(super) fn handle_function_failure(
        &mut self,
        chunk: ChunkId,
        now: Duration,
        failure: FunctionFailure,
        message: String,
    ) {
        let kind =
            if failure == FunctionFailure::Timeout { FailureCode::TimedOut } else { FailureCode::Crashed };
        // The function answered with an error instead of a reply, which no item causes: its panics are caught.
        if failure == FunctionFailure::Error {
            self.retry_later(chunk, now, kind, message);
        } else if self.rules.idempotent {
            self.split_or_retry(chunk, failure, message);
        } else {
            self.fail_chunk(chunk, kind, message);
        }
    }

    /// Splits a chunk whose worker exited or timed out, retries a single item, or fails it.
    fn split_or_retry(&mut self, chunk: ChunkId, failure: FunctionFailure, message: String) {
        let Some(chunk_state) = self.chunks.get_mut(chunk) else { return };
        chunk_state.exits += 1;
        if chunk_state.running > 0 {
            // Another attempt of this chunk is in flight, and its end decides.
            return;
        }
        // A chunk can exceed the timeout by its number of items, and halves then fit. If a half exceeds it too, a single item is
        // too slow, and further splits would each cost a full timeout.
        if chunk_state.items.len() > 1 && !(failure == FunctionFailure::Timeout && chunk_state.has_timed_out)
        {
            chunk_state.has_timed_out |= failure == FunctionFailure::Timeout;
            return self.split_chunk(chunk);
        }
        if failure == FunctionFailure::Timeout || chunk_state.exits >= MAX_EXITS {
            let kind = if failure == FunctionFailure::Timeout {
                FailureCode::TimedOut
            } else {
                FailureCode::Crashed
            };
            return self.fail_chunk(chunk, kind, message);
        }
        self.counts.retries += 1;
        self.queue.push_front(chunk);
    }

    /// Splits a chunk whose event or answer is too large. Items that ran are only repeated for idempotent tasks.
    pub(super) fn handle_too_large(&mut self, chunk: ChunkId, ran: bool, message: String) {
        let Some(chunk_state) = self.chunks.get(chunk) else { return };
        if chunk_state.items.len() > 1 && (self.rules.idempotent || !ran) {
            self.split_chunk(chunk);
        } else if chunk_state.running == 0 {
            self.fail_chunk(chunk, FailureCode::TooLarge, message);
        }
    }

    /// Retries a chunk once after a foreign answer. A second one ends the map: other code is deployed under this name.
    pub(super) fn handle_foreign_answer(&mut self, chunk: ChunkId, message: String) {
        let Some(chunk_state) = self.chunks.get_mut(chunk) else { return };
        chunk_state.foreign += 1;
        if chunk_state.foreign > 1 || !self.rules.idempotent {
            return self.end_map(MapEnd::Fatal { kind: FailureCode::BadOutput, message });
        }
        if chunk_state.running == 0 {
            self.counts.retries += 1;
            self.queue.push_front(chunk);
        }
    }

    /// Stops invoking Lambda. This process computes the rest, unless the caller forbids that.
    pub(super) fn stop_using_lambda(&mut self, chunk: ChunkId, kind: FailureCode, message: String) {
        // With `WhenStuck` the user wants workers, so a missing permission is an error to fix and not a reason to compute here.
        if self.rules.caller == Caller::WhenStuck && kind == FailureCode::Denied {
            return self.end_map(MapEnd::Fatal { kind, message });
        }
        self.lambda_unusable.get_or_insert(message);
        self.requeue_chunk(chunk);
    }

    /// Replaces a chunk by its halves. Repeated, this finds the one item that makes a worker exit, and the other items finish.
    fn split_chunk(&mut self, chunk: ChunkId) {
        let Some(chunk_state) = self.chunks.get_mut(chunk) else { return };
        chunk_state.is_settled = true;
        let (from, to, late) = (chunk_state.items.start, chunk_state.items.end, chunk_state.has_timed_out);
        let middle = from + (to - from) / 2;
        self.counts.splits += 1;
        // Pushed to the front in reverse order, so the first half is sent first.
        for half in [middle..to, from..middle] {
            let id = self.add_chunk(half);
            if let Some(chunk_state) = self.chunks.get_mut(id) {
                chunk_state.has_timed_out = late;
            }
            self.queue.push_front(id);
        }
    }

    /// Fails all items of a chunk. That can end the map, depending on `on_error`.
    fn fail_chunk(&mut self, chunk: ChunkId, kind: FailureCode, message: String) {
        let Some(chunk_state) = self.chunks.get_mut(chunk) else { return };
        chunk_state.is_settled = true;
        self.open_items -= chunk_state.items.len();
        self.failed_items += chunk_state.items.len();
        let attempts = chunk_state.tries;
        self.failures.push(ChunkFailure { items: chunk_state.items.clone(), attempts, kind, message });
        self.end_if_too_many_failed();
    }

    /// The wait before a retry: exponential with full jitter, so that the retries of many chunks spread out.
    ///
    /// AWS: <https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/>
    fn random_backoff(&mut self, chunk: ChunkId) -> Duration {
        let tries = self.chunks.get(chunk).map_or(1, |chunk_state| chunk_state.tries);
        let most = BACKOFF * 2_u32.saturating_pow(tries.min(8));
        most.mul_f64(self.random.next_fraction())
    }
}

#[cfg(test)]
mod tests {
    use lzap_wire::invoke::ThrottleReason;

    use super::*;
    use crate::attempt::{AttemptEnd, AttemptId};
    use crate::budget::BudgetLimits;
    use crate::machine::NextStep;
    use crate::options::Hedge;
    use crate::rules::MapRules;
    use crate::window::Window;

    const SEC: Duration = Duration::from_secs(1);

    fn rules(idempotent: bool) -> MapRules {
        MapRules {
            limit: 100,
            attempts: 3,
            budget: BudgetLimits::default(),
            idempotent,
            hedge: Some(Hedge::default()),
            on_error: OnError::Collect,
            caller: Caller::WhenStuck,
            cores: 1,
            deadline: Some(100 * SEC),
            last_start: Some(90 * SEC),
            items: 24,
            seed: 1,
        }
    }

    /// Starts twelve chunks of two items and ends all but the last after one second. Returns the last attempt.
    fn end_all_but_one(machine: &mut Machine, window: &mut Window) -> AttemptId {
        let mut started = Vec::new();
        while let NextStep::Start { attempt, .. } = machine.next_step(Duration::ZERO, window) {
            started.push(attempt);
        }
        let last = started.pop().expect("twelve");
        for attempt in started {
            machine.record_end(attempt, SEC, AttemptEnd::Done { items: 2, failed: 0 }, window);
        }
        last
    }

    fn twelve_chunks(idempotent: bool) -> Machine {
        let chunks: Vec<_> = (0..12).map(|n| 2 * n..2 * n + 2).collect();
        Machine::new(rules(idempotent), &chunks)
    }

    #[test]
    fn failed_attempt_with_a_hedged_one_in_flight_neither_fails_nor_splits() {
        for end in [
            AttemptEnd::FunctionFailed { failure: FunctionFailure::Exit, message: String::new() },
            AttemptEnd::FunctionFailed { failure: FunctionFailure::Timeout, message: String::new() },
            AttemptEnd::ResponseLost(String::new()),
            AttemptEnd::Throttled { reason: ThrottleReason::Concurrency, retry_after: None },
        ] {
            let (mut machine, mut window) = (twelve_chunks(true), Window::default());
            let slow = end_all_but_one(&mut machine, &mut window);
            let NextStep::Start { attempt: hedged, .. } = machine.next_step(3 * SEC, &mut window) else {
                panic!("no hedged attempt")
            };
            machine.record_end(slow, 4 * SEC, end.clone(), &mut window);
            let verdict =
                machine.record_end(hedged, 5 * SEC, AttemptEnd::Done { items: 2, failed: 0 }, &mut window);
            assert_eq!(verdict, Verdict::Take(22..24), "{end:?}");
            assert_eq!(machine.next_step(6 * SEC, &mut window), NextStep::Finished);
            assert_eq!((machine.take_failures(), machine.counts.splits), (Vec::new(), 0), "{end:?}");
        }
    }

    #[test]
    fn answer_too_large_splits_only_when_the_items_may_run_again() {
        let too_large = |ran| AttemptEnd::TooLarge { ran, message: String::new() };
        for (idempotent, ran, splits) in
            [(true, true, 1), (true, false, 1), (false, false, 1), (false, true, 0)]
        {
            let (mut machine, mut window) = (twelve_chunks(idempotent), Window::default());
            let last = end_all_but_one(&mut machine, &mut window);
            machine.record_end(last, SEC, too_large(ran), &mut window);
            let failed = machine.take_failures().len();
            assert_eq!((machine.counts.splits, failed), (splits, 1 - splits), "{idempotent} {ran}");
        }
    }

    /// The caller tries its first items for 20 ms, in which a busy machine may start none.
    #[test]
    fn local_attempt_that_started_no_item_is_sent_to_a_worker() {
        let (mut machine, mut window) = (Machine::new(rules(true), &[]), Window::default());
        let here = machine.start_here(0..2, Duration::ZERO);
        machine.record_end(here, SEC, AttemptEnd::Done { items: 0, failed: 0 }, &mut window);
        let next = machine.next_step(SEC, &mut window);
        assert!(matches!(
            next,
            NextStep::Start { items: Range { start: 0, end: 2 }, place: AttemptPlace::Remote, .. }
        ));
        assert_eq!((machine.take_failures().len(), machine.counts.splits), (0, 0));
    }

    #[test]
    fn items_after_a_slow_local_item_are_sent_one_by_one() {
        let (mut machine, mut window) = (Machine::new(rules(true), &[]), Window::default());
        let here = machine.start_here(0..5, Duration::ZERO);
        let verdict = machine.record_end(here, SEC, AttemptEnd::Done { items: 2, failed: 0 }, &mut window);
        assert_eq!(verdict, Verdict::Take(0..2));
        for item in 2..5 {
            let NextStep::Start { items, .. } = machine.next_step(SEC, &mut window) else {
                panic!("not sent")
            };
            assert_eq!(items, item..item + 1);
        }
    }

    /// An answer would arrive after the deadline, so the map ends at once.
    #[test]
    fn next_step_after_the_last_start_ends_the_map_without_failures() {
        for idempotent in [true, false] {
            let (mut machine, mut window) = (twelve_chunks(idempotent), Window::default());
            let last = end_all_but_one(&mut machine, &mut window);
            let verdict =
                machine.record_end(last, 91 * SEC, AttemptEnd::Done { items: 0, failed: 0 }, &mut window);
            assert_eq!(
                (verdict, machine.next_step(91 * SEC, &mut window)),
                (Verdict::Drop, NextStep::Finished)
            );
            assert_eq!((machine.take_failures().len(), machine.end()), (0, Some(&MapEnd::Deadline)));
        }
    }

    /// Items that exceed the worker's timeout exceed it in the hedged attempt too.
    #[test]
    fn chunk_with_two_timed_out_attempts_is_split() {
        let (mut machine, mut window) = (twelve_chunks(true), Window::default());
        let slow = end_all_but_one(&mut machine, &mut window);
        let NextStep::Start { attempt: hedged, .. } = machine.next_step(3 * SEC, &mut window) else {
            panic!("no hedged attempt")
        };
        for attempt in [slow, hedged] {
            let late =
                AttemptEnd::FunctionFailed { failure: FunctionFailure::Timeout, message: String::new() };
            machine.record_end(attempt, 4 * SEC, late, &mut window);
        }
        assert_eq!((machine.counts.splits, machine.take_failures().len()), (1, 0));
        for _ in 0..2 {
            let NextStep::Start { attempt, items, .. } = machine.next_step(5 * SEC, &mut window) else {
                panic!("not sent")
            };
            assert_eq!(items.len(), 1);
            machine.record_end(attempt, 6 * SEC, AttemptEnd::Done { items: 1, failed: 0 }, &mut window);
        }
        assert_eq!(machine.next_step(6 * SEC, &mut window), NextStep::Finished);
    }

    /// Without this wake-up the hedged attempt would wait for another attempt's end, and there may be none.
    #[test]
    fn hedged_attempt_that_waits_for_capacity_starts_when_there_is_some() {
        let (mut machine, mut window) = (twelve_chunks(true), Window::default());
        end_all_but_one(&mut machine, &mut window);
        // Another map's request is throttled, so no launch is allowed for a second.
        window.record_launch(3 * SEC);
        window.record_rate_throttle(3 * SEC, Some(SEC));
        assert_eq!(machine.next_step(3 * SEC, &mut window), NextStep::Wait(Some(4 * SEC)));
        assert!(matches!(machine.next_step(4 * SEC, &mut window), NextStep::Start { .. }));
    }
}
