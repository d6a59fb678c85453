//! What a map does next: a machine that is told what happened, and says what to send where.
//!
//! Pure: no clock, no I/O, no randomness but a seed's. `drive.rs` runs it against Lambda; the simulator runs the same
//! machine in virtual time. Times are since the owner's epoch.

mod endings;
mod hedge;

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use super::options::{Caller, Hedge, OnError};
use super::window::{Room, Window};
use crate::engine::{FunctionFailure, ThrottleReason};
use crate::task::error::TaskErrorKind;
use endings::tell;

/// Attempts of a single item at which a worker died: one more could be another item's fault.
const DEATHS: u32 = 2;
/// How often a map that shares its window looks whether another has made room.
const LOOK: Duration = Duration::from_millis(50);

/// The rules of one map.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) limit: usize,
    pub(crate) attempts: u32,
    pub(crate) idempotent: bool,
    pub(crate) hedge: Option<Hedge>,
    pub(crate) on_error: OnError,
    pub(crate) caller: Caller,
    /// Chunks that this process computes at once.
    pub(crate) cores: usize,
    /// When it must be over.
    pub(crate) deadline: Option<Duration>,
    /// From when on nothing is sent any more: it would be back too late.
    pub(crate) last_start: Option<Duration>,
    /// Items of all of the map, those included that are in no chunk any more.
    pub(crate) items: usize,
    pub(crate) seed: u64,
}

/// A chunk of the map, by its place in the list.
pub(crate) type ChunkId = usize;
/// One try of one chunk.
pub(crate) type AttemptId = usize;

/// Where an attempt runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    Remote,
    Here,
}

/// What to do now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Next {
    Start {
        attempt: AttemptId,
        items: Range<usize>,
        place: Where,
    },
    /// Until an attempt ends, or this time.
    Wait(Option<Duration>),
    Finished,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ended {
    /// With results for so many items, from the first on.
    Done {
        items: usize,
        failed: usize,
    },
    Throttled {
        cause: ThrottleReason,
        retry_after: Option<Duration>,
    },
    Died {
        how: FunctionFailure,
        message: String,
    },
    /// It may have run.
    Lost(String),
    /// It was never sent: no file descriptor was left.
    OutOfFiles,
    /// The event doesn't fit, or the answer: then its items have run.
    TooLarge {
        ran: bool,
        message: String,
    },
    /// An answer that isn't one of this chunk.
    Foreign(String),
    /// Lambda can't be used at all.
    NoLambda {
        kind: TaskErrorKind,
        message: String,
    },
    /// The other side doesn't know what to do: no attempt would end otherwise.
    Fatal {
        kind: TaskErrorKind,
        message: String,
    },
}

/// What the owner does with an attempt's answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// These items have their results now.
    Take(Range<usize>),
    /// Nothing: there was no answer, or another was first.
    Drop,
}

/// Why items have no result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) items: Range<usize>,
    pub(crate) attempts: u32,
    pub(crate) kind: TaskErrorKind,
    pub(crate) message: String,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) attempts: usize,
    pub(crate) here: usize,
    pub(crate) throttles: usize,
    pub(crate) retries: usize,
    pub(crate) splits: usize,
    pub(crate) hedges: usize,
    pub(crate) hedges_won: usize,
    pub(crate) duplicates: usize,
}

#[derive(Clone, Debug)]
struct Piece {
    items: Range<usize>,
    settled: bool,
    tries: u32,
    deaths: u32,
    /// Half of one that ran out of time.
    late: bool,
    foreign: u32,
    running: usize,
    hedged: bool,
}

#[derive(Clone, Debug)]
struct Attempt {
    chunk: ChunkId,
    place: Where,
    since: Duration,
    hedge: bool,
    /// Not the chunk's first.
    again: bool,
    open: bool,
}

/// The state of one map.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    rules: Rules,
    pieces: Vec<Piece>,
    attempts: Vec<Attempt>,
    queue: VecDeque<ChunkId>,
    /// Chunks that wait for another try, and until when.
    resting: Vec<(Duration, ChunkId)>,
    remote: usize,
    here: usize,
    /// Items without a result or a failure.
    open_items: usize,
    failed_items: usize,
    /// Sorted: how long answered chunks took.
    times: Vec<Duration>,
    failures: Vec<Failure>,
    /// Why Lambda is not invoked any more.
    pub(crate) no_lambda: Option<String>,
    ended: Option<End>,
    pub(crate) counts: Counts,
    random: u64,
}

/// Why a map ended before all was done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    Deadline,
    /// More items failed than may.
    Failed,
    Cost,
    Fatal {
        kind: TaskErrorKind,
        message: String,
    },
}

impl Machine {
    pub(crate) fn new(rules: Rules, chunks: &[Range<usize>]) -> Self {
        let mut machine = Self {
            random: rules.seed,
            rules,
            pieces: Vec::with_capacity(chunks.len()),
            attempts: Vec::with_capacity(chunks.len()),
            queue: VecDeque::with_capacity(chunks.len()),
            resting: Vec::new(),
            remote: 0,
            here: 0,
            failed_items: 0,
            open_items: 0,
            times: Vec::new(),
            failures: Vec::new(),
            no_lambda: None,
            ended: None,
            counts: Counts::default(),
        };
        machine.extend(chunks);
        machine
    }

    /// More chunks, behind those that there are.
    pub(crate) fn extend(&mut self, chunks: &[Range<usize>]) {
        for items in chunks {
            self.open_items += items.len();
            let id = self.piece(items.clone());
            self.queue.push_back(id);
        }
    }

    /// One more chunk, which this process begins to compute right now.
    pub(crate) fn begin_here(&mut self, items: Range<usize>, now: Duration) -> AttemptId {
        self.open_items += items.len();
        let chunk = self.piece(items);
        self.here += 1;
        self.start(chunk, Where::Here, now, false).0
    }

    /// From now on this process computes all of it, so many chunks at once.
    pub(crate) fn alone(&mut self, cores: usize) {
        (self.rules.caller, self.rules.cores) = (Caller::Alone, cores);
    }

    /// What to do at `now`. Asked again until it says to wait.
    pub(crate) fn next(&mut self, now: Duration, window: &mut Window) -> Next {
        if self.rules.deadline.is_some_and(|deadline| now >= deadline) && self.open_items > 0 {
            self.stop(End::Deadline);
        }
        if self.open_items == 0 || self.ended.is_some() {
            return Next::Finished;
        }
        self.wake(now);
        window.look(now);
        let sends = self.rules.caller != Caller::Alone && self.no_lambda.is_none() && !self.is_late(now);
        if sends
            && self.room(now, window) == Room::Now
            && let Some((chunk, hedge)) = self.next_chunk(now)
        {
            window.sent(now);
            self.remote += 1;
            let (attempt, items) = self.start(chunk, Where::Remote, now, hedge);
            return Next::Start { attempt, items, place: Where::Remote };
        }
        if self.here_helps(now, window)
            && let Some(chunk) = self.queue.pop_back()
        {
            self.here += 1;
            let (attempt, items) = self.start(chunk, Where::Here, now, false);
            return Next::Start { attempt, items, place: Where::Here };
        }
        if self.is_late(now) && self.remote + self.here == 0 && self.resting.is_empty() {
            // Nothing will be begun any more.
            self.stop(End::Deadline);
            return Next::Finished;
        }
        Next::Wait(self.wait_until(now, window))
    }

    /// Whether what is sent now would be back too late.
    fn is_late(&self, now: Duration) -> bool {
        self.rules.caller != Caller::Alone && self.rules.last_start.is_some_and(|last| now >= last)
    }

    /// Takes in how an attempt ended.
    pub(crate) fn ended(
        &mut self,
        id: AttemptId,
        now: Duration,
        ended: Ended,
        window: &mut Window,
    ) -> Verdict {
        let Some(attempt) = self.attempts.get_mut(id).filter(|attempt| attempt.open) else {
            return Verdict::Drop;
        };
        attempt.open = false;
        let attempt = attempt.clone();
        match attempt.place {
            Where::Here => self.here = self.here.saturating_sub(1),
            Where::Remote => {
                self.remote = self.remote.saturating_sub(1);
                tell(window, now, &ended);
            }
        }
        let chunk = attempt.chunk;
        let Some(piece) = self.pieces.get_mut(chunk) else { return Verdict::Drop };
        piece.running = piece.running.saturating_sub(1);
        if piece.settled || self.ended.is_some() {
            self.counts.duplicates += usize::from(piece.settled && matches!(ended, Ended::Done { .. }));
            return Verdict::Drop;
        }
        match ended {
            Ended::Done { items: 0, .. } => self.not_begun(chunk, now, attempt.place),
            Ended::Done { items, failed } => {
                self.remember(now.saturating_sub(attempt.since), attempt.place);
                self.counts.hedges_won += usize::from(attempt.hedge);
                return self.done(chunk, items, failed, attempt.place);
            }
            Ended::Throttled { .. } => {
                self.counts.throttles += 1;
                self.again(chunk);
            }
            Ended::OutOfFiles => self.again(chunk),
            Ended::Lost(message) => self.lost(chunk, now, TaskErrorKind::Unreachable, message),
            Ended::Died { how, message } => self.died(chunk, now, how, message),
            Ended::TooLarge { ran, message } => self.too_large(chunk, ran, message),
            Ended::Foreign(message) => self.foreign(chunk, message),
            Ended::NoLambda { kind, message } => self.without_lambda(chunk, kind, message),
            Ended::Fatal { kind, message } => self.stop(End::Fatal { kind, message }),
        }
        Verdict::Drop
    }

    /// Ends the map: nothing is started any more.
    pub(crate) fn stop(&mut self, end: End) {
        self.ended.get_or_insert(end);
    }

    /// Why it ended before all was done.
    pub(crate) fn end(&self) -> Option<&End> {
        self.ended.as_ref()
    }

    /// Items that failed since the last call.
    pub(crate) fn take_failures(&mut self) -> Vec<Failure> {
        std::mem::take(&mut self.failures)
    }

    /// Items of each chunk, in the order in which they were added.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.pieces.iter().map(|piece| piece.items.len()).collect()
    }

    /// Chunks so far, split ones counted as their halves.
    pub(crate) fn chunks(&self) -> usize {
        self.pieces.len() - self.counts.splits
    }

    /// Since when each invocation has been under way that has not ended.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = Duration> {
        let remote = |attempt: &&Attempt| attempt.open && attempt.place == Where::Remote;
        self.attempts.iter().filter(remote).map(|attempt| attempt.since)
    }

    /// The chunk of an attempt, and whether it was tried before.
    pub(crate) fn chunk_of(&self, attempt: AttemptId) -> (ChunkId, bool) {
        self.attempts.get(attempt).map_or((0, false), |attempt| (attempt.chunk, attempt.again))
    }

    fn piece(&mut self, items: Range<usize>) -> ChunkId {
        self.pieces.push(Piece {
            items,
            settled: false,
            tries: 0,
            deaths: 0,
            late: false,
            foreign: 0,
            running: 0,
            hedged: false,
        });
        self.pieces.len() - 1
    }

    fn room(&self, now: Duration, window: &Window) -> Room {
        if self.remote >= self.rules.limit { Room::Later } else { window.room(now) }
    }

    fn start(
        &mut self,
        chunk: ChunkId,
        place: Where,
        now: Duration,
        hedge: bool,
    ) -> (AttemptId, Range<usize>) {
        let attempt = self.attempts.len();
        self.counts.attempts += 1;
        self.counts.here += usize::from(place == Where::Here);
        self.counts.hedges += usize::from(hedge);
        let (mut items, mut again) = (0..0, hedge);
        if let Some(piece) = self.pieces.get_mut(chunk) {
            piece.running += 1;
            piece.tries += u32::from(!hedge);
            piece.hedged |= hedge;
            again |= piece.tries > 1;
            items = piece.items.clone();
        }
        self.attempts.push(Attempt { chunk, place, since: now, hedge, again, open: true });
        (attempt, items)
    }

    /// The first in the queue, else one that is worth a second invocation.
    fn next_chunk(&mut self, now: Duration) -> Option<(ChunkId, bool)> {
        match self.queue.pop_front() {
            Some(chunk) => Some((chunk, false)),
            None => self.slowest(now).map(|chunk| (chunk, true)),
        }
    }

    /// Whether this process should compute a chunk itself.
    fn here_helps(&self, now: Duration, window: &Window) -> bool {
        if self.here >= self.rules.cores {
            return false;
        }
        match self.rules.caller {
            Caller::Alone => true,
            _ if self.no_lambda.is_some() => true,
            Caller::Helps => self.is_late(now) || self.room(now, window) != Room::Now,
            Caller::WhenStuck => window.is_stuck(now),
        }
    }

    fn wait_until(&self, now: Duration, window: &Window) -> Option<Duration> {
        let mut times: Vec<Duration> = self.resting.iter().map(|(until, _)| *until).collect();
        times.extend(self.rules.deadline);
        times.extend(self.rules.last_start.filter(|last| now < *last && self.rules.caller != Caller::Alone));
        if self.is_late(now) {
            // Room is of no use any more.
        } else if !self.queue.is_empty() || self.slowest(now).is_some() {
            match window.room(now) {
                Room::At(then) => times.push(then),
                // Another map's invocations may fill the window: that they end wakes nothing here.
                Room::Later if self.remote < self.rules.limit => times.push(now + LOOK),
                _ => {}
            }
        } else if let Some(limit) = self.rules.hedge.as_ref().and_then(|hedge| self.slow_after(hedge)) {
            let open = self.attempts.iter().filter(|attempt| {
                attempt.open && self.pieces.get(attempt.chunk).is_some_and(|piece| !piece.hedged)
            });
            times.extend(open.map(|attempt| attempt.since + limit).filter(|then| *then > now).min());
        }
        times.into_iter().min().map(|then| then.max(now + Duration::from_millis(1)))
    }

    /// Chunks that have waited long enough go to the front: they are the oldest.
    fn wake(&mut self, now: Duration) {
        let queue = &mut self.queue;
        self.resting.retain(|(until, chunk)| {
            let rests = *until > now;
            if !rests {
                queue.push_front(*chunk);
            }
            rests
        });
    }

    fn remember(&mut self, took: Duration, place: Where) {
        if place == Where::Remote {
            let at = self.times.partition_point(|time| *time < took);
            self.times.insert(at, took);
        }
    }
}
