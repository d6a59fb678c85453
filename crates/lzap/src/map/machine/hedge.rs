//! When a chunk is slow enough for a second invocation.

use std::time::Duration;

use super::{Attempt, ChunkId, Machine, Where};
use crate::map::options::Hedge;

/// So many times the median is slow once nineteen of twenty chunks are done: then it is what the map waits for, there is
/// room for a rival, and there are enough others to tell.
const SLOW_AT_THE_END: f64 = 2.0;

impl Machine {
    /// A chunk that has run for so long that a second invocation of it may be first.
    pub(super) fn slowest(&self, now: Duration) -> Option<ChunkId> {
        let hedge = self.rules.hedge.filter(|_| self.rules.idempotent)?;
        let limit = self.slow_after(&hedge)?;
        let slow = |attempt: &&Attempt| {
            attempt.open
                && attempt.place == Where::Remote
                && now.saturating_sub(attempt.since) >= limit
                && self.pieces.get(attempt.chunk).is_some_and(|piece| !piece.settled && !piece.hedged)
        };
        self.attempts.iter().filter(slow).min_by_key(|attempt| attempt.since).map(|attempt| attempt.chunk)
    }

    /// From when on a chunk is slow; none while there is too little to tell, or no budget left.
    #[expect(clippy::cast_precision_loss, reason = "at most ten thousand chunks")]
    pub(super) fn slow_after(&self, hedge: &Hedge) -> Option<Duration> {
        let chunks = self.chunks();
        let spent = self.counts.hedges as f64 >= (hedge.budget * chunks as f64).max(1.0);
        if chunks < 10 || self.times.len() * 2 < chunks || spent || hedge.budget == 0.0 {
            return None;
        }
        let median = self.times.get(self.times.len() / 2)?;
        let (times, least) = if self.times.len() * 20 >= chunks * 19 {
            (hedge.slower_than.min(SLOW_AT_THE_END), hedge.at_least / 10)
        } else {
            (hedge.slower_than, hedge.at_least)
        };
        Some(median.mul_f64(times).max(least))
    }
}
