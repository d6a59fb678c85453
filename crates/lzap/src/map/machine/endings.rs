//! What an attempt's ending means for its chunk: results, another try, two halves, or a failure.

use std::time::Duration;

use super::{ChunkId, DEATHS, End, Ended, Failure, Machine, Verdict};
use crate::engine::{Death, Throttle};
use crate::map::options::{Caller, OnError};
use crate::map::window::Window;
use crate::task::error::TaskErrorKind;

/// The first wait after a lost connection; doubled each time, and shortened at random.
const BACKOFF: Duration = Duration::from_millis(50);

impl Machine {
    pub(super) fn done(&mut self, chunk: ChunkId, items: usize, failed: usize) -> Verdict {
        let Some(piece) = self.pieces.get_mut(chunk) else { return Verdict::Drop };
        let items = items.min(piece.items.len());
        if items == 0 && !piece.items.is_empty() {
            // It stopped for want of time before the first: like a timeout.
            self.died(
                chunk,
                Duration::ZERO,
                Death::Timeout,
                "no item was done in the time there was".to_owned(),
            );
            return Verdict::Drop;
        }
        piece.settled = true;
        let (taken, rest) =
            (piece.items.start..piece.items.start + items, piece.items.start + items..piece.items.end);
        piece.items = taken.clone();
        if !rest.is_empty() {
            let id = self.piece(rest);
            self.queue.push_front(id);
        }
        self.open_items -= taken.len();
        self.failed_items += failed;
        self.weigh();
        Verdict::Take(taken)
    }

    /// Whether too many items have failed.
    #[expect(clippy::cast_precision_loss, reason = "a share of the items")]
    fn weigh(&mut self) {
        let over = match self.rules.on_error {
            OnError::FailFast => self.failed_items > 0,
            OnError::Collect => false,
            OnError::Tolerate(share) => self.failed_items as f64 > share * self.items as f64,
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

    pub(super) fn died(&mut self, chunk: ChunkId, now: Duration, how: Death, message: String) {
        if how == Death::Error {
            return self.lost(chunk, now, TaskErrorKind::Crashed, message);
        }
        let kind = if how == Death::Timeout { TaskErrorKind::TimedOut } else { TaskErrorKind::Crashed };
        let Some(piece) = self.pieces.get_mut(chunk) else { return };
        piece.deaths += 1;
        piece.timeouts += u32::from(how == Death::Timeout);
        if !self.rules.idempotent {
            return self.fail(chunk, kind, message);
        }
        let halves = piece.items.len() > 1 && !(how == Death::Timeout && piece.timeouts > 1);
        if halves {
            return self.split(chunk);
        }
        if how == Death::Timeout || piece.deaths >= DEATHS {
            return self.fail(chunk, kind, message);
        }
        if piece.running == 0 {
            self.counts.retries += 1;
            self.queue.push_front(chunk);
        }
    }

    pub(super) fn too_large(&mut self, chunk: ChunkId, message: String) {
        if self.pieces.get(chunk).is_some_and(|piece| piece.items.len() > 1) {
            self.split(chunk);
        } else {
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
        let (from, to, timeouts) = (piece.items.start, piece.items.end, piece.timeouts);
        let middle = from + (to - from) / 2;
        self.counts.splits += 1;
        for half in [middle..to, from..middle] {
            let id = self.piece(half);
            if let Some(piece) = self.pieces.get_mut(id) {
                piece.timeouts = timeouts;
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
        Ended::Throttled { cause: Throttle::Concurrency, retry_after } => window.full(now, *retry_after),
        Ended::Throttled { cause: Throttle::Rate, retry_after } => window.too_fast(now, *retry_after),
        Ended::OutOfFiles => window.out_of_files(),
        Ended::Lost(_) | Ended::NoLambda { .. } | Ended::TooLarge(_) => window.gone(),
        _ => window.answered(now),
    }
}
