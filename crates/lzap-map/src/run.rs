//! The user-facing ways to run a map: values, all results, one joined value, a stream, or an explanation.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::mpsc;
use tracing::Instrument as _;

use crate::Map;
use crate::attempt::MapContext;
use crate::clock::now;
use crate::codec::{EncodedItems, encoding_for};
use crate::environment;
use crate::host::MapHost;
use crate::join_task::JoinTask;
use crate::journal::Journal;
use crate::output::{Explanation, ItemError, MapError, MapOutput, MapStream};
use crate::prepared::PreparedMap;
use crate::sinks::{CollectSink, ReduceSink, StreamSink, WithListener};
use lzap_invocation::Invocation;
use lzap_map_scheduler::OnError;
use lzap_map_scheduler::budget::ReachedLimit;
use lzap_map_scheduler::open_items::OpenItems;
use lzap_map_scheduler::report::MapReport;
use lzap_map_scheduler::rules::MapEnd;
use lzap_tasks::TaskErrorKind;
use lzap_tasks::panic_error;
use lzap_tasks::random_id;
use lzap_tasks::{TaskDefinition, TaskFunction};
use lzap_tasks::{TaskHost, TaskTarget, next_depth};

/// The shortest time between a worker's deadline and the map's. Results that arrive after the map's deadline are lost. Maps
/// that have less than ten times this time use a tenth of it instead.
const MIN_RETURN_MARGIN: Duration = Duration::from_millis(250);

impl<I, O> Map<I, O>
where
    I: Serialize + DeserializeOwned + Send + 'static,
    O: Serialize + DeserializeOwned + Send + 'static,
{
    /// Runs the map and returns the values in the order of the items.
    ///
    /// Costs: one `lambda:Invoke` and the worker's time for each attempt of a chunk; see [`MapReport::dollars`].
    ///
    /// ```
    /// # #[lzap::task]
    /// # fn square(n: u64) -> Result<u64, String> { Ok(n * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// assert_eq!(square.map(1..=4).values().await?, [1, 4, 9, 16]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The first item that failed, or the reason why the map could not run.
    pub async fn values(self) -> Result<Vec<O>, MapError> {
        // The report is copied, because a failed item's error has it as well.
        let output = self.run().await?;
        let report = output.report.clone();
        output.into_values().map_err(|error| MapError::of_item(&error, report))
    }

    /// Runs the map and returns a result for each item, and the report.
    ///
    /// ```
    /// # #[lzap::task]
    /// # fn square(n: u64) -> Result<u64, String> { Ok(n * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// let output = square.map(1..=4).run().await?;
    /// println!("{} items in {:.1} s", output.report.done, output.report.wall_secs);
    /// assert_eq!(output.results[3], Ok(16));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// With [`OnError::FailFast`], the first item that failed, the deadline, or the maximum cost or number of
    /// invocations. With the others, too many failures for [`OnError::Tolerate`]. With all, the reason why the map
    /// could not run.
    pub async fn run(self) -> Result<MapOutput<O>, MapError> {
        let mut prepared = self.prepare_map(None)?;
        let mut sink = CollectSink::new(&prepared.map);
        let listener = prepared.listener.take();
        let (report, end) = prepared.run_to_end(&mut WithListener { sink: &mut sink, listener }).await;
        let results = sink.results.into_iter().enumerate();
        let results: Vec<_> = results
            .map(|(index, result)| result.unwrap_or_else(|| Err(untried_error(index, end.as_ref()))))
            .collect();
        let tried =
            |result: &Result<O, ItemError>| result.as_ref().err().filter(|error| error.attempts > 0).cloned();
        // With `Collect` and `Tolerate` a deadline is no failure: the user asked for as many results as there are.
        let partial = prepared.options.on_error != OnError::FailFast;
        let is_over = |end: &MapEnd| matches!(end, MapEnd::Deadline | MapEnd::Budget(_));
        if let Some(end) = end.filter(|end| !(partial && is_over(end))) {
            return Err(end_error(&end, results.iter().find_map(tried).as_ref(), &report));
        }
        Ok(MapOutput { results, report })
    }

    /// Runs the map and joins the values in the order of the items. Each worker joins the values of its chunk, so that it
    /// returns one value, and this process joins those.
    ///
    /// The grouping depends on the chunks, so `join` must be associative. A sum of floats is not: its last digits vary.
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
    /// The errors of [`run`](Self::run), a failed `join`, and the deadline or the maximum cost with every `on_error`, since a
    /// value of some items would look like the value of all. `Collect` and `Tolerate` skip failed items.
    pub async fn reduce(self, join: impl JoinTask<O>) -> Result<Option<O>, MapError> {
        let join = join.definition();
        let mut prepared = self.prepare_map(Some(join))?;
        let codec = prepared.map.items.codec;
        let mut sink = ReduceSink { parts: Vec::new(), read: None, failed: Vec::new(), codec };
        let listener = prepared.listener.take();
        let (report, end) = prepared.run_to_end(&mut WithListener { sink: &mut sink, listener }).await;
        sink.failed.sort_by_key(|error| error.index);
        if let Some(end) = end {
            return Err(end_error(&end, sink.failed.first(), &report));
        }
        // Chunks end in any order, and `join` need not be commutative.
        sink.parts.sort_by_key(|(start, _)| *start);
        let mut joined: Option<O> = None;
        for (_, part) in sink.parts {
            joined = Some(match joined {
                None => part,
                Some(left) => join.run_guarded((left, part)).await.map_err(MapError::from)?,
            });
        }
        Ok(joined)
    }

    /// Runs the map in a tokio task, and returns each item's index and result as it arrives, in any order. An error ends the
    /// stream: one of [`run`](Self::run)'s, and the deadline or the maximum cost with every `on_error`.
    ///
    /// ```
    /// # #[lzap::task]
    /// # fn square(n: u64) -> Result<u64, String> { Ok(n * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// use futures_util::StreamExt;
    ///
    /// let mut results = square.map(1..=4).stream();
    /// while let Some(arrived) = results.next().await {
    ///     let (index, result) = arrived?;
    ///     println!("item {index}: {result:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn stream(self) -> MapStream<O> {
        let (sender, results) = mpsc::unbounded_channel();
        let prepared = self.prepare_map(None);
        let forward = sender.clone();
        let run = async move {
            let mut prepared = prepared?;
            let mut sink = StreamSink { sender: forward, read: Vec::new(), codec: prepared.map.items.codec };
            let listener = prepared.listener.take();
            let (report, end) = prepared.run_to_end(&mut WithListener { sink: &mut sink, listener }).await;
            end.map_or(Ok(()), |end| Err(end_error(&end, None, &report)))
        };
        // Task-local values don't pass to a spawned task, so the invocation and a test's cloud are set again.
        let run = TaskHost::current().scope(Invocation::current().scope(run)).in_current_span();
        let runner = tokio::spawn(async move {
            let ran = AssertUnwindSafe(run).catch_unwind().await;
            if let Err(error) = ran.unwrap_or_else(|panic| Err(panic_error(&*panic).into())) {
                // Sending fails when the stream was dropped, and then the error has no reader.
                let _ = sender.send(Err(error));
            }
        });
        MapStream { results, runner }
    }

    /// Plans the map without invoking Lambdas. With [`Chunk::Auto`](lzap_map_scheduler::Chunk::Auto), it runs the first items
    /// of an idempotent task in this process for up to 40 ms, to measure them, and drops their results.
    ///
    /// ```
    /// # #[lzap::task]
    /// # fn square(n: u64) -> Result<u64, String> { Ok(n * n) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// let plan = square.map(1..=4).explain().await?;
    /// assert!(!plan.remote);
    /// assert!(plan.to_string().starts_with("4 items (4 bytes) in "));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the items can't be encoded, the task isn't registered, or there would be too many chunks.
    pub async fn explain(self) -> Result<Explanation, MapError> {
        let mut prepared = self.prepare_map(None)?;
        let mut drive = prepared.new_driver(0);
        // The items run again in the real map.
        if prepared.idempotent {
            prepared.probe_items(&mut drive, &mut CollectSink::<O>::new(&prepared.map)).await;
        }
        let plan = match prepared.plan_rest(drive.machine.queued_chunks()) {
            Ok(plan) => plan,
            Err(end) => return Err(end_error(&end, None, &drive.report)),
        };
        drive.machine.add_chunks(&plan.chunks);
        Ok(Explanation {
            remote: plan.remote,
            reason: plan.reason,
            items: prepared.map.items.len(),
            chunks: drive.machine.chunk_sizes(),
            bytes: prepared.map.items.bytes_of(&(0..prepared.map.items.len())),
        })
    }

    /// Encodes the items, and makes all checks that need no invocation.
    fn prepare_map(self, join: Option<TaskDefinition<(O, O), O>>) -> Result<PreparedMap, MapError> {
        let Self { task, items, options, listener } = self;
        let host = TaskHost::current();
        let maps = MapHost::of_tasks(&host);
        // A worker would fail each chunk with the same error, and only after its invocation.
        maps.check_registered(&host, task.name())?;
        if let Some(join) = join {
            maps.check_registered(&host, join.name())?;
        }
        let mut encoded = EncodedItems::new(options.codec);
        for (index, item) in items.into_iter().enumerate() {
            encoded.push_item(&item).map_err(|why| {
                let why = format!("item {index} of task `{}` can't be written: {why}", task.name());
                MapError { item: Some(index), ..MapError::new(TaskErrorKind::BadInput, why) }
            })?;
        }
        let here = now();
        let context = Invocation::current();
        let left = context.time_left();
        // A longer `deadline` than the invocation's would never be reached.
        let time = [left, options.time].into_iter().flatten().min();
        let remote = matches!(host.target, TaskTarget::Remote(_));
        // Under `cargo run`, asynchronous items run concurrently, as they would in Lambdas.
        let plain = matches!(task.function(), TaskFunction::Plain(_));
        // Four chunks per core, because asynchronous items mostly wait.
        let side_by_side = if remote || plain { 1 } else { environment::core_count() * 4 };
        let at_once = if plain { environment::full_processors() } else { side_by_side };
        let overhead = Duration::from_secs_f64(2.0 * maps.statistics.overhead_secs());
        // Twice the measured overhead, because single invocations exceed the average.
        let return_margin =
            time.map_or(Duration::ZERO, |time| overhead.max(MIN_RETURN_MARGIN).min(time / 10));
        let map = MapContext {
            id: random_id()?,
            parent: context.job.as_ref().map(|attempt| attempt.job_id().to_owned()),
            host,
            maps,
            task: Arc::new(task),
            reduce: join.map(|join| Arc::new(join) as _),
            encoding: encoding_for(encoded.codec, encoded.slice(&(0..encoded.len()))),
            items: encoded,
            spill: options.spill,
            depth: next_depth()?,
            deadline: time.map(|time| here + time),
            return_margin,
            lost_keys: Mutex::default(),
            cores: environment::core_count(),
        };
        let journal = match (&map.host.store, context.job) {
            (Some(store), Some(attempt)) => Some(Journal::new(store.clone(), attempt, &map.map_digest())),
            _ => None,
        };
        Ok(PreparedMap {
            open: OpenItems::all(map.items.len()),
            journal,
            map: Arc::new(map),
            options,
            listener,
            idempotent: task.is_idempotent(),
            side_by_side,
            at_once,
            began: here,
            item_secs: None,
        })
    }
}

/// `attempts` is 0, by which [`MapOutput::is_complete`] finds items that were never tried.
fn untried_error(index: usize, end: Option<&MapEnd>) -> ItemError {
    let (kind, why) = match end {
        Some(MapEnd::Deadline) => (TaskErrorKind::TimedOut, "the time was over before it was done"),
        Some(MapEnd::Budget(_)) => (TaskErrorKind::CostLimit, "the budget was used up before it was done"),
        _ => (TaskErrorKind::TimedOut, "the map ended before it was done"),
    };
    ItemError { index, attempts: 0, kind, message: why.to_owned() }
}

/// `first` is a failed item, which [`MapEnd::Failed`] reports as the map's error; the other ends don't use it.
fn end_error(end: &MapEnd, first: Option<&ItemError>, report: &MapReport) -> MapError {
    let error = match end {
        MapEnd::Deadline => MapError::new(
            TaskErrorKind::TimedOut,
            format!(
                "the time was over after {} of {} items: allow more with `.deadline(…)`, take what there is with \
                 `.on_error(OnError::Collect).run()`, or make it a job, whose next attempt goes on from there",
                report.done, report.items
            ),
        ),
        MapEnd::Budget(limit) => MapError {
            limit: Some(*limit),
            ..MapError::new(TaskErrorKind::CostLimit, describe_limit(*limit, report))
        },
        MapEnd::Fatal { kind, message } => MapError::new(*kind, message.as_str()),
        MapEnd::Failed => match first {
            Some(error) => return MapError::of_item(error, report.clone()),
            None => MapError::new(TaskErrorKind::Failed, "too many items failed"),
        },
    };
    error.with_report(report.clone())
}

/// The text for a map that used up its budget, with the setting to change.
fn describe_limit(limit: ReachedLimit, report: &MapReport) -> String {
    let MapReport { done, items, dollars, .. } = report;
    if limit == ReachedLimit::Invocations {
        return format!("all invocations are used up after {done} of {items} items: raise `max_invocations`");
    }
    format!(
        "the maximum cost allows no further worker: ${dollars:.4} are spent after {done} of {items} items, and one may cost its \
         timeout times its memory; raise `max_cost`, or lower `timeout_secs` or `memory_mb`"
    )
}
