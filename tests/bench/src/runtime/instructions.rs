//! Processor instructions of a function's cold start and of a warm request, counted by valgrind's callgrind.
//!
//! The Runtime API is a stub in this process: it hands out a given number of events and then lets the function wait.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::callgrind;
use lzap_testkit::shell::{Failure, Result, quiet_output};

/// Requests that are counted after the first one.
const REQUESTS: u64 = 200;
/// The longest that a function may take under callgrind, which slows it down fiftyfold.
const PATIENCE: Duration = Duration::from_mins(2);

/// Counted instructions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instructions {
    /// From the process's start to its first answer.
    pub(super) cold: u64,
    /// Per request after that.
    pub(super) warm: u64,
}

/// Runs the function twice under callgrind, for one event and for many.
pub(super) fn count(command: &[OsString], folder: &Path, event: &Value) -> Result<Instructions> {
    let cold = run(command, folder, event, 1)?;
    let all = run(command, folder, event, 1 + REQUESTS)?;
    Ok(Instructions { cold, warm: all.saturating_sub(cold) / REQUESTS })
}

/// The instructions of a process that answers `events` events.
fn run(command: &[OsString], folder: &Path, event: &Value, events: u64) -> Result<u64> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?.to_string();
    let (answered, all_answered) = mpsc::channel();
    let body = event.to_string();
    thread::spawn(move || {
        let mut left = events;
        for stream in listener.incoming().flatten() {
            // The function reconnects if it likes; a failed connection shows as a missing answer.
            let _ = serve(stream, &body, &mut left, &answered);
        }
    });
    let mut valgrind = callgrind::command(command);
    valgrind
        .current_dir(folder)
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", &address)
        .env("PATH", "/usr/bin:/bin");
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_REGION", crate::REGION),
    ] {
        valgrind.env(name, value);
    }
    let child = callgrind::start(&mut valgrind)?;
    let ended = all_answered.recv_timeout(PATIENCE);
    // The function waits for an event that never comes; callgrind prints its count when the signal ends the process.
    quiet_output(Command::new("kill").args(["-TERM", &child.id().to_string()]))?;
    let instructions = callgrind::finish(child)?;
    ended.map_err(|_| Failure::new(format!("the function did not answer {events} events")))?;
    Ok(instructions)
}

/// Answers one connection of the Runtime API until it closes.
fn serve(stream: TcpStream, event: &str, left: &mut u64, answered: &mpsc::Sender<()>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut requests = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut request_line = String::new();
        if requests.read_line(&mut request_line)? == 0 {
            return Ok(());
        }
        let length = read_headers(&mut requests)?;
        std::io::copy(&mut requests.by_ref().take(length), &mut std::io::sink())?;
        if request_line.starts_with("GET") {
            if *left == 0 {
                thread::park();
            }
            let headers = "Content-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: \
                           8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\nLambda-Runtime-Deadline-Ms: \
                           4102444800000\r\nLambda-Runtime-Invoked-Function-Arn: \
                           arn:aws:lambda:eu-central-1:123456789012:function:bench:1";
            write!(stream, "HTTP/1.1 200 OK\r\n{headers}\r\nContent-Length: {}\r\n\r\n{event}", event.len())?;
        } else {
            write!(stream, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")?;
            *left = left.saturating_sub(1);
            if *left == 0 {
                // The receiver is gone when the measurement failed.
                let _ = answered.send(());
            }
        }
    }
}

/// Reads the headers: the body's length.
fn read_headers(requests: &mut impl std::io::BufRead) -> std::io::Result<u64> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        requests.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            return Ok(length);
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
}
