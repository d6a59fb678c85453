//! From a map's settings to its results: write the items, try a few, plan, drive, collect.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::mpsc;
use tracing::Instrument as _;

use super::Map;
use super::carry::Job;
use super::chunk;
use super::drive::now;
use super::journal::Journal;
use super::machine::End;
use super::open::Open;
use super::options::OnError;
use super::output::{Explanation, ItemError, MapError, MapOutput, MapStream};
use super::prepared::Prepared;
use super::report::MapReport;
use super::sinks::{Collect, Forward, Partial, Told};
use crate::codec::{Encoded, encoding_for};
use crate::engine::{self, TaskTarget, shared};
use crate::task::context::{self, now_ms};
use crate::task::error::TaskErrorKind;
use crate::task::handler::panicked;
use crate::task::id::random_id;
use crate::task::{Body, Task};

/// How long before the caller's own end a worker's results are on their way at least, unless all of the time is less than
/// ten times as much: what comes later doesn't count.
const WAY_BACK: Duration = Duration::from_millis(250);

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
        let partial = prepared.options.on_error != OnError::FailFast;
        let is_over = |end: &End| matches!(end, End::Deadline | End::Cost);
        if let Some(end) = end.filter(|end| !(partial && is_over(end))) {
            return Err(ended(&end, results.iter().find_map(tried).as_ref(), &report));
        }
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
    /// As [`run`](Self::run); when joining fails; and when time or money was over before all items were tried, whatever
    /// `on_error` says. Items that failed are left out with `Collect` and `Tolerate`.
    pub async fn reduce(self, join: Task<(O, O), O>) -> Result<Option<O>, MapError> {
        let mut prepared = self.prepare(Some(join))?;
        let codec = prepared.job.items.codec;
        let mut sink = Partial { parts: Vec::new(), read: None, failed: Vec::new(), codec };
        let listener = prepared.listener.take();
        let (report, end) = prepared.go(&mut Told { sink: &mut sink, listener }).await;
        sink.failed.sort_by_key(|error| error.index);
        if let Some(end) = end {
            return Err(ended(&end, sink.failed.first(), &report));
        }
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

    /// Runs it in the background: each item's index and result as soon as it is there, in no order. An error ends it: as
    /// [`run`](Self::run)'s, and the end of the time or the money, whatever `on_error` says.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn stream(self) -> MapStream<O> {
        let (sender, results) = mpsc::unbounded_channel();
        let prepared = self.prepare(None);
        let forward = sender.clone();
        let run = async move {
            let mut prepared = prepared?;
            let mut sink = Forward { sender: forward, read: Vec::new(), codec: prepared.job.items.codec };
            let listener = prepared.listener.take();
            let (report, end) = prepared.go(&mut Told { sink: &mut sink, listener }).await;
            end.map_or(Ok(()), |end| Err(ended(&end, None, &report)))
        };
        // In a task of its own, but of the same invocation, and of the same test's cloud.
        let run = engine::scope(shared(), context::current().scope(run)).in_current_span();
        let runner = tokio::spawn(async move {
            let ran = AssertUnwindSafe(run).catch_unwind().await;
            if let Err(error) = ran.unwrap_or_else(|panic| Err(panicked(&*panic).into())) {
                // The receiver may be gone.
                let _ = sender.send(Err(error));
            }
        });
        MapStream { results, runner }
    }

    /// What it would do. Invokes nothing; with [`Chunk::Auto`](super::Chunk::Auto) the first items are run here, to see
    /// what they cost, and given up after 40 ms: only those of a task that may run twice.
    ///
    /// # Errors
    /// When the items can't be written, the task isn't registered, or there would be too many chunks.
    pub async fn explain(self) -> Result<Explanation, MapError> {
        let mut prepared = self.prepare(None)?;
        let mut drive = prepared.drive(0);
        if prepared.idempotent {
            prepared.probe(&mut drive, &mut Collect::<O>::new(&prepared.job)).await;
        }
        let plan = match prepared.plan() {
            Ok(plan) => plan,
            Err(end) => return Err(ended(&end, None, &drive.report)),
        };
        drive.machine.extend(&plan.chunks);
        Ok(Explanation {
            remote: plan.remote,
            reason: plan.reason,
            items: prepared.job.items.len(),
            chunks: drive.machine.sizes(),
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
        let remote = matches!(shared.target, TaskTarget::Remote(_));
        // Under `cargo run`, asynchronous items wait side by side, as they would in other Lambdas.
        let plain = matches!(task.body, Body::Plain(_));
        let side_by_side = if remote || plain { 1 } else { chunk::cores() * 4 };
        let at_once = if plain { chunk::processors() } else { side_by_side };
        let overhead = Duration::from_secs_f64(2.0 * shared.learned.overhead_secs());
        let way_back = time.map_or(Duration::ZERO, |time| overhead.max(WAY_BACK).min(time / 10));
        let job = Job {
            id: random_id()?,
            parent: context.job.as_ref().map(|attempt| attempt.job().to_owned()),
            shared,
            task: Arc::new(task),
            reduce: join.map(|join| Arc::new(join) as _),
            encoding: encoding_for(encoded.codec, encoded.slice(&(0..encoded.len()))),
            items: encoded,
            spill: options.spill,
            depth: context::next_depth()?,
            deadline: time.map(|time| here + time),
            way_back,
            lost: Mutex::default(),
            cores: chunk::cores(),
        };
        let journal = match (&job.shared.store, context.job) {
            (Some(store), Some(attempt)) => Some(Journal::new(store.clone(), attempt, &job.digest())),
            _ => None,
        };
        Ok(Prepared {
            open: Open::all(job.items.len()),
            journal,
            job: Arc::new(job),
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

/// An item that was not reached.
fn untried(index: usize, end: Option<&End>) -> ItemError {
    let why = match end {
        Some(End::Deadline) => "the time was over before it was done",
        Some(End::Cost) => "the money was spent before it was done",
        _ => "the map ended before it was done",
    };
    ItemError { index, attempts: 0, kind: TaskErrorKind::TimedOut, message: why.to_owned() }
}

/// The error of a map that ended like this.
fn ended(end: &End, first: Option<&ItemError>, report: &MapReport) -> MapError {
    let error = match end {
        End::Deadline => MapError::new(
            TaskErrorKind::TimedOut,
            format!(
                "the time was over after {} of {} items: allow more with `.deadline(…)`, take what there is with \
                 `.on_error(OnError::Collect).run()`, or make it a job, whose next attempt goes on from there",
                report.done, report.items
            ),
        ),
        End::Cost => MapError::new(
            TaskErrorKind::TimedOut,
            format!(
                "the workers had cost ${:.4} after {} of {} items",
                report.dollars, report.done, report.items
            ),
        ),
        End::Fatal { kind, message } => MapError::new(*kind, message.as_str()),
        End::Failed => match first {
            Some(error) => return MapError::of_item(error, report.clone()),
            None => MapError::new(TaskErrorKind::Failed, "too many items failed"),
        },
    };
    error.with_report(report.clone())
}
