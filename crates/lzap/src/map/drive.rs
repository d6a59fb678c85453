//! The driver of a map: makes the attempts that the machine asks for, reports their outcomes to it, keeps the results.
//!
//! One future, no tasks of its own: who drops it ends the map.

use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::Learned;
use super::carry::{Answer, Carried, Job};
use super::journal::Journal;
use super::machine::{AttemptId, Counts, End, Ended, Failure, Machine, Next, Verdict, Where};
use super::report::{HERE, MapReport, Progress, Span};
use super::window::Window;

/// What a map's owner does with what comes in.
pub(crate) trait Sink: Send {
    /// Takes an answer apart: how many of its items failed. The error says why it is not one of this map's.
    fn read(&mut self, answer: &Answer) -> Result<usize, String>;

    /// The answer that was read last counts.
    fn take(&mut self, items: Range<usize>);

    /// These items have no result.
    fn fail(&mut self, failure: Failure);

    fn progress(&mut self, progress: &Progress);
}

/// When the process began, as far as maps are concerned: all windows' times are since then.
fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

/// How long the journal may take when the time is over: less than [`MARGIN_MS`](crate::worker::MARGIN_MS).
const LATE: Duration = Duration::from_millis(150);

/// Since the epoch.
pub(crate) fn now() -> Duration {
    epoch().elapsed()
}

/// An attempt on its way.
pub(crate) type Flying = BoxFuture<'static, (AttemptId, Carried)>;

/// What became of items that were tried here.
pub(crate) enum Tried {
    /// So many have a result, after so many milliseconds of work.
    Done(usize, f64),
    /// None has; they are a chunk like others now.
    Failed,
    /// It takes longer.
    UnderWay(Flying),
}

/// How many invocations of a map are in flight. What still is when the map ends, or is dropped by whoever waited for it,
/// can't be called back; the window that all maps share must not wait for it.
struct Aloft {
    window: Arc<Mutex<Window>>,
    count: usize,
}

impl Drop for Aloft {
    fn drop(&mut self) {
        let mut window = locked(&self.window);
        (0..self.count).for_each(|_| window.gone());
    }
}

/// One map, while it runs.
pub(crate) struct Drive {
    pub(crate) job: Arc<Job>,
    pub(crate) machine: Machine,
    pub(crate) report: MapReport,
    pub(crate) began: Duration,
    pub(crate) done: usize,
    pub(crate) failed: usize,
    /// A worker's; 0 until it is known.
    pub(crate) memory_mb: u32,
    pub(crate) max_cost: Option<f64>,
    pub(crate) journal: Option<Journal>,
}

impl Drive {
    /// Computes some items here, of which none is begun after `until`, and waits so long for them.
    pub(crate) async fn try_here(
        &mut self,
        items: Range<usize>,
        until: Option<Instant>,
        patience: Duration,
        sink: &mut dyn Sink,
    ) -> Tried {
        let attempt = self.machine.begin_here(items.clone(), now());
        let job = Arc::clone(&self.job);
        let mut flying: Flying = Box::pin(async move { (attempt, job.carry_here(items, until).await) });
        let Ok((attempt, carried)) = tokio::time::timeout(patience, &mut flying).await else {
            return Tried::UnderWay(flying);
        };
        let (done, busy_ms) = (self.done, carried.answer.as_ref().map_or(0.0, |answer| answer.busy_ms));
        self.landed(attempt, carried, sink);
        if self.done > done { Tried::Done(self.done - done, busy_ms) } else { Tried::Failed }
    }

    /// Until all is done, or the machine says that it ends: why it ended early. One attempt may be under way already.
    pub(crate) async fn run(&mut self, under_way: Option<Flying>, sink: &mut dyn Sink) -> Option<End> {
        let window = Arc::clone(&self.job.shared.learned.window);
        let mut aloft = Aloft { window: Arc::clone(&window), count: 0 };
        let mut flying: FuturesUnordered<Flying> = under_way.into_iter().collect();
        loop {
            let next = self.machine.next(now(), &mut locked(&window));
            match next {
                Next::Finished => break,
                Next::Start { attempt, items, place } => {
                    aloft.count += usize::from(place == Where::Remote);
                    let (chunk, job) = (self.machine.chunk_of(attempt).0, Arc::clone(&self.job));
                    flying.push(Box::pin(
                        async move { (attempt, job.carry(chunk, attempt, items, place).await) },
                    ));
                }
                Next::Wait(until) => {
                    let pause = until.map(|until| until.saturating_sub(now()));
                    let sleep = async {
                        match pause {
                            Some(pause) => tokio::time::sleep(pause).await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        biased;
                        () = turn(self.journal.as_mut()) => {}
                        Some((attempt, carried)) = flying.next(), if !flying.is_empty() => {
                            aloft.count -= usize::from(carried.place == Where::Remote);
                            self.landed(attempt, carried, sink);
                        }
                        () = sleep => {}
                    }
                }
            }
        }
        for since in self.machine.under_way() {
            self.report.unanswered(now().saturating_sub(since), self.memory_mb);
        }
        drop((flying, aloft));
        let left = self.job.deadline.map(|end| end.saturating_sub(now()) + LATE);
        if self.report.spilled > 0 {
            self.job.forget_lost(left).await;
        }
        if let Some(journal) = self.journal.take() {
            journal.close(self.began, left).await;
        }
        let wall = now().saturating_sub(self.began);
        self.report.done = self.done;
        self.report.close(wall, self.machine.counts, self.machine.chunks());
        let Counts { attempts, here, .. } = self.machine.counts;
        self.report.remote |= attempts > here;
        self.report.gave_up = self.machine.no_lambda.take();
        self.machine.end().cloned()
    }

    /// One attempt is over.
    fn landed(&mut self, attempt: AttemptId, carried: Carried, sink: &mut dyn Sink) {
        let Carried { ended, answer, place, items, started, over, bytes_up, bytes_down, spilled } = carried;
        self.report.bytes_up += bytes_up;
        self.report.bytes_down += bytes_down;
        self.report.spilled += spilled;
        let ended = match (&answer, ended) {
            (Some(answer), None) => match sink.read(answer) {
                Ok(failed) => Ended::Done { items: answer.items, failed },
                Err(why) => Ended::Foreign(why),
            },
            (_, Some(ended)) => ended,
            (None, None) => Ended::Foreign("there is no answer".to_owned()),
        };
        let failed = if let Ended::Done { failed, .. } = ended { failed } else { 0 };
        if answer.is_none() && place == Where::Remote && (bytes_down > 0 || is_billed(&ended)) {
            self.report.unanswered(over.saturating_sub(started), self.memory_mb);
        }
        let (chunk, retry) = self.machine.chunk_of(attempt);
        let window = &self.job.shared.learned.window;
        let verdict = self.machine.ended(attempt, now(), ended, &mut locked(window));
        if let Some(answer) = &answer {
            let span = Span {
                chunk,
                items: if let Verdict::Take(taken) = &verdict { taken.clone() } else { items },
                worker: if place == Where::Here { HERE.to_owned() } else { answer.worker.clone() },
                start_ms: ms(started.saturating_sub(self.began)),
                end_ms: ms(over.saturating_sub(self.began)),
                work_ms: answer.busy_ms,
                cold: answer.cold,
                retry,
                used: matches!(verdict, Verdict::Take(_)),
            };
            // What a start costs, the next invocations don't.
            if place == Where::Remote && !answer.cold {
                let overhead = over.saturating_sub(started).as_secs_f64() - answer.took_ms / 1e3;
                self.job.shared.learned.overhead(overhead.max(0.0));
            }
            if answer.memory_mb > 0 {
                self.memory_mb = answer.memory_mb;
            }
            self.report.answered(span, answer.took_ms, answer.memory_mb);
        }
        if let Verdict::Take(items) = verdict {
            self.done += items.len();
            self.failed += failed;
            sink.take(items.clone());
            if let (Some(journal), Some(answer), 0) = (&mut self.journal, answer, failed) {
                journal.keep(items, answer.results);
            }
        }
        for failure in self.machine.take_failures() {
            self.done += failure.items.len();
            self.failed += failure.items.len();
            sink.fail(failure);
        }
        if self.max_cost.is_some_and(|most| self.report.dollars >= most) && self.done < self.job.items.len() {
            self.machine.stop(End::Cost);
        }
        sink.progress(&Progress {
            done: self.done,
            items: self.job.items.len(),
            failed: self.failed,
            throttles: self.machine.counts.throttles,
            elapsed: now().saturating_sub(self.began),
            dollars: self.report.dollars,
        });
    }
}

/// Whether an invocation without an answer is paid for, as far as one can know.
fn is_billed(ended: &Ended) -> bool {
    matches!(
        ended,
        Ended::Died { .. } | Ended::Lost(_) | Ended::Foreign(_) | Ended::TooLarge { ran: true, .. }
    )
}

/// The journal's next turn; none is never over.
async fn turn(journal: Option<&mut Journal>) {
    match journal {
        Some(journal) => journal.turn().await,
        None => std::future::pending().await,
    }
}

/// Milliseconds, as a report has them.
pub(super) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn locked(window: &Mutex<Window>) -> std::sync::MutexGuard<'_, Window> {
    window.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Learned {
    /// One more measured overhead, weighed with those before.
    fn overhead(&self, secs: f64) {
        let mut known = self.overhead_secs.lock().unwrap_or_else(PoisonError::into_inner);
        *known = *known * 0.9 + secs * 0.1;
    }
}
