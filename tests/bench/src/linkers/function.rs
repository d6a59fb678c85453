//! A function under a stand-in for Lambda's Runtime API: one that measures, and does nothing that costs.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fs_err as fs;
use serde_json::json;

use lzap_testkit::shell::{Failure, Result};

/// Linux counts a process's time in hundredths of a second, whatever the kernel.
const TICK: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_mins(1);

/// A running function; dropping it ends it.
pub(crate) struct Function {
    process: Child,
    cold: Duration,
    events: Sender<String>,
    /// One for each time that the function asks for work.
    asked: Receiver<()>,
}

impl Function {
    /// Starts the program and waits until it asks for its first event.
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?.to_string();
        let (events, waiting) = channel();
        let (asks, asked) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (waiting, asks) = (Arc::clone(&waiting), asks.clone());
                // It ends with its connection.
                std::thread::spawn(move || drop(serve(stream, &waiting, &asks)));
            }
        });
        command.env_clear().envs([
            ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_REGION", crate::REGION),
            ("RUST_LOG", "off"),
        ]);
        let began = Instant::now();
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut function = Self { process, cold: Duration::ZERO, events, asked };
        function.wait_until_it_asks()?;
        function.cold = began.elapsed();
        Ok(function)
    }

    /// From its start until it asked for its first event.
    pub(crate) fn cold(&self) -> Duration {
        self.cold
    }

    /// Sends `count` requests, one after another; the processor time that one took.
    pub(super) fn request(&mut self, path: &str, count: usize) -> Result<Duration> {
        let event = event(path);
        let before = self.processor_time()?;
        for _ in 0..count {
            self.events.send(event.clone())?;
            self.wait_until_it_asks()?;
        }
        let took = self.processor_time()?.saturating_sub(before);
        Ok(took / u32::try_from(count.max(1))?)
    }

    /// The most memory that was ever resident.
    pub(super) fn resident_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().split(' ').next());
        let kilobytes: u64 = kilobytes.ok_or_else(|| Failure::new("no VmHWM"))?.parse()?;
        Ok(kilobytes * 1024)
    }

    fn wait_until_it_asks(&mut self) -> Result {
        self.asked.recv_timeout(PATIENCE).map_err(|_| Failure::new("the function asks for no work"))
    }

    /// User and system time of all its threads, those that ended included: fields 14 and 15 of `/proc/PID/stat`.
    fn processor_time(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let (_, after_name) = stat.rsplit_once(')').unwrap_or_default();
        let ticks = after_name.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
        Ok(TICK * ticks.sum::<std::result::Result<u32, _>>()?)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A GET request as an HTTP API sends it.
fn event(path: &str) -> String {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "localhost", "accept": "*/*"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc",
            "domainName": "localhost",
            "domainPrefix": "abc",
            "http": {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "bench"},
            "requestId": "1",
            "routeKey": "$default",
            "stage": "$default",
            "time": "10/Mar/2026:05:16:23 +0000",
            "timeEpoch": 1_773_119_783_000_u64
        },
        "isBase64Encoded": false
    })
    .to_string()
}

/// Answers one connection of the function until it closes.
fn serve(stream: TcpStream, events: &Mutex<Receiver<String>>, asks: &Sender<()>) -> Result {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(asks_for_work) = read_request(&mut reader)? {
        if !asks_for_work {
            writer.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")?;
            continue;
        }
        asks.send(())?;
        let event = events.lock().unwrap_or_else(PoisonError::into_inner).recv()?;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nlambda-runtime-aws-request-id: 1\r\n\
             lambda-runtime-deadline-ms: 9999999999999\r\nlambda-runtime-invoked-function-arn: arn\r\ncontent-length: \
             {}\r\n\r\n",
            event.len()
        );
        writer.write_all((head + &event).as_bytes())?;
    }
    Ok(())
}

/// Reads a request to its end; whether it asks for the next event. `None` when the connection is closed.
fn read_request(reader: &mut BufReader<TcpStream>) -> Result<Option<bool>> {
    let (mut first, mut length, mut chunked) = (String::new(), 0, false);
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_lowercase();
        match line.split_once(": ") {
            Some(("content-length", value)) => length = value.parse()?,
            Some(("transfer-encoding", value)) => chunked = value == "chunked",
            None if line.is_empty() => break,
            _ => {}
        }
    }
    let mut discard = |length: u64| std::io::copy(&mut reader.take(length), &mut std::io::sink());
    discard(length)?;
    while chunked {
        let mut size = String::new();
        reader.read_line(&mut size)?;
        let size = u64::from_str_radix(size.trim(), 16)?;
        std::io::copy(&mut reader.take(size + 2), &mut std::io::sink())?;
        chunked = size > 0;
    }
    Ok(Some(first.starts_with("GET")))
}
