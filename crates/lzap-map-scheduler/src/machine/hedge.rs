//! Hedged attempts: a second invocation of a slow chunk, whose first answer counts.

use std::time::Duration;

use super::{AttemptState, Machine};
use crate::attempt::ChunkId;
use crate::options::Hedge;

/// A chunk is slow at this multiple of the median, or at a lower chosen one, once 95 % of the chunks are done.
///
/// The threshold is lower at the end, because the map then waits for these chunks alone, capacity is free, and the median
/// is reliable.
const SLOW_AT_THE_END: f64 = 2.0;

impl Machine {
    /// The chunk that has run longest, if it is slow enough to hedge.
    ///
    /// Only idempotent tasks are hedged, since both invocations run the items.
    pub(super) fn slowest_chunk(&self, now: Duration) -> Option<ChunkId> {
        let hedge = self.rules.hedge.filter(|_| self.rules.idempotent)?;
        // Chunks that wait for a retry need their invocations more.
        if !self.budget.has_spare(self.delayed.len()) {
            return None;
        }
        let limit = self.hedge_threshold(&hedge)?;
        let slow = |attempt: &&AttemptState| {
            now.saturating_sub(attempt.started) >= limit
                && self
                    .chunks
                    .get(attempt.chunk)
                    .is_some_and(|chunk_state| !chunk_state.is_settled && !chunk_state.is_hedged)
        };
        // The oldest attempt is the most likely one to be on a slow host.
        self.remote_in_flight().find(slow).map(|attempt| attempt.chunk)
    }

    /// The duration from which a chunk counts as slow. `None` with fewer than ten chunks, before half of them are done, and
    /// when the share of hedged attempts is used up.
    #[expect(clippy::cast_precision_loss, reason = "at most ten thousand chunks")]
    pub(super) fn hedge_threshold(&self, hedge: &Hedge) -> Option<Duration> {
        let chunks = self.chunk_count();
        // Fractions round up, so that each budget above zero allows at least one hedged attempt.
        let spent = self.counts.hedges as f64 >= (hedge.budget * chunks as f64).max(1.0);
        // With fewer chunks, a median says little about what is slow.
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
