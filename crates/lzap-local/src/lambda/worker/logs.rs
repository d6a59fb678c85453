//! A worker's output: lines from its pipe and from the platform, in order, to `CloudWatch` Logs.

use std::io::{self, PipeWriter};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::ports::{LogEvent, Ports};

/// What `X-Amz-Log-Result` carries at most.
const TAIL_BYTES: usize = 4096;
/// `CloudWatch` Logs' largest event, less its overhead; longer lines are cut into several.
const LINE_BYTES: usize = 262_144 - 26;
/// Events in one `PutLogEvents`.
const BATCH: usize = 1000;

/// Where one environment's lines go.
pub(crate) struct LogStream {
    ports: Ports,
    events: mpsc::UnboundedSender<LogEvent>,
    /// The invocation's last lines, a little more than [`TAIL_BYTES`].
    tail: Mutex<String>,
}

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
        Arc::new(Self { ports: ports.clone(), events, tail: Mutex::new(String::new()) })
    }

    /// Writes one line.
    pub(crate) fn line(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut tail = lock(&self.tail);
        tail.push_str(text);
        tail.push('\n');
        let from = tail.ceil_char_boundary(tail.len().saturating_sub(TAIL_BYTES));
        tail.drain(..from);
        let event = LogEvent { timestamp_ms: self.ports.clock.now_ms(), message: text.to_owned() };
        // The writer goes only when the whole service does.
        let _unwritten = self.events.send(event);
    }

    /// Begins an invocation: the tail starts anew.
    pub(crate) fn begin(&self) {
        lock(&self.tail).clear();
    }

    /// The last 4 KB since [`LogStream::begin`].
    pub(crate) fn tail(&self) -> String {
        lock(&self.tail).clone()
    }
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
        let pump = AbortOnDropHandle::new(tokio::spawn(pump(Arc::clone(&shared))));
        Ok((Self { shared, _pump: pump }, writer))
    }

    /// Takes in everything that was written so far, an unfinished line included.
    ///
    /// A worker's answer and its output come by different ways. What it wrote before it answered is in the pipe by
    /// then, so reading the pipe empty here puts those lines before `END`.
    pub(crate) fn drain(&self) {
        // Past Tokio, whose own idea of what is readable may be a moment old.
        self.shared.read_all(|buffer| Ok(rustix::io::read(&self.shared.pipe, buffer)?));
        let rest = std::mem::take(&mut *lock(&self.shared.partial));
        self.shared.stream.line(&String::from_utf8_lossy(&rest));
    }
}

async fn pump(shared: Arc<Shared>) {
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
