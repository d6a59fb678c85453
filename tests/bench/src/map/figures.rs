//! lzap's own figures: what a map costs beside its work.
//!
//! Of each figure the best of some rounds counts, since other programs on the machine only ever add.

use std::time::{Duration, Instant};

use lzap::testing::Cloud;
use lzap::{Caller, Chunk, Codec, OnError};
use lzap_map::codec::{EncodedItems, encoding_for, from_value, pack, read_items, to_value};
use lzap_map_scheduler::simulate::{self, Job, Model, Outcome};
use serde_json::{Value, json};

const ROUNDS: usize = 5;
/// Simulated runs of each kind.
const SEEDS: u32 = 10;
/// The time that a worker of the loopback stub takes.
const WORK: Duration = Duration::from_millis(50);

#[lzap::task]
fn square(n: u64) -> Result<u64, String> {
    Ok(n.wrapping_mul(n))
}

/// Measures everything.
#[tokio::main]
pub(super) async fn measure() -> Value {
    json!({
        "limit_100": throttled(100).await,
        "limit_10": throttled(10).await,
        "codec": codecs(),
        "local": local().await,
        "efficiency": efficiency(),
    })
}

/// 1,000 chunks of one item to a Lambda on loopback, each 50 ms, of which so many may run at once.
async fn throttled(limit: usize) -> Value {
    let mut best: Option<Value> = None;
    for _ in 0..if limit < 50 { 2 } else { ROUNDS } {
        let cloud = Cloud::new().task(square).limit(limit).latency(WORK);
        let map =
            square.map(0..1000).chunk(Chunk::Items(1)).caller(Caller::WhenStuck).on_error(OnError::Collect);
        let began = Instant::now();
        let output = cloud.run_over_http(map.run()).await.expect("a free port").expect("a result");
        let wall = began.elapsed().as_secs_f64();
        let lost = output.errors().count();
        let figures = json!({ "wall_secs": wall, "lost": lost, "throttles": output.report.throttles });
        let better = best.as_ref().and_then(|best| best["wall_secs"].as_f64()).is_none_or(|best| wall < best);
        if better || lost > 0 {
            best = Some(figures);
        }
    }
    best.unwrap_or_default()
}

/// What encoding and decoding of items costs.
struct CodecCost {
    /// The time to make the event's JSON value, including compression and base64.
    encode: Duration,
    /// The time to read the items from that value.
    decode: Duration,
    /// The value's size.
    bytes: usize,
}

/// Encodes items as one chunk's payload and decodes them.
fn measure_codec(items: &[Vec<f64>], codec: Codec) -> CodecCost {
    let began = Instant::now();
    let mut encoded = EncodedItems::new(codec);
    for item in items {
        encoded.push_item(item).expect("numbers");
    }
    let bytes = encoded.slice(&(0..items.len()));
    let encoding = encoding_for(codec, bytes);
    let value = to_value(encoding, &pack(encoding, bytes));
    let encode = began.elapsed();
    let began = Instant::now();
    let read = read_items::<Vec<f64>>(codec, &from_value(encoding, &value).expect("a value"), items.len());
    let decode = began.elapsed();
    drop(read);
    CodecCost { encode, decode, bytes: value.len() }
}

/// 1,000 series of 100 numbers, as the reference app sends them.
fn codecs() -> Value {
    let mut state = 1_u64;
    let mut fraction = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(state >> 32).expect("32 bits")) / f64::from(u32::MAX)
    };
    let random: Vec<Vec<f64>> = (0..1000).map(|_| (0..100).map(|_| fraction()).collect()).collect();
    let mut level = 20.0;
    let mut sensor = || {
        level += (fraction() - 0.5) * 0.1;
        (level * 100.0_f64).round() / 100.0
    };
    let smooth: Vec<Vec<f64>> = (0..1000).map(|_| (0..100).map(|_| sensor()).collect()).collect();
    let cost = |items: &[Vec<f64>], codec| {
        let costs = (0..ROUNDS * 4).map(|_| measure_codec(items, codec));
        let best = costs
            .reduce(|best, one| if one.encode + one.decode < best.encode + best.decode { one } else { best });
        let best = best.expect("some rounds");
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        json!({ "encode_ms": ms(best.encode), "decode_ms": ms(best.decode), "bytes": best.bytes })
    };
    json!({
        "random": cost(&random, Codec::Postcard),
        "sensor": cost(&smooth, Codec::Postcard),
        "random_json": cost(&random, Codec::Json),
    })
}

/// A map in this process: microseconds for each task beside the task, which does next to nothing.
async fn local() -> Value {
    let (mut items, mut chunks) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS * 4 {
        let began = Instant::now();
        drop(square.map(0..1000).values().await.expect("numbers"));
        items = items.min(began.elapsed().as_secs_f64() * 1e6 / 1000.0);
        let began = Instant::now();
        drop(square.map(0..1024).chunk(Chunk::Items(16)).values().await.expect("numbers"));
        chunks = chunks.min(began.elapsed().as_secs_f64() * 1e6 / 64.0);
    }
    json!({ "per_item_us": items, "per_chunk_us": chunks })
}

/// The simulator's answer: the share of the workers' time that is work, by workers and by seconds of one core.
fn efficiency() -> Value {
    let mut rows = Vec::new();
    for work in [10, 100, 1_000, 10_000] {
        for workers in [10_u32, 30, 100, 300, 900] {
            let job = Job {
                items: work * 10,
                limit: usize::try_from(workers).expect("small"),
                caller: Caller::WhenStuck,
                ..Job::default()
            };
            // On average: how often a slow host is the last one is chance.
            let mean = |figure: fn(&Outcome) -> f64| {
                let sum: f64 = (1..=SEEDS)
                    .map(|seed| figure(&simulate::run(&Model::default(), &job, seed.into())))
                    .sum();
                sum / f64::from(SEEDS)
            };
            let wall = mean(|outcome| outcome.wall);
            let speed_up = mean(|outcome| outcome.work) / wall;
            rows.push(json!({
                "work_secs": work,
                "workers": workers,
                "speed_up": speed_up,
                "efficiency": speed_up / f64::from(workers),
                "wall_secs": wall,
            }));
        }
    }
    rows.into()
}
