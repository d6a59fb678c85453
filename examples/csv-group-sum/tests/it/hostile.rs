//! Hostile requests, generated from a seed: each is answered with a result or a sentence, and stays below the caps.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{Request, StatusCode};
use csv_group_sum::Caps;
use csv_group_sum::http::{Settings, router_with};
use futures_util::future::join_all;
use lzap::testing::{Attempt, Cloud, Fault};

use crate::common::{Answer, Random, cloud, send_to};

/// Small caps, so that small CSVs reach them: the one on invocations and the one on dollars.
const CAPS: [Caps; 2] = [
    Caps {
        dollars: 0.05,
        invocations: 20,
        concurrency: 4,
    },
    Caps {
        dollars: 0.000_1,
        invocations: 900,
        concurrency: 4,
    },
];

/// The number of requests.
const REQUESTS: u64 = 200;

/// Hostile values, for any parameter.
const HOSTILE: [&str; 16] = [
    "0",
    "-1",
    "1e9",
    "NaN",
    "inf",
    "18446744073709551615",
    "99999999999999999999999999",
    "0x10",
    "1.5",
    "null",
    "%00",
    "%F0%9F%92%A3",
    "';DROP TABLE sums;--",
    "%0D%0Ax-injected:%201",
    "%3Cscript%3E",
    "../../etc/passwd",
];

/// Values that mean something, for each parameter that takes other ones than text.
const GOOD: [(&str, &[&str]); 9] = [
    ("chunksize", &["1", "2", "7", "18446744073709551615"]),
    ("concurrency", &["1", "3", "900", "18446744073709551615"]),
    ("invoke_lambda", &["true", "true", "true", "1", "false"]),
    ("work_ms", &["0", "1", "1000"]),
    ("feature", &["bootstrap"]),
    ("compression", &["true", "false"]),
    ("report", &["json"]),
    ("value_column", &["v", "v,w", "w"]),
    ("formula_safe", &["true"]),
];

/// Beginnings of queries: what costs most.
const ATTACKS: [&str; 5] = [
    "",
    "&invoke_lambda=true&chunksize=1",
    "&invoke_lambda=true&chunksize=7",
    "&invoke_lambda=true&work_ms=1000",
    "&feature=bootstrap",
];

/// An attack with up to four further parameters. A few have a hostile value or no value, are repeated or are unknown.
fn random_query(random: &mut Random) -> String {
    let mut query = String::from(ATTACKS[random.below(ATTACKS.len())]);
    for _ in 0..random.below(5) {
        let (name, values) = GOOD[random.below(GOOD.len())];
        let value = match random.below(25) {
            0 => HOSTILE[random.below(HOSTILE.len())],
            1 => "",
            _ => values[random.below(values.len())],
        };
        let is_unknown = random.once_in(60);
        let name = if is_unknown {
            HOSTILE[random.below(HOSTILE.len())]
        } else {
            name
        };
        if !query.contains(&format!("{name}=")) || random.once_in(20) {
            query = query + "&" + name + "=" + value;
        }
    }
    query
}

/// A CSV with few rows or many; now and then with text that a client could mistake for more.
fn random_csv(random: &mut Random) -> String {
    let mut csv = String::from("id,v,w\n");
    for row in 0..[0, 1, 3, 300, 300][random.below(5)] {
        let id = ["=cmd()", "<b>", "a", "\"x,\"\"y\"\"\"", ""][random.below(5)];
        let w = if random.once_in(200) { "nan" } else { "0.5" };
        writeln!(csv, "{id}{row},{},{w}", random.below(1_000)).expect("a String takes everything");
    }
    csv
}

/// The invocations that a cloud has seen.
#[derive(Default)]
struct Seen {
    /// Those below its limit.
    started: AtomicUsize,
    /// All of them, up to the latest one below the limit. A throttled chunk is invoked again, so none is missing.
    all: AtomicUsize,
}

/// A cloud that counts, throttles above the cap, and fails: some invocations in any way, or each chunk twice.
fn counting_cloud(seen: &Arc<Seen>, seed: u64, concurrency: usize) -> Cloud {
    let seen = Arc::clone(seen);
    let fault = move |attempt: &Attempt| {
        seen.started.fetch_add(1, Ordering::Relaxed);
        seen.all.fetch_max(attempt.total, Ordering::Relaxed);
        let total = u64::try_from(attempt.total).expect("64 bits");
        match Random(seed ^ total).below(80) {
            _ if seed.is_multiple_of(3) => (attempt.number < 3).then_some(Fault::Reset),
            0 => Some(Fault::Crash),
            1 => Some(Fault::Reset),
            2 => Some(Fault::Denied),
            3 => Some(Fault::Unavailable),
            _ => None,
        }
    };
    // A short timeout, since an invocation in flight counts as all of it: the money is for two or three of them.
    cloud()
        .limit(concurrency)
        .timeout(Duration::from_secs(2))
        .fault(fault)
}

/// Sends the request of a seed; returns its query, its caps, the answer and the invocations.
async fn send_hostile(seed: u64) -> (String, Caps, Answer, Arc<Seen>) {
    let random = &mut Random(seed);
    let (query, csv, caps) = (
        random_query(random),
        random_csv(random),
        CAPS[random.below(CAPS.len())],
    );
    let seen = Arc::new(Seen::default());
    let app = router_with(Settings {
        caps,
        ..Settings::default()
    });
    // What a URL can't carry as it is, a client would have to encode.
    let uri = format!("/?{}", query.trim_start_matches('&')).replace(['\'', ';', ' '], "_");
    let request = Request::put(uri).body(csv.into()).expect("a valid request");
    let answer = counting_cloud(&seen, seed, caps.concurrency)
        .run(send_to(app, request))
        .await;
    (query, caps, answer, seen)
}

/// The dollars of a map, from its header or from the sentence of a 402; none for an answer without either.
fn read_dollars(answer: &Answer) -> Option<f64> {
    let map = answer.header("x-lzap-map");
    let figure = match map.split_once("dollars=") {
        Some((_, rest)) => rest.split(';').next(),
        None => answer
            .body
            .split_once(" items, at $")
            .and_then(|(_, rest)| rest.split(':').next()),
    };
    figure.map(|figure| figure.parse().expect("a number"))
}

/// Asserts that the map's header has names and numbers, and no sentence.
pub(crate) fn assert_figures(answer: &Answer, why: &str) {
    let map = answer.header("x-lzap-map");
    let is_figure = |figure: &str| figure.chars().all(|char| char.is_ascii_hexdigit() || char == '.');
    let mut parts = map.split("; ").skip(1);
    assert!(
        parts.all(|part| part.split_once('=').is_some_and(|(_, figure)| is_figure(figure))),
        "{why}: {map}"
    );
}

fn assert_answered(answer: &Answer, why: &str) {
    let status = answer.status.as_u16();
    assert!(
        matches!(status, 200 | 400 | 402 | 413 | 422 | 502 | 504),
        "{why}: {answer:?}"
    );
    assert!(!answer.body.trim().is_empty(), "{why}: {answer:?}");
    assert!(answer.headers.get("x-injected").is_none(), "{why}: {answer:?}");
    if answer.status != StatusCode::OK {
        assert_eq!(
            answer.header("content-type"),
            "text/plain; charset=utf-8",
            "{why}"
        );
        assert!(
            answer.body.ends_with(".\n") && answer.body.lines().count() == 1,
            "{why}: {answer:?}"
        );
    }
    assert_figures(answer, why);
    for text in ["AccessDenied", "lambda:", "arn:", "connection reset"] {
        assert!(!answer.body.contains(text), "{why}: {answer:?}");
    }
}

#[tokio::test]
async fn hostile_requests_stay_below_the_caps_and_get_words() {
    let mut seen: BTreeMap<u16, usize> = BTreeMap::new();
    let (mut maps, mut stopped) = (0, 0);
    // All at once, since most of them wait.
    for (seed, answered) in join_all((0..REQUESTS).map(send_hostile))
        .await
        .into_iter()
        .enumerate()
    {
        let (query, caps, answer, invocations) = answered;
        let (started, invocations) = (
            invocations.started.load(Ordering::Relaxed),
            invocations.all.load(Ordering::Relaxed),
        );
        let why = format!("seed {seed}: {query}");
        assert_answered(&answer, &why);
        let dollars = read_dollars(&answer);
        assert!(
            dollars.is_none_or(|dollars| dollars <= caps.dollars),
            "{why}: {answer:?}"
        );
        stopped += usize::from(dollars.is_some() && answer.status == StatusCode::PAYMENT_REQUIRED);
        assert!(
            invocations <= caps.invocations,
            "{why}: {invocations} invocations"
        );
        // Beyond the limit of its cloud a map would be throttled.
        assert_eq!(started, invocations, "{why}: {answer:?}");
        maps += usize::from(invocations > 0);
        *seen.entry(answer.status.as_u16()).or_default() += 1;
    }
    for status in [200, 400, 402, 422, 502] {
        assert!(seen.contains_key(&status), "{status} is not in {seen:?}");
    }
    assert!(
        maps > 40 && stopped > 0,
        "{maps} maps, {stopped} without money, {seen:?}"
    );
}
