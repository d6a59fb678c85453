//! What an attempt's ending means for its chunk: results, another try, two halves, or a failure.

use std::ops::Range;
use std::time::Duration;

use super::{ChunkId, DEATHS, End, Ended, Failure, Machine, Verdict, Where};
use crate::engine::{FunctionFailure, ThrottleReason};
use crate::map::options::{Caller, OnError};
use crate::map::window::Window;
use crate::task::error::TaskErrorKind;

/// The first wait after a lost connection; doubled each time, and shortened at random.
const BACKOFF: Duration = Duration::from_millis(50);

impl Machine {
    pub(super) fn done(&mut self, chunk: ChunkId, items: usize, failed: usize, place: Where) -> Verdict {
        let Some(piece) = self.pieces.get_mut(chunk) else { return Verdict::Drop };
        let Range { start, end } = piece.items;
        let middle = start + items.min(end - start);
        piece.settled = true;
        piece.items = start..middle;
        // What this process has left lies behind a slow item, and may be as slow: no two of them need wait for each other.
        let step = if place == Where::Here { 1 } else { end - middle };
        for rest in (middle..end).step_by(step.max(1)).rev() {
            let id = self.piece(rest..end.min(rest + step));
            self.queue.push_front(id);
        }
        self.open_items -= middle - start;
        self.failed_items += failed;
        self.weigh();
        Verdict::Take(start..middle)
    }

    /// The time there was ended before the first item of it. No item has run.
    pub(super) fn not_begun(&mut self, chunk: ChunkId, now: Duration, place: Where) {
        if place == Where::Here || self.is_late(now) {
            return self.again(chunk);
        }
        self.killed(chunk, FunctionFailure::Timeout, "no item was done in the time there was".to_owned());
    }

    /// Whether too many items have failed.
    #[expect(clippy::cast_precision_loss, reason = "a share of the items")]
    fn weigh(&mut self) {
        let over = match self.rules.on_error {
            OnError::FailFast => self.failed_items > 0,
            OnError::Collect => false,
            OnError::Tolerate(share) => self.failed_items as f64 > share * self.rules.items as f64,
        };
        if over {
            self.stop(End::Failed);
        }
    }

    /// Back to the front of the queue, unless another attempt of it still runs.
    pub(super) fn again(&mut self, chunk: ChunkId) {
        let Some(piece) = self.pieces.get_mut(chunk) else { return };
        if piece.running == 0 {
            piece.tries = piece.tries.saturating_sub(1);
            self.queue.push_front(chunk);
        } else {
            piece.hedged = false;
        }
    }

    pub(super) fn lost(&mut self, chunk: ChunkId, now: Duration, kind: TaskErrorKind, message: String) {
        let wait = self.backoff(chunk);
        let Some(piece) = self.pieces.get(chunk) else { return };
        if piece.running > 0 {
            return;
        }
        if !self.rules.idempotent || piece.tries >= self.rules.attempts {
            return self.fail(chunk, kind, message);
        }
        self.counts.retries += 1;
        self.resting.push((now + wait, chunk));
    }

    pub(super) fn died(&mut self, chunk: ChunkId, now: Duration, how: FunctionFailure, message: String) {
        let kind =
            if how == FunctionFailure::Timeout { TaskErrorKind::TimedOut } else { TaskErrorKind::Crashed };
        if how == FunctionFailure::Error {
            self.lost(chunk, now, kind, message);
        } else if self.rules.idempotent {
            self.killed(chunk, how, message);
        } else {
            self.fail(chunk, kind, message);
        }
    }

    /// Its items may run again, in halves.
    fn killed(&mut self, chunk: ChunkId, how: FunctionFailure, message: String) {
        let Some(piece) = self.pieces.get_mut(chunk) else { return };
        piece.deaths += 1;
        if piece.running > 0 {
            // Its rival's end decides.
            return;
        }
        if piece.items.len() > 1 && !(how == FunctionFailure::Timeout && piece.late) {
            piece.late |= how == FunctionFailure::Timeout;
            return self.split(chunk);
        }
        if how == FunctionFailure::Timeout || piece.deaths >= DEATHS {
            let kind = if how == FunctionFailure::Timeout {
                TaskErrorKind::TimedOut
            } else {
                TaskErrorKind::Crashed
            };
            return self.fail(chunk, kind, message);
        }
        self.counts.retries += 1;
        self.queue.push_front(chunk);
    }

    pub(super) fn too_large(&mut self, chunk: ChunkId, ran: bool, message: String) {
        let Some(piece) = self.pieces.get(chunk) else { return };
        if piece.items.len() > 1 && (self.rules.idempotent || !ran) {
            self.split(chunk);
        } else if piece.running == 0 {
            self.fail(chunk, TaskErrorKind::TooLarge, message);
        }
    }

    pub(super) fn foreign(&mut self, chunk: ChunkId, message: String) {
        let Some(piece) = self.pieces.get_mut(chunk) else { return };
        piece.foreign += 1;
        if piece.foreign > 1 || !self.rules.idempotent {
            return self.stop(End::Fatal { kind: TaskErrorKind::BadOutput, message });
        }
        if piece.running == 0 {
            self.counts.retries += 1;
            self.queue.push_front(chunk);
        }
    }

    pub(super) fn without_lambda(&mut self, chunk: ChunkId, kind: TaskErrorKind, message: String) {
        if self.rules.caller == Caller::WhenStuck && kind == TaskErrorKind::Denied {
            return self.stop(End::Fatal { kind, message });
        }
        self.no_lambda.get_or_insert(message);
        self.again(chunk);
    }

    /// Two halves in its place: one of them holds what kills a worker, and the other is done soon.
    fn split(&mut self, chunk: ChunkId) {
        let Some(piece) = self.pieces.get_mut(chunk) else { return };
        piece.settled = true;
        let (from, to, late) = (piece.items.start, piece.items.end, piece.late);
        let middle = from + (to - from) / 2;
        self.counts.splits += 1;
        for half in [middle..to, from..middle] {
            let id = self.piece(half);
            if let Some(piece) = self.pieces.get_mut(id) {
                piece.late = late;
            }
            self.queue.push_front(id);
        }
    }

    fn fail(&mut self, chunk: ChunkId, kind: TaskErrorKind, message: String) {
        let Some(piece) = self.pieces.get_mut(chunk) else { return };
        piece.settled = true;
        self.open_items -= piece.items.len();
        self.failed_items += piece.items.len();
        let attempts = piece.tries;
        self.failures.push(Failure { items: piece.items.clone(), attempts, kind, message });
        self.weigh();
    }

    /// Full jitter: somewhere between nothing and twice the last wait.
    fn backoff(&mut self, chunk: ChunkId) -> Duration {
        let tries = self.pieces.get(chunk).map_or(1, |piece| piece.tries);
        let most = BACKOFF * 2_u32.saturating_pow(tries.min(8));
        most.mul_f64(self.fraction())
    }

    /// `SplitMix64`, between 0 and 1.
    fn fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let high = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0);
        f64::from(high) / f64::from(u32::MAX)
    }
}

/// What an attempt's end says about the room there is.
pub(super) fn tell(window: &mut Window, now: Duration, ended: &Ended) {
    match ended {
        Ended::Throttled { cause: ThrottleReason::Concurrency, retry_after } => {
            window.full(now, *retry_after)
        }
        Ended::Throttled { cause: ThrottleReason::Rate, retry_after } => window.too_fast(now, *retry_after),
        Ended::OutOfFiles => window.out_of_files(),
        Ended::Lost(_) | Ended::NoLambda { .. } | Ended::TooLarge { .. } => window.gone(),
        _ => window.answered(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::machine::{AttemptId, Next, Rules};
    use crate::map::options::Hedge;

    const SEC: Duration = Duration::from_secs(1);

    fn rules(idempotent: bool) -> Rules {
        Rules {
            limit: 100,
            attempts: 3,
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

    /// Twelve chunks of two items are under way; all but the last are done after a second.
    fn all_but_one(machine: &mut Machine, window: &mut Window) -> AttemptId {
        let mut started = Vec::new();
        while let Next::Start { attempt, .. } = machine.next(Duration::ZERO, window) {
            started.push(attempt);
        }
        let last = started.pop().expect("twelve");
        for attempt in started {
            machine.ended(attempt, SEC, Ended::Done { items: 2, failed: 0 }, window);
        }
        last
    }

    fn twelve(idempotent: bool) -> Machine {
        let chunks: Vec<_> = (0..12).map(|n| 2 * n..2 * n + 2).collect();
        Machine::new(rules(idempotent), &chunks)
    }

    #[test]
    fn while_its_rival_runs_a_chunk_neither_fails_nor_splits() {
        for ended in [
            Ended::Died { how: FunctionFailure::Exit, message: String::new() },
            Ended::Died { how: FunctionFailure::Timeout, message: String::new() },
            Ended::Lost(String::new()),
            Ended::Throttled { cause: ThrottleReason::Concurrency, retry_after: None },
        ] {
            let (mut machine, mut window) = (twelve(true), Window::default());
            let slow = all_but_one(&mut machine, &mut window);
            let Next::Start { attempt: rival, .. } = machine.next(3 * SEC, &mut window) else {
                panic!("no rival")
            };
            machine.ended(slow, 4 * SEC, ended.clone(), &mut window);
            let verdict = machine.ended(rival, 5 * SEC, Ended::Done { items: 2, failed: 0 }, &mut window);
            assert_eq!(verdict, Verdict::Take(22..24), "{ended:?}");
            assert_eq!(machine.next(6 * SEC, &mut window), Next::Finished);
            assert_eq!((machine.take_failures(), machine.counts.splits), (Vec::new(), 0), "{ended:?}");
        }
    }

    #[test]
    fn an_answer_that_is_too_large_is_halved_only_where_its_items_may_run_again() {
        let too_large = |ran| Ended::TooLarge { ran, message: String::new() };
        for (idempotent, ran, splits) in
            [(true, true, 1), (true, false, 1), (false, false, 1), (false, true, 0)]
        {
            let (mut machine, mut window) = (twelve(idempotent), Window::default());
            let last = all_but_one(&mut machine, &mut window);
            machine.ended(last, SEC, too_large(ran), &mut window);
            let failed = machine.take_failures().len();
            assert_eq!((machine.counts.splits, failed), (splits, 1 - splits), "{idempotent} {ran}");
        }
    }

    /// The caller gives its first items so little time that a busy machine may not begin any.
    #[test]
    fn what_this_process_had_no_time_to_begin_is_sent_and_has_not_failed() {
        let (mut machine, mut window) = (Machine::new(rules(true), &[]), Window::default());
        let here = machine.begin_here(0..2, Duration::ZERO);
        machine.ended(here, SEC, Ended::Done { items: 0, failed: 0 }, &mut window);
        let next = machine.next(SEC, &mut window);
        assert!(matches!(next, Next::Start { items: Range { start: 0, end: 2 }, place: Where::Remote, .. }));
        assert_eq!((machine.take_failures().len(), machine.counts.splits), (0, 0));
    }

    #[test]
    fn what_this_process_leaves_behind_a_slow_item_is_sent_item_by_item() {
        let (mut machine, mut window) = (Machine::new(rules(true), &[]), Window::default());
        let here = machine.begin_here(0..5, Duration::ZERO);
        let verdict = machine.ended(here, SEC, Ended::Done { items: 2, failed: 0 }, &mut window);
        assert_eq!(verdict, Verdict::Take(0..2));
        for item in 2..5 {
            let Next::Start { items, .. } = machine.next(SEC, &mut window) else { panic!("not sent") };
            assert_eq!(items, item..item + 1);
        }
    }

    /// It can't be back in time; so what is left is not sent, and nothing is waited for.
    #[test]
    fn shortly_before_the_end_nothing_is_sent_and_nothing_fails_for_want_of_time() {
        for idempotent in [true, false] {
            let (mut machine, mut window) = (twelve(idempotent), Window::default());
            let last = all_but_one(&mut machine, &mut window);
            let verdict = machine.ended(last, 91 * SEC, Ended::Done { items: 0, failed: 0 }, &mut window);
            assert_eq!((verdict, machine.next(91 * SEC, &mut window)), (Verdict::Drop, Next::Finished));
            assert_eq!((machine.take_failures().len(), machine.end()), (0, Some(&End::Deadline)));
        }
    }

    /// Whoever is too slow for its time gets a rival, which is too slow as well.
    #[test]
    fn a_chunk_whose_rivals_both_run_out_of_time_is_halved() {
        let (mut machine, mut window) = (twelve(true), Window::default());
        let slow = all_but_one(&mut machine, &mut window);
        let Next::Start { attempt: rival, .. } = machine.next(3 * SEC, &mut window) else {
            panic!("no rival")
        };
        for attempt in [slow, rival] {
            let late = Ended::Died { how: FunctionFailure::Timeout, message: String::new() };
            machine.ended(attempt, 4 * SEC, late, &mut window);
        }
        assert_eq!((machine.counts.splits, machine.take_failures().len()), (1, 0));
        for _ in 0..2 {
            let Next::Start { attempt, items, .. } = machine.next(5 * SEC, &mut window) else {
                panic!("not sent")
            };
            assert_eq!(items.len(), 1);
            machine.ended(attempt, 6 * SEC, Ended::Done { items: 1, failed: 0 }, &mut window);
        }
        assert_eq!(machine.next(6 * SEC, &mut window), Next::Finished);
    }

    /// Else it would be sent when something else happens, and nothing else may.
    #[test]
    fn a_rival_that_waits_for_room_is_woken_when_there_is_some() {
        let (mut machine, mut window) = (twelve(true), Window::default());
        all_but_one(&mut machine, &mut window);
        // Another map's request is refused: there is no room before so much later.
        window.sent(3 * SEC);
        window.too_fast(3 * SEC, Some(SEC));
        assert_eq!(machine.next(3 * SEC, &mut window), Next::Wait(Some(4 * SEC)));
        assert!(matches!(machine.next(4 * SEC, &mut window), Next::Start { .. }));
    }
}
