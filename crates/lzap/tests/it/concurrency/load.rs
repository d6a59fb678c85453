//! Many requests, 64 of them in flight at any time: no id is mixed up, and the process does not grow.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::future::join_all;

use super::{assert_own_ids, meet, start_with};
use crate::{app::THREADS, runtime_api::Function};

const IN_FLIGHT: usize = 64;

/// Requests after which the app's memory is measured for the first time.
const WARM_UP: usize = 20_000;

/// The memory that the app may use more at the end than after [`WARM_UP`] requests.
const MOST_GROWTH_KB: u64 = 4 * 1024;

/// Starts the app, and sends it [`IN_FLIGHT`] requests that it answers only together.
async fn start() -> Arc<Function> {
    let environment = [(THREADS, "2"), ("RUST_LOG", "off")];
    let function = start_with(&IN_FLIGHT.to_string(), &environment).await;
    let all = (0..IN_FLIGHT).map(|n| function.send(meet(n, "all", IN_FLIGHT)));
    join_all(all).await;
    assert_eq!(function.api.most_in_flight(), IN_FLIGHT);
    Arc::new(function)
}

/// Sends the requests `range`, of which [`IN_FLIGHT`] are in flight at any time.
async fn send_all(function: &Arc<Function>, range: std::ops::Range<usize>) {
    let next = Arc::new(AtomicUsize::new(range.start));
    let senders: Vec<_> = (0..IN_FLIGHT)
        .map(|sender| {
            let (function, next, end) = (Arc::clone(function), Arc::clone(&next), range.end);
            tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= end {
                        return;
                    }
                    // A meeting of one: answered at once.
                    let sent = meet(n, &sender.to_string(), 1);
                    assert_own_ids(&function.send(sent.clone()).await, &sent);
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.expect("each answer has its request's ids");
    }
}

/// The memory that the app uses, in KB.
#[cfg(target_os = "linux")]
async fn resident_kb(function: &Function) -> u64 {
    let path = format!("/proc/{}/status", function.app.id());
    let status = tokio::fs::read_to_string(path).await.expect("the app runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_requests_with_64_in_flight_keep_their_ids() {
    let function = start().await;
    send_all(&function, 0..2_000).await;
    assert_eq!(function.api.stray_answers(), Vec::<String>::new());
}

#[cfg(target_os = "linux")]
#[expect(clippy::print_stdout, reason = "the figures of a long test")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes three minutes: cargo xtask test exhaustive soak"]
async fn hundred_thousand_requests_with_64_in_flight_keep_ids_and_memory() {
    let function = start().await;
    let began = std::time::Instant::now();
    send_all(&function, 0..WARM_UP).await;
    let warm = resident_kb(&function).await;
    send_all(&function, WARM_UP..100_000).await;
    let last = resident_kb(&function).await;
    println!("{warm} KB after {WARM_UP} requests, {last} KB after 100000, in {:.1?}", began.elapsed());
    assert!(last <= warm + MOST_GROWTH_KB, "the app grew from {warm} KB to {last} KB");
    assert_eq!(function.api.stray_answers(), Vec::<String>::new());
}
