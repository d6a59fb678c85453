//! Measures the processor time of an invocation, against a stub in a process of its own: the stub's time doesn't count.
//!
//! `cargo run --release -p lzap-client --example cpu [CALLS [AT_ONCE]]` prints one line of JSON.
#![expect(clippy::print_stdout, reason = "the figures are the program's result")]

use std::env;
use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lzap_client::{AwsCredentials, Client, Deadline, Invoke, Settings};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == "stub") {
        return serve();
    }
    let number = |index: usize, default: usize| {
        arguments.get(index).map_or(Ok(default), |argument| argument.parse::<usize>())
    };
    let (calls, at_once) = (number(0, 20_000)?, number(1, 100)?);
    let mut stub = Command::new(env::current_exe()?).arg("stub").stdout(Stdio::piped()).spawn()?;
    let mut port = String::new();
    BufReader::new(stub.stdout.take().ok_or("no stdout")?).read_line(&mut port)?;
    let url = format!("http://127.0.0.1:{}", port.trim());
    let measured = measure(&url, calls, at_once);
    stub.kill()?;
    stub.wait()?;
    measured
}

fn measure(url: &str, calls: usize, at_once: usize) -> Result<()> {
    let credentials = AwsCredentials::new("AKIDEXAMPLE", "secret", Some("token"));
    let client = Client::new(&Settings::new("eu-central-1", credentials).with_lambda_endpoint(url))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (time, processor) = (Instant::now(), processor_ticks()?);
    runtime.block_on(async {
        let lanes: Vec<_> = (0..at_once)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move {
                    for _ in 0..calls / at_once {
                        let deadline = Deadline::after(Duration::from_mins(1));
                        client.invoke(Invoke::new("function", "{\"n\":1}"), deadline).await?;
                    }
                    Result::Ok(())
                })
            })
            .collect();
        for lane in lanes {
            lane.await??;
        }
        Result::Ok(())
    })?;
    let ticks = processor_ticks()? - processor;
    // Linux counts in hundredths of a second.
    let micros = ticks * 10_000 / u64::try_from(calls)?;
    let wall = time.elapsed().as_millis();
    println!(
        "{{\"calls\":{calls},\"at_once\":{at_once},\"cpu_us_per_call\":{micros},\"wall_ms\":{wall},\"peak_kb\":{}}}",
        peak_kb()?
    );
    Ok(())
}

/// User and system time of this process.
fn processor_ticks() -> Result<u64> {
    let stat = std::io::read_to_string(std::fs::File::open("/proc/self/stat")?)?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    Ok(fields.get(11).ok_or("short")?.parse::<u64>()? + fields.get(12).ok_or("short")?.parse::<u64>()?)
}

fn peak_kb() -> Result<u64> {
    let status = std::io::read_to_string(std::fs::File::open("/proc/self/status")?)?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Answers each request with `{}`; requests are small and come whole.
fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    std::io::stdout().flush()?;
    for stream in listener.incoming() {
        let stream = stream?;
        thread::Builder::new().stack_size(64 * 1024).spawn(move || answer(stream))?;
    }
    Ok(())
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 8192];
    while stream.read(&mut buffer)? > 0 {
        stream.write_all(b"HTTP/1.1 200 OK\r\nx-amzn-requestid: 1\r\ncontent-length: 2\r\n\r\n{}")?;
    }
    Ok(())
}
