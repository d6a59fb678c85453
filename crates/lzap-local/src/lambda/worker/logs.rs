//! A worker's output: lines from its pipe and from the platform, in order, to `CloudWatch` Logs.

use std::collections::BTreeMap;
use std::io::{self, PipeWriter};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::ports::{LogEvent, Ports};

/// The most that `X-Amz-Log-Result` carries.
const TAIL_BYTES: usize = 4096;
/// `CloudWatch` Logs' largest event, less its overhead; longer lines are cut into several.
const LINE_BYTES: usize = 262_144 - 26;
/// Events in one `PutLogEvents`.
const BATCH: usize = 1000;

/// The log of one environment.
pub(crate) struct LogStream {
    ports: Ports,
    events: mpsc::UnboundedSender<LogEvent>,
    tails: Mutex<Tails>,
}

/// The last lines of each invocation at work, at most [`TAIL_BYTES`] of each.
#[derive(Default)]
struct Tails {
    by_id: BTreeMap<TailId, String>,
    last: TailId,
}

/// Names the tail of one invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TailId(u64);

/// The address of a log stream.
#[derive(Clone, Debug)]
pub(crate) struct StreamName {
    pub(crate) region: String,
    pub(crate) group: String,
    pub(crate) stream: String,
}

impl LogStream {
    /// Starts a stream; its writer ends when the stream is dropped.
    pub(crate) fn open(name: StreamName, ports: &Ports, tasks: &TaskTracker) -> Arc<Self> {
        let (events, mut queue) = mpsc::unbounded_channel();
        let logs = Arc::clone(&ports.logs);
        tasks.spawn(async move {
            let mut batch = Vec::new();
            while queue.recv_many(&mut batch, BATCH).await > 0 {
                logs.put(&name.region, &name.group, &name.stream, std::mem::take(&mut batch)).await;
            }
        });
        Arc::new(Self { ports: ports.clone(), events, tails: Mutex::default() })
    }

    /// Writes one line, which belongs to every invocation at work: nothing says to which of them a process that serves
    /// several prints it.
    pub(crate) fn line(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        lock(&self.tails).by_id.values_mut().for_each(|tail| extend(tail, text));
        self.send(text);
    }

    /// Writes one line of a single invocation.
    pub(crate) fn line_of(&self, id: TailId, text: &str) {
        lock(&self.tails).by_id.entry(id).and_modify(|tail| extend(tail, text));
        self.send(text);
    }

    fn send(&self, text: &str) {
        let event = LogEvent { timestamp_ms: self.ports.clock.now_ms(), message: text.to_owned() };
        // The writer goes only when the whole service does.
        let _unwritten = self.events.send(event);
    }

    /// Begins an invocation: its tail is empty.
    pub(crate) fn begin(&self) -> TailId {
        let mut tails = lock(&self.tails);
        tails.last.0 += 1;
        let id = tails.last;
        tails.by_id.insert(id, String::new());
        id
    }

    /// Ends an invocation; returns its last 4 KB since [`LogStream::begin`].
    pub(crate) fn end(&self, id: TailId) -> String {
        lock(&self.tails).by_id.remove(&id).unwrap_or_default()
    }
}

fn extend(tail: &mut String, line: &str) {
    tail.push_str(line);
    tail.push('\n');
    let from = tail.ceil_char_boundary(tail.len().saturating_sub(TAIL_BYTES));
    tail.drain(..from);
}

/// The reading end of a worker's standard output and error: one pipe for both, so that their order is kept.
pub(crate) struct LogPipe {
    shared: Arc<Shared>,
    _pump: AbortOnDropHandle<()>,
}

struct Shared {
    pipe: Receiver,
    stream: Arc<LogStream>,
    /// The line that isn't finished yet.
    partial: Mutex<Vec<u8>>,
}

impl LogPipe {
    /// A pipe into `stream`, and the end that the worker writes to.
    pub(crate) fn open(stream: Arc<LogStream>) -> io::Result<(Self, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        let pipe = Receiver::from_owned_fd(OwnedFd::from(reader))?;
        let shared = Arc::new(Shared { pipe, stream, partial: Mutex::new(Vec::new()) });
        let pump = AbortOnDropHandle::new(tokio::spawn(pump_output(Arc::clone(&shared))));
        Ok((Self { shared, _pump: pump }, writer))
    }

    /// Takes in everything that was written so far; an unfinished line too where `with_unfinished`, which would cut the
    /// line of another invocation in two.
    ///
    /// A worker's answer and its output come by different ways. What it wrote before it answered is in the pipe by
    /// then, so reading the pipe empty here puts those lines before `END`.
    pub(crate) fn drain(&self, with_unfinished: bool) {
        // Past Tokio, whose own idea of what is readable may be a moment old.
        self.shared.read_all(|buffer| Ok(rustix::io::read(&self.shared.pipe, buffer)?));
        if !with_unfinished {
            return;
        }
        let rest = std::mem::take(&mut *lock(&self.shared.partial));
        self.shared.stream.line(&String::from_utf8_lossy(&rest));
    }
}

async fn pump_output(shared: Arc<Shared>) {
    while shared.pipe.readable().await.is_ok() {
        if !shared.read_all(|buffer| shared.pipe.try_read(buffer)) {
            return;
        }
    }
}

impl Shared {
    /// Reads until the pipe is empty; `false` when it is closed.
    fn read_all(&self, read: impl Fn(&mut [u8]) -> io::Result<usize>) -> bool {
        let mut partial = lock(&self.partial);
        let mut buffer = [0; 16 * 1024];
        loop {
            match read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => self.take(&mut partial, &buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }

    fn take(&self, partial: &mut Vec<u8>, bytes: &[u8]) {
        partial.extend_from_slice(bytes);
        while let Some(end) = partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = partial.drain(..=end).collect();
            let text = String::from_utf8_lossy(&line);
            self.stream.line(text.trim_end_matches(['\r', '\n']));
        }
        while partial.len() > LINE_BYTES {
            let piece: Vec<u8> = partial.drain(..LINE_BYTES).collect();
            self.stream.line(&String::from_utf8_lossy(&piece));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
