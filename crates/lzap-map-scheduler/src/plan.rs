//! Plans a map: decides whether it uses workers, and cuts the items into chunks.
//!
//! The module is pure: it turns numbers into ranges and a reason for people. Costs are in seconds, and `lzap-map`
//! measures them.

use std::ops::Range;
use std::time::Duration;

use crate::options::Chunk;

/// The assumed time of an invocation in addition to its work, until a map has measured it.
pub const OVERHEAD: Duration = Duration::from_millis(25);
/// The shortest chunk, in overheads: at three, three quarters of a worker's time is work.
const MIN_OVERHEADS: f64 = 3.0;
/// The shortest time of a chunk with its overhead. Lambda limits requests to ten per second and environment.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html>
const MIN_REQUEST_SECS: f64 = 0.1;
/// The caller's time to send one invocation. It sends one after the other, so more chunks delay the last one.
const SEND_SECS: f64 = 0.000_125;
/// The delay of the last chunk after the others, in chunks, since it may start last.
const LAST_CHUNK_DELAY: f64 = 1.0;
/// The share of slow hosts, and the factor by which they are slower. The more chunks run in parallel, the more likely one of
/// them delays the end. Both are guesses: half and twice the values cost a few percent in the simulator.
const SLOW_HOST_SHARE: f64 = 0.01;
const SLOW_HOST_FACTOR: f64 = 5.0;
/// The bytes per second that a caller sends, including base64 and JSON: what makes sending cost more than computing.
const BANDWIDTH: f64 = 60e6;
/// The largest payload in an event, in bytes: Lambda's 6 MB minus base64 and the envelope.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const INLINE_BYTES: usize = 4 * 1024 * 1024;
/// The largest number of chunks of one map. A map whose chosen chunk size gives more is refused.
pub const MAX_CHUNKS: usize = 10_000;

/// The figures that a plan depends on, all known before the first invocation.
#[derive(Clone, Debug)]
pub struct PlanInputs {
    /// Open items only: those tried to measure their duration are done.
    pub items: usize,
    /// Seconds per item on one core; `None` without a measurement, and then there is one chunk per possible invocation.
    pub item_secs: Option<f64>,
    /// The encoded size of all open items, before base64.
    pub bytes: usize,
    /// Items that one process computes in parallel. Workers are assumed to have as many cores as this process.
    pub cores: usize,
    /// The time of an invocation in addition to its work; [`OVERHEAD`] before it is measured.
    pub overhead: Duration,
    /// The largest number of invocations in flight, which decides how many chunks run in parallel.
    pub limit: usize,
    /// `None` for no limit. A tenth of it is left for retries.
    pub max_invocations: Option<usize>,
}

/// The chunks of a map, and whether workers compute them.
#[derive(Clone, Debug, PartialEq)]
pub struct MapPlan {
    /// False when sending would take longer than computing here, or the options forbid it.
    pub remote: bool,
    /// Ranges of positions among the open items, which need not be contiguous in the input.
    pub chunks: Vec<Range<usize>>,
    /// One clause for the report, for people.
    pub reason: String,
}

/// The places that the options allow. Without a measurement, `Either` means workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanPlace {
    /// Here if that is sure to be no slower than sending, else in workers.
    Either,
    /// In workers, even when this process would be faster.
    Remote,
    /// In this process, for `Caller::Alone` and outside of Lambda.
    Here,
}

/// Plans the open items. `bytes_of` returns the encoded size of a range.
pub fn plan_chunks(
    facts: &PlanInputs,
    chunk: Chunk,
    place: PlanPlace,
    bytes_of: impl Fn(&Range<usize>) -> usize,
) -> MapPlan {
    let here = |reason: String| MapPlan {
        remote: false,
        chunks: split_evenly(facts.items, (facts.cores * 4).min(facts.items)),
        reason,
    };
    // Checked first, because the formulas below need at least one item.
    if facts.items == 0 {
        return here("there is nothing to do".to_owned());
    }
    if place == PlanPlace::Here {
        return here("no Lambda is to be invoked".to_owned());
    }
    let work = facts.item_secs.map(|secs| secs * to_f64(facts.items));
    // The seconds that one process would need.
    let alone = work.map(|work| work / to_f64(facts.cores));
    if let (PlanPlace::Either, Some(alone)) = (place, alone) {
        // Twice the overhead, because local work is certain, while an invocation can also be slow or throttled.
        let away = 2.0 * facts.overhead.as_secs_f64() + to_f64(facts.bytes) / BANDWIDTH;
        if alone <= away {
            return here(format!(
                "{} of work here, and sending it would take {}",
                format_secs(alone),
                format_secs(away)
            ));
        }
    }
    let (sizes, why) = match (chunk, alone) {
        (Chunk::Items(size), _) => {
            (split_by_count(facts.items, size.max(1)), "chunks as asked for".to_owned())
        }
        (Chunk::Bytes(size), _) => {
            (split_by_bytes(facts.items, size.max(1), &bytes_of), "chunks as asked for".to_owned())
        }
        (Chunk::Auto, Some(alone)) => {
            let chunks = best_chunk_count(alone, facts);
            let each = format_secs(alone / to_f64(chunks));
            let why = format!("{} of work, in chunks of about {each}", format_secs(work.unwrap_or(alone)));
            (split_guided(facts, chunks), why)
        }
        // Without a measurement, one round with all available concurrency is the best guess.
        (Chunk::Auto, None) => {
            let chunks = facts.items.min(facts.limit);
            (
                split_evenly(facts.items, chunks),
                "one chunk for each invocation that may run at once".to_owned(),
            )
        }
    };
    // Chunks of a size that the user chose may exceed Lambda's payload limit too.
    let fitting = sizes.iter().flat_map(|range| halve_until_fitting(range.clone(), INLINE_BYTES, &bytes_of));
    let chunks: Vec<_> = fitting.collect();
    match facts.max_invocations.map(chunks_within) {
        // Larger chunks than fit into an event go through S3.
        Some(most) if chunks.len() > most => {
            let reason = format!("{why}, made larger for at most {most} of them");
            MapPlan { remote: true, chunks: split_evenly(facts.items, most), reason }
        }
        _ => MapPlan { remote: true, chunks, reason: why },
    }
}

/// The number of chunks that a map of at most `invocations` has: a tenth of the invocations is left for retries.
fn chunks_within(invocations: usize) -> usize {
    (invocations - invocations.div_ceil(10)).max(1)
}

/// The number of chunks with which the map ends soonest.
///
/// Each additional chunk must be sent and costs a worker its overhead. With fewer chunks, the last one ends later. The time
/// that depends on the number of chunks is `chunks × (send + overhead / workers) + tail × alone / chunks`, and this function
/// returns its minimum. More workers never reduce the result.
fn best_chunk_count(alone: f64, facts: &PlanInputs) -> usize {
    let overhead = facts.overhead.as_secs_f64();
    let each = SEND_SECS + overhead / to_f64(facts.limit);
    let tail =
        LAST_CHUNK_DELAY + SLOW_HOST_FACTOR * (1.0 - (1.0 - SLOW_HOST_SHARE).powf(to_f64(facts.limit)));
    let best = (tail * alone / each).sqrt();
    ceil_to_usize(best.min(alone / min_chunk_secs(facts))).clamp(1, facts.items.min(MAX_CHUNKS))
}

/// In seconds: the longer of the bound by overhead and the bound by Lambda's request rate.
fn min_chunk_secs(facts: &PlanInputs) -> f64 {
    let overhead = facts.overhead.as_secs_f64();
    (MIN_OVERHEADS * overhead).max(MIN_REQUEST_SECS - overhead)
}

/// Cuts the items into `chunks` ranges whose lengths differ by at most one.
fn split_evenly(items: usize, chunks: usize) -> Vec<Range<usize>> {
    let chunks = chunks.max(1);
    // Multiplication before division, so that the remainders spread over all chunks.
    (0..chunks)
        .map(|n| n * items / chunks..(n + 1) * items / chunks)
        .filter(|range| !range.is_empty())
        .collect()
}

/// Cuts the items into ranges of `size` items; the last one may be shorter.
fn split_by_count(items: usize, size: usize) -> Vec<Range<usize>> {
    (0..items).step_by(size).map(|from| from..(from + size).min(items)).collect()
}

/// Cuts the items into ranges of at most `size` bytes, and of at least one item.
fn split_by_bytes(
    items: usize,
    size: usize,
    bytes_of: &impl Fn(&Range<usize>) -> usize,
) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut from = 0;
    for item in 0..items {
        if item > from && bytes_of(&(from..item + 1)) > size {
            ranges.push(from..item);
            from = item;
        }
    }
    if from < items {
        ranges.push(from..items);
    }
    ranges
}

/// Cuts the items into equal chunks if all of them run in parallel. Otherwise chunks get smaller towards the end, so that the
/// last ones finish at about the same time: each is half of a worker's share of the remaining items, but at least half of an
/// equal chunk and at least the shortest duration. This is guided self-scheduling, as in OpenMP's `schedule(guided)`.
fn split_guided(facts: &PlanInputs, chunks: usize) -> Vec<Range<usize>> {
    let (items, limit) = (facts.items, facts.limit);
    if chunks <= limit {
        return split_evenly(items, chunks);
    }
    let shortest =
        facts.item_secs.map_or(1, |secs| ceil_to_usize(min_chunk_secs(facts) * to_f64(facts.cores) / secs));
    let smallest = (items / chunks / 2).max(shortest).clamp(1, items);
    let largest = (items / chunks * 2).max(smallest);
    let mut ranges = Vec::with_capacity(chunks);
    let mut from = 0;
    while from < items {
        let share = ((items - from) / (2 * limit)).clamp(smallest, largest);
        ranges.push(from..(from + share).min(items));
        from += share;
    }
    // Guided chunks are more numerous than equal ones, and may exceed the maximum.
    if ranges.len() > MAX_CHUNKS { split_evenly(items, chunks) } else { ranges }
}

/// Halves a range until each part fits into `most` bytes or is one item. A single larger item is spilled to S3.
fn halve_until_fitting(
    range: Range<usize>,
    most: usize,
    bytes_of: &impl Fn(&Range<usize>) -> usize,
) -> Vec<Range<usize>> {
    if range.len() <= 1 || bytes_of(&range) <= most {
        return vec![range];
    }
    let middle = range.start + range.len() / 2;
    let mut halves = halve_until_fitting(range.start..middle, most, bytes_of);
    halves.extend(halve_until_fitting(middle..range.end, most, bytes_of));
    halves
}

/// Formats seconds as µs, ms or s, rounded: for people only.
pub fn format_secs(secs: f64) -> String {
    match secs {
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s => format!("{s:.1} s"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of items and bytes: 53 bits are enough for a plan")]
fn to_f64(n: usize) -> f64 {
    n as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and saturating is right"
)]
fn ceil_to_usize(n: f64) -> usize {
    n.ceil() as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts() -> impl Strategy<Value = PlanInputs> {
        (0..5000_usize, prop::option::of(1e-7..5.0_f64), 0..100_usize, 1..8_usize, 1..1000_usize).prop_map(
            |(items, item_secs, size, cores, limit)| PlanInputs {
                items,
                item_secs,
                bytes: items * size,
                cores,
                overhead: OVERHEAD,
                limit,
                max_invocations: None,
            },
        )
    }

    fn chunk() -> impl Strategy<Value = Chunk> {
        prop_oneof![
            Just(Chunk::Auto),
            (0..100_usize).prop_map(Chunk::Items),
            (0..10_000_usize).prop_map(Chunk::Bytes),
        ]
    }

    proptest! {
        #[test]
        fn every_item_is_in_exactly_one_chunk_and_in_order(
            facts in facts(),
            chunk in chunk(),
            place in prop_oneof![Just(PlanPlace::Either), Just(PlanPlace::Remote), Just(PlanPlace::Here)],
            size in 1..3_000_000_usize,
        ) {
            let plan = plan_chunks(&facts, chunk, place, |range| range.len() * size);
            let all: Vec<usize> = plan.chunks.iter().cloned().flatten().collect();
            prop_assert_eq!(all, (0..facts.items).collect::<Vec<_>>());
            prop_assert!(plan.chunks.iter().all(|range| !range.is_empty()));
            if plan.remote {
                let fits = |range: &Range<usize>| range.len() == 1 || range.len() * size <= INLINE_BYTES;
                prop_assert!(plan.chunks.iter().all(fits));
            }
        }
    }

    proptest! {
        #[test]
        fn planned_chunks_respect_both_limits_and_never_decrease_with_workers(
            facts in (1..200_000_usize, 1e-3..5.0_f64, 1..900_usize, 0.0..0.5_f64).prop_map(
                |(items, item_secs, limit, overhead)| PlanInputs {
                    items,
                    item_secs: Some(item_secs),
                    bytes: 0,
                    cores: 1,
                    overhead: Duration::from_secs_f64(overhead),
                    limit,
                    max_invocations: None,
                },
            ),
        ) {
            let work = facts.item_secs.unwrap_or(0.0) * to_f64(facts.items);
            let chunks = best_chunk_count(work, &facts);
            let most = best_chunk_count(work, &PlanInputs { limit: 900, ..facts.clone() });
            prop_assert!(chunks <= most);
            prop_assert!(chunks == 1 || work / to_f64(chunks - 1) >= min_chunk_secs(&facts));
            let plan = plan_chunks(&facts, Chunk::Auto, PlanPlace::Remote, |_| 0);
            prop_assert!(plan.chunks.len() <= MAX_CHUNKS, "{}", plan.chunks.len());
        }
    }

    fn plan_items(items: usize, item_secs: f64, bytes: usize) -> MapPlan {
        let facts = PlanInputs {
            items,
            item_secs: Some(item_secs),
            bytes,
            cores: 2,
            overhead: OVERHEAD,
            limit: 900,
            max_invocations: None,
        };
        plan_chunks(&facts, Chunk::Auto, PlanPlace::Either, |range| range.len() * bytes / items)
    }

    #[test]
    fn plan_of_cheap_items_stays_local_and_says_why() {
        let sums = plan_items(1000, 5e-6, 800_000);
        assert!(!sums.remote);
        assert_eq!(sums.reason, "2 ms of work here, and sending it would take 63 ms");
    }

    #[test]
    fn plan_of_expensive_items_uses_workers_and_says_why() {
        let spectra = plan_items(1000, 0.02, 800_000);
        assert!(spectra.remote);
        assert_eq!(spectra.chunks.len(), 134);
        assert_eq!(spectra.reason, "20.0 s of work, in chunks of about 75 ms");
    }

    /// Chunks of a quarter of a second would be 40,000, and such maps were refused once.
    #[test]
    fn plan_of_hours_of_work_stays_below_the_chunk_limit() {
        let hours = plan_items(1_000_000, 0.01, 0);
        assert!((5_000..=MAX_CHUNKS).contains(&hours.chunks.len()), "{}", hours.chunks.len());
    }

    #[test]
    fn plan_with_more_chunks_than_the_limit_ends_with_small_ones() {
        let facts = PlanInputs {
            items: 10_000,
            item_secs: Some(0.1),
            bytes: 0,
            cores: 1,
            overhead: OVERHEAD,
            limit: 10,
            max_invocations: None,
        };
        let chunks = plan_chunks(&facts, Chunk::Auto, PlanPlace::Either, |_| 0).chunks;
        assert!(chunks[0].len() > chunks[chunks.len() - 2].len());
    }
}
