//! From a map's settings to its results: write the items, try a few, plan, drive, collect.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::mpsc;

use super::carry::{Answer, Job};
use super::chunk::{self, Work};
use super::drive::{Drive, Sink, ms, now};
use super::journal::{Journal, Kept};
use super::machine::{Counts, End, Machine, Rules};
use super::open::Open;
use super::options::{Caller, Chunk, OnError, Options};
use super::output::{Explanation, ItemError, MapError, MapOutput, MapStream};
use super::plan::{self, Facts, Place, Plan};
use super::report::{HERE, MapReport, Span};
use super::sinks::{Collect, Forward, Partial, Told};
use super::{Listener, Map};
use crate::codec::{Encoded, encoding_for};
use crate::engine::{Carrier, shared};
use crate::task::context::{self, now_ms};
use crate::task::error::TaskErrorKind;
use crate::task::job::fresh_id;
use crate::task::{Body, Task};

/// How long the first items may take before the rest is planned, and how many they are at most.
const PROBE: Duration = Duration::from_millis(20);
const PROBED: usize = 32;

impl<I, O> Map<I, O>
where
    I: Serialize + DeserializeOwned + Send + 'static,
    O: Serialize + DeserializeOwned + Send + 'static,
{
    /// Runs it: the values, in the order of the items.
    ///
    /// Costs: one `lambda:Invoke` and the worker's time for each chunk; [`MapReport::dollars`] sums them up.
    ///
    /// # Errors
    /// The first item that failed, or why the map could not be run.
    pub async fn values(self) -> Result<Vec<O>, MapError> {
        let output = self.run().await?;
        let report = output.report.clone();
        output.into_values().map_err(|error| MapError::of_item(&error, report))
    }

    /// Runs it: a result for each item, and the report.
    ///
    /// # Errors
    /// With [`OnError::FailFast`] the first item that failed, or the end of the time; else why the map could not be run,
    /// or too many failures for [`OnError::Tolerate`].
    pub async fn run(self) -> Result<MapOutput<O>, MapError> {
        let mut prepared = self.prepare(None)?;
        let mut sink = Collect::new(&prepared.job);
        let listener = prepared.listener.take();
        let (report, end) = prepared.go(&mut Told { sink: &mut sink, listener }).await;
        let results = sink.results.into_iter().enumerate();
        let results: Vec<_> = results
            .map(|(index, result)| result.unwrap_or_else(|| Err(untried(index, end.as_ref()))))
            .collect();
        let tried =
            |result: &Result<O, ItemError>| result.as_ref().err().filter(|error| error.attempts > 0).cloned();
        conclude(end, prepared.options.on_error, results.iter().find_map(tried).as_ref(), &report)?;
        Ok(MapOutput { results, report })
    }

    /// Runs it, and joins the values in the order of the items: within each worker first, so that one value travels
    /// for each chunk, then here. The order is kept, the grouping isn't: `join` must not care about it (sums of floats
    /// do, in their last digits).
    ///
    /// ```
    /// #[lzap::task]
    /// fn length(text: String) -> Result<u64, String> {
    ///     Ok(text.len() as u64)
    /// }
    ///
    /// #[lzap::task]
    /// fn add(a: u64, b: u64) -> Result<u64, String> {
    ///     Ok(a + b)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// let texts = ["a", "bc", "def"].map(str::to_owned);
    /// assert_eq!(length.map(texts).reduce(add).await?, Some(6));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`run`](Self::run); and when joining fails. Items that failed are left out with `Collect` and `Tolerate`.
    pub async fn reduce(self, join: Task<(O, O), O>) -> Result<Option<O>, MapError> {
        let mut prepared = self.prepare(Some(join))?;
        let codec = prepared.job.items.codec;
        let mut sink = Partial { parts: Vec::new(), read: None, failed: Vec::new(), codec };
        let listener = prepared.listener.take();
        let (report, end) = prepared.go(&mut Told { sink: &mut sink, listener }).await;
        sink.failed.sort_by_key(|error| error.index);
        conclude(end, prepared.options.on_error, sink.failed.first(), &report)?;
        sink.parts.sort_by_key(|(start, _)| *start);
        let mut joined: Option<O> = None;
        for (_, part) in sink.parts {
            joined = Some(match joined {
                None => part,
                Some(left) => join.guarded((left, part)).await.map_err(MapError::from)?,
            });
        }
        Ok(joined)
    }

    /// Runs it in the background: each item's index and result as soon as it is there, in no order. An error ends it.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn stream(self) -> MapStream<O> {
        let (sender, results) = mpsc::unbounded_channel();
        let prepared = self.prepare(None);
        let runner = tokio::spawn(async move {
            let ended = match prepared {
                Ok(mut prepared) => {
                    let codec = prepared.job.items.codec;
                    let mut sink = Forward { sender: sender.clone(), read: Vec::new(), codec };
                    let listener = prepared.listener.take();
                    let (report, end) = prepared.go(&mut Told { sink: &mut sink, listener }).await;
                    conclude(end, prepared.options.on_error, None, &report)
                }
                Err(error) => Err(error),
            };
            if let Err(error) = ended {
                // The receiver may be gone.
                let _ = sender.send(Err(error));
            }
        });
        MapStream { results, runner }
    }

    /// What it would do. Invokes nothing; with [`Chunk::Auto`] the first items are run here for up to 20 ms, to see what
    /// they cost.
    ///
    /// # Errors
    /// When the items can't be written, or the task isn't registered.
    pub async fn explain(self) -> Result<Explanation, MapError> {
        let mut prepared = self.prepare(None)?;
        let mut sink = Collect::<O>::new(&prepared.job);
        let mut report = prepared.report();
        prepared.probe(&mut sink, &mut report).await;
        let plan = prepared.plan();
        Ok(Explanation {
            remote: plan.remote,
            reason: plan.reason,
            items: prepared.open.len(),
            chunks: plan.chunks.iter().map(ExactSizeIterator::len).collect(),
            bytes: prepared.job.items.bytes_of(&(0..prepared.job.items.len())),
        })
    }

    /// Writes the items, and checks all that can be checked before anything is sent.
    fn prepare(self, join: Option<Task<(O, O), O>>) -> Result<Prepared, MapError> {
        let Self { task, items, options, listener } = self;
        let shared = shared();
        shared.check(task.name())?;
        if let Some(join) = join {
            shared.check(join.name())?;
        }
        let mut encoded = Encoded::new(options.codec);
        for (index, item) in items.into_iter().enumerate() {
            encoded.push(&item).map_err(|why| {
                let why = format!("item {index} of task `{}` can't be written: {why}", task.name());
                MapError { item: Some(index), ..MapError::new(TaskErrorKind::BadInput, why) }
            })?;
        }
        let here = now();
        let context = context::current();
        let left = context.deadline_ms.map(|end| Duration::from_millis(end.saturating_sub(now_ms())));
        let time = [left, options.time].into_iter().flatten().min();
        let remote = matches!(shared.engine, Carrier::Remote(_));
        // Under `cargo run`, asynchronous items wait side by side, as they would in other Lambdas.
        let plain = matches!(task.body, Body::Plain(_));
        let side_by_side = if remote || plain { 1 } else { chunk::cores() * 4 };
        let at_once = if plain { chunk::processors() } else { side_by_side };
        let job = Job {
            id: fresh_id(),
            shared,
            task: Arc::new(task),
            reduce: join.map(|join| Arc::new(join) as _),
            encoding: encoding_for(encoded.codec, encoded.slice(&(0..encoded.len()))),
            items: encoded,
            spill: options.spill,
            depth: context::next_depth()?,
            deadline: time.map(|time| here + time),
            cores: chunk::cores(),
        };
        let journal = match (&job.shared.store, context.job) {
            (Some(store), Some(attempt)) => Some(Journal::new(store.clone(), attempt, &job.digest())),
            _ => None,
        };
        Ok(Prepared {
            open: Open::all(job.items.len()),
            tried: 0,
            journal,
            job,
            options,
            listener,
            idempotent: task.idempotent,
            side_by_side,
            at_once,
            began: here,
            item_secs: None,
        })
    }
}

/// A map that is ready to run, its types forgotten.
struct Prepared {
    job: Job,
    /// Items that are still to do.
    open: Open,
    /// How often some were tried here: chunk 0.
    tried: usize,
    /// In a job.
    journal: Option<Journal>,
    options: Options,
    listener: Option<Listener>,
    idempotent: bool,
    /// Chunks that this process computes at once when no Lambda does.
    side_by_side: usize,
    /// Items that one process computes at once.
    at_once: usize,
    began: Duration,
    /// What an item costs, once some were run.
    item_secs: Option<f64>,
}

impl Prepared {
    /// Runs all of it; the sink has what came.
    async fn go(&mut self, sink: &mut dyn Sink) -> (MapReport, Option<End>) {
        let mut report = self.report();
        report.resumed = self.resume(sink).await;
        if self.probe(sink, &mut report).await > 0 && self.options.on_error == OnError::FailFast {
            let tried = self.tried;
            report.done = self.done();
            let counts = Counts { attempts: tried, here: tried, ..Counts::default() };
            report.close(now().saturating_sub(self.began), counts, tried);
            return (report, Some(End::Failed));
        }
        let plan = self.plan();
        (report.remote, report.reason) = (plan.remote, plan.reason);
        if plan.chunks.len() > plan::MOST_CHUNKS {
            let message = format!(
                "{} chunks are more than the {} that one call may invoke: take larger chunks, or cut the input",
                plan.chunks.len(),
                plan::MOST_CHUNKS
            );
            return (report, Some(End::Fatal { kind: TaskErrorKind::TooLarge, message }));
        }
        let machine = Machine::new(self.rules(plan.remote), &plan.chunks);
        let mut drive = Drive {
            job: &self.job,
            machine,
            report,
            began: self.began,
            items: self.job.items.len(),
            done: self.done(),
            failed: 0,
            max_cost: self.options.max_cost,
            tried: self.tried,
            journal: self.journal.take(),
        };
        let end = drive.run(sink).await;
        let done = drive.done - drive.report.resumed;
        let report = drive.report;
        if done > 0 {
            self.job.shared.learned.learn(self.job.task.name(), report.work_secs / count(done));
        }
        (report, end)
    }

    /// Takes over what earlier attempts of the job did: how many items.
    async fn resume(&mut self, sink: &mut dyn Sink) -> usize {
        let Some(journal) = &mut self.journal else { return 0 };
        for Kept { items, results } in journal.read().await {
            let mut rest = self.open.clone();
            if rest.close(&items) && sink.read(&Answer::kept(results, items.len())) == Ok(0) {
                sink.take(items);
                self.open = rest;
            }
        }
        self.done()
    }

    fn done(&self) -> usize {
        self.job.items.len() - self.open.len()
    }

    fn report(&self) -> MapReport {
        MapReport { job: self.job.id.clone(), items: self.job.items.len(), ..MapReport::default() }
    }

    fn is_remote(&self) -> bool {
        matches!(self.job.shared.engine, Carrier::Remote(_)) && self.options.caller != Caller::Alone
    }

    /// Runs the first items here, when what they cost decides where the rest goes: how many of them failed.
    async fn probe(&mut self, sink: &mut dyn Sink, report: &mut MapReport) -> usize {
        self.item_secs = self.job.shared.learned.item_secs(self.job.task.name());
        let asked = self.options.caller == Caller::Helps && self.options.chunk == Chunk::Auto;
        let first = self.open.first();
        let first = first.start..first.end.min(first.start + PROBED);
        if !asked || !self.is_remote() || first.is_empty() {
            return 0;
        }
        let (started, began) = (now(), Instant::now());
        let work = Work {
            codec: self.job.items.codec,
            bytes: self.job.items.slice(&first).to_vec(),
            items: first.len(),
            until: Some(began + PROBE),
            cores: 1,
        };
        // What is wrong here is wrong in every worker; the map itself finds it out, and says so.
        let Ok(computed) = chunk::compute(&*self.job.task, self.job.reduce.as_deref(), work).await else {
            return 0;
        };
        let (took, items) = (began.elapsed(), computed.items);
        let answer = Answer::here(computed, took);
        let Ok(failed) = sink.read(&answer) else { return 0 };
        if items == 0 {
            return 0;
        }
        let first = first.start..first.start + items;
        sink.take(first.clone());
        self.open.close(&first);
        self.tried = 1;
        self.item_secs = Some(took.as_secs_f64() / count(items));
        let span = Span {
            chunk: 0,
            items: first,
            worker: HERE.to_owned(),
            start_ms: ms(started.saturating_sub(self.began)),
            end_ms: ms(now().saturating_sub(self.began)),
            work_ms: answer.busy_ms,
            cold: false,
            retry: false,
            used: true,
        };
        report.answered(span, answer.took_ms, answer.memory_mb);
        failed
    }

    fn plan(&self) -> Plan {
        let bytes_of =
            |places: &Range<usize>| self.open.at(places).map(|items| self.job.items.bytes_of(&items)).sum();
        let place = match self.options.caller {
            _ if !self.is_remote() => Place::Here,
            Caller::WhenStuck => Place::Remote,
            _ if self.options.chunk != Chunk::Auto => Place::Remote,
            _ => Place::Either,
        };
        let learned = &self.job.shared.learned;
        let facts = Facts {
            items: self.open.len(),
            item_secs: self.item_secs,
            bytes: bytes_of(&(0..self.open.len())),
            cores: self.at_once,
            overhead: Duration::from_secs_f64(learned.overhead_secs()),
            limit: self.options.limit.min(learned.room()),
        };
        let plan = plan::plan(&facts, self.options.chunk, place, bytes_of);
        let chunks = plan.chunks.iter().flat_map(|places| self.open.at(places)).collect();
        let plan = Plan { chunks, ..plan };
        match self.job.shared.engine {
            Carrier::Here if facts.items > 0 => {
                Plan { reason: "this process is not in Lambda".to_owned(), ..plan }
            }
            _ => plan,
        }
    }

    fn rules(&self, remote: bool) -> Rules {
        Rules {
            limit: self.options.limit,
            attempts: self.options.attempts,
            idempotent: self.idempotent,
            hedge: self.options.hedge,
            on_error: self.options.on_error,
            caller: if remote { self.options.caller } else { Caller::Alone },
            cores: if remote { 1 } else { self.side_by_side },
            deadline: self.job.deadline,
            seed: now_ms(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of items")]
fn count(items: usize) -> f64 {
    items as f64
}

/// An item that was not reached.
fn untried(index: usize, end: Option<&End>) -> ItemError {
    let why = match end {
        Some(End::Deadline) => "the time was over before it was done",
        Some(End::Cost) => "the money was spent before it was done",
        _ => "the map ended before it was done",
    };
    ItemError { index, attempts: 0, kind: TaskErrorKind::TimedOut, message: why.to_owned() }
}

/// Whether a map that ended like this has a result.
fn conclude(
    end: Option<End>,
    on_error: OnError,
    first: Option<&ItemError>,
    report: &MapReport,
) -> Result<(), MapError> {
    let whole = on_error == OnError::FailFast;
    let error = match end {
        None => return Ok(()),
        Some(End::Deadline | End::Cost) if !whole => return Ok(()),
        Some(End::Deadline) => MapError::new(
            TaskErrorKind::TimedOut,
            format!(
                "the time was over after {} of {} items: allow more with `.deadline(…)`, take what there is with \
                 `.on_error(OnError::Collect)`, or make it a job, whose next attempt goes on from there",
                report.done, report.items
            ),
        ),
        Some(End::Cost) => MapError::new(
            TaskErrorKind::TimedOut,
            format!(
                "the workers had cost ${:.4} after {} of {} items",
                report.dollars, report.done, report.items
            ),
        ),
        Some(End::Fatal { kind, message }) => MapError::new(kind, message),
        Some(End::Failed) => match first {
            Some(error) => return Err(MapError::of_item(error, report.clone())),
            None => MapError::new(TaskErrorKind::Failed, "too many items failed"),
        },
    };
    Err(error.with_report(report.clone()))
}
