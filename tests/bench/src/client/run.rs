//! The process of one client under measurement: invokes, then prints what that took as one JSON object.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clap::Args;
use fs_err as fs;
use futures_util::stream::{self, StreamExt};
use lzap_testkit::shell::Result;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use super::{ClientKind, Invoke, runtime, sdk};

/// The client that runs, and its load.
#[derive(Args)]
pub(crate) struct RunOptions {
    #[arg(long, value_enum)]
    client: ClientKind,
    #[arg(long)]
    endpoint: String,
    /// The root certificate to trust, for a stub with TLS
    #[arg(long)]
    ca: Option<PathBuf>,
    #[arg(long)]
    count: usize,
    #[arg(long)]
    limit: usize,
}

/// Runs the client and prints its figures. One thread, as a function in Lambda has.
pub(crate) fn run_client(options: &RunOptions) -> Result {
    let ca = options.ca.as_ref().map(fs::read).transpose()?;
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let figures = executor.block_on(async {
        match options.client {
            ClientKind::Sdk => measure(sdk::SdkClient::new(&options.endpoint, ca)?, options).await,
            ClientKind::Lzap => {
                let client = runtime::RuntimeClient::new(&options.endpoint, options.ca.as_deref())?;
                measure(client, options).await
            }
        }
    })?;
    println!("{figures}");
    Ok(())
}

/// Processor time counts from before the first connection, so that handshakes are in it.
async fn measure(client: impl Invoke, options: &RunOptions) -> Result<Value> {
    let lost = AtomicUsize::new(0);
    let (began, processor) = (Instant::now(), processor_ms());
    stream::iter(0..options.count)
        .for_each_concurrent(options.limit, |number| {
            let (client, lost) = (&client, &lost);
            async move {
                let payload = json!({ "number": number, "text": "a".repeat(200) }).to_string().into_bytes();
                if client.invoke(payload.clone()).await.as_ref() != Ok(&payload) {
                    lost.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
        .await;
    let thousands = f64::from(u32::try_from(options.count).unwrap_or(u32::MAX)) / 1_000.0;
    Ok(json!({
        "processor_ms": (processor_ms() - processor) / thousands,
        "wall_ms": began.elapsed().as_secs_f64() * 1e3,
        "peak_kib": peak_kib()?,
        "lost": lost.into_inner(),
    }))
}

/// Processor time of all threads of this process.
#[expect(clippy::cast_precision_loss, reason = "seconds and nanoseconds of a short process")]
fn processor_ms() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// The most memory that this process had.
fn peak_kib() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    Ok(line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default())
}
