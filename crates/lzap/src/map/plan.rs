//! Whether a map goes to other Lambdas, and in which chunks: numbers in, ranges and a reason out.
//!
//! Pure. Costs are seconds; how they were measured is in `prepared.rs`.

use std::ops::Range;
use std::time::Duration;

use super::options::Chunk;

/// What one invocation costs beside its work, until measured.
pub(crate) const OVERHEAD: Duration = Duration::from_millis(25);
/// A chunk takes three overheads at least: then three quarters of the time are work. And with its overhead a tenth of a
/// second: Lambda takes ten requests a second for each environment.
const OVERHEADS: f64 = 3.0;
const REQUEST: f64 = 0.1;
/// What the caller itself takes to send one.
const SEND: f64 = 0.000_125;
/// How much later than the others the last chunk ends, in chunks: it may have begun last, and the more run beside it,
/// the surer one of them is on a slow host, or waits for the rival that was sent when that showed. A host in a hundred
/// is slow, by five times: a guess, of which half and twice as much cost a few percent in the simulator.
const LAST: f64 = 1.0;
const SLOW_HOSTS: f64 = 0.01;
const SLOWER: f64 = 5.0;
/// What a caller sends, in bytes a second: base64 and JSON included.
const BANDWIDTH: f64 = 60e6;
/// A payload's budget: 6 MB less what base64 and the envelope take.
pub(crate) const INLINE_BYTES: usize = 4 * 1024 * 1024;
/// The most chunks of one map.
pub(crate) const MOST_CHUNKS: usize = 10_000;

/// What is known before the first invocation.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// Items still to do.
    pub(crate) items: usize,
    /// Seconds of one item; none when nothing was measured.
    pub(crate) item_secs: Option<f64>,
    /// Bytes of all items.
    pub(crate) bytes: usize,
    /// Items that one process computes at once: this one, and each worker.
    pub(crate) cores: usize,
    /// One invocation's cost beside its work.
    pub(crate) overhead: Duration,
    /// The most invocations at once.
    pub(crate) limit: usize,
}

/// Where the work is done, and why there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) remote: bool,
    pub(crate) chunks: Vec<Range<usize>>,
    pub(crate) reason: String,
}

/// Whether the caller leaves the choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Either,
    Remote,
    Here,
}

/// Decides. `bytes_of` says how large a range of items is.
pub(crate) fn plan(
    facts: &Facts,
    chunk: Chunk,
    place: Place,
    bytes_of: impl Fn(&Range<usize>) -> usize,
) -> Plan {
    let here = |reason: String| Plan {
        remote: false,
        chunks: even(facts.items, (facts.cores * 4).min(facts.items)),
        reason,
    };
    if facts.items == 0 {
        return here("there is nothing to do".to_owned());
    }
    if place == Place::Here {
        return here("no Lambda is to be invoked".to_owned());
    }
    let work = facts.item_secs.map(|secs| secs * count(facts.items));
    // What one process would need.
    let alone = work.map(|work| work / count(facts.cores));
    if let (Place::Either, Some(alone)) = (place, alone) {
        let away = 2.0 * facts.overhead.as_secs_f64() + count(facts.bytes) / BANDWIDTH;
        if alone <= away {
            return here(format!("{} of work here, and sending it would take {}", shown(alone), shown(away)));
        }
    }
    let (sizes, why) = match (chunk, alone) {
        (Chunk::Items(size), _) => (by_count(facts.items, size.max(1)), "chunks as asked for".to_owned()),
        (Chunk::Bytes(size), _) => {
            (by_bytes(facts.items, size.max(1), &bytes_of), "chunks as asked for".to_owned())
        }
        (Chunk::Auto, Some(alone)) => {
            let chunks = soonest(alone, facts);
            let each = shown(alone / count(chunks));
            let why = format!("{} of work, in chunks of about {each}", shown(work.unwrap_or(alone)));
            (guided(facts, chunks), why)
        }
        (Chunk::Auto, None) => {
            let chunks = facts.items.min(facts.limit);
            (even(facts.items, chunks), "one chunk for each invocation that may run at once".to_owned())
        }
    };
    let chunks = sizes.into_iter().flat_map(|range| fit(range, INLINE_BYTES, &bytes_of)).collect();
    Plan { remote: true, chunks, reason: why }
}

/// How many chunks end soonest. Each one more has to be sent, and takes its overhead from one of the workers; with each
/// one less, the last one ends later. So beside what doesn't change, the time is
/// `chunks × (send + overhead / workers) + tail × alone / chunks`, and this is where that is least. More workers never make
/// it fewer.
fn soonest(alone: f64, facts: &Facts) -> usize {
    let overhead = facts.overhead.as_secs_f64();
    let each = SEND + overhead / count(facts.limit);
    let tail = LAST + SLOWER * (1.0 - (1.0 - SLOW_HOSTS).powf(count(facts.limit)));
    let best = (tail * alone / each).sqrt();
    ceil(best.min(alone / shortest(facts))).clamp(1, facts.items.min(MOST_CHUNKS))
}

/// Seconds that a chunk takes at least.
fn shortest(facts: &Facts) -> f64 {
    let overhead = facts.overhead.as_secs_f64();
    (OVERHEADS * overhead).max(REQUEST - overhead)
}

/// `chunks` ranges whose lengths differ by one at most.
fn even(items: usize, chunks: usize) -> Vec<Range<usize>> {
    let chunks = chunks.max(1);
    (0..chunks)
        .map(|n| n * items / chunks..(n + 1) * items / chunks)
        .filter(|range| !range.is_empty())
        .collect()
}

fn by_count(items: usize, size: usize) -> Vec<Range<usize>> {
    (0..items).step_by(size).map(|from| from..(from + size).min(items)).collect()
}

fn by_bytes(items: usize, size: usize, bytes_of: &impl Fn(&Range<usize>) -> usize) -> Vec<Range<usize>> {
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

/// Equal chunks when all of them run at once. Else large ones first and small ones last, so that the end is short: each
/// is its share of what is left, in two rounds, and never smaller than half of an equal one, or than the shortest.
fn guided(facts: &Facts, chunks: usize) -> Vec<Range<usize>> {
    let (items, limit) = (facts.items, facts.limit);
    if chunks <= limit {
        return even(items, chunks);
    }
    let shortest = facts.item_secs.map_or(1, |secs| ceil(shortest(facts) * count(facts.cores) / secs));
    let smallest = (items / chunks / 2).max(shortest).clamp(1, items);
    let largest = (items / chunks * 2).max(smallest);
    let mut ranges = Vec::with_capacity(chunks);
    let mut from = 0;
    while from < items {
        let share = ((items - from) / (2 * limit)).clamp(smallest, largest);
        ranges.push(from..(from + share).min(items));
        from += share;
    }
    if ranges.len() > MOST_CHUNKS { even(items, chunks) } else { ranges }
}

/// Halved until each half fits, or is one item.
fn fit(range: Range<usize>, most: usize, bytes_of: &impl Fn(&Range<usize>) -> usize) -> Vec<Range<usize>> {
    if range.len() <= 1 || bytes_of(&range) <= most {
        return vec![range];
    }
    let middle = range.start + range.len() / 2;
    let mut halves = fit(range.start..middle, most, bytes_of);
    halves.extend(fit(middle..range.end, most, bytes_of));
    halves
}

/// Seconds, for people.
pub(crate) fn shown(secs: f64) -> String {
    match secs {
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s => format!("{s:.1} s"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of items and bytes: 53 bits are enough for a plan")]
fn count(n: usize) -> f64 {
    n as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and saturating is right"
)]
fn ceil(n: f64) -> usize {
    n.ceil() as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts() -> impl Strategy<Value = Facts> {
        (0..5000_usize, prop::option::of(1e-7..5.0_f64), 0..100_usize, 1..8_usize, 1..1000_usize).prop_map(
            |(items, item_secs, size, cores, limit)| Facts {
                items,
                item_secs,
                bytes: items * size,
                cores,
                overhead: OVERHEAD,
                limit,
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
            place in prop_oneof![Just(Place::Either), Just(Place::Remote), Just(Place::Here)],
            size in 1..3_000_000_usize,
        ) {
            let plan = plan(&facts, chunk, place, |range| range.len() * size);
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
        fn chunks_are_long_enough_few_enough_and_no_fewer_with_more_workers(
            facts in (1..200_000_usize, 1e-3..5.0_f64, 1..900_usize, 0.0..0.5_f64).prop_map(
                |(items, item_secs, limit, overhead)| Facts {
                    items,
                    item_secs: Some(item_secs),
                    bytes: 0,
                    cores: 1,
                    overhead: Duration::from_secs_f64(overhead),
                    limit,
                },
            ),
        ) {
            let work = facts.item_secs.unwrap_or(0.0) * count(facts.items);
            let chunks = soonest(work, &facts);
            let most = soonest(work, &Facts { limit: 900, ..facts.clone() });
            prop_assert!(chunks <= most);
            prop_assert!(chunks == 1 || work / count(chunks - 1) >= shortest(&facts));
            let plan = plan(&facts, Chunk::Auto, Place::Remote, |_| 0);
            prop_assert!(plan.chunks.len() <= MOST_CHUNKS, "{}", plan.chunks.len());
        }
    }

    fn decide(items: usize, item_secs: f64, bytes: usize) -> Plan {
        let facts =
            Facts { items, item_secs: Some(item_secs), bytes, cores: 2, overhead: OVERHEAD, limit: 900 };
        plan(&facts, Chunk::Auto, Place::Either, |range| range.len() * bytes / items)
    }

    #[test]
    fn what_is_cheaper_here_stays_here_and_says_why() {
        let sums = decide(1000, 5e-6, 800_000);
        assert!(!sums.remote);
        assert_eq!(sums.reason, "2 ms of work here, and sending it would take 63 ms");
    }

    #[test]
    fn what_costs_more_is_spread_over_as_many_as_it_is_worth() {
        let spectra = decide(1000, 0.02, 800_000);
        assert!(spectra.remote);
        assert_eq!(spectra.chunks.len(), 134);
        assert_eq!(spectra.reason, "20.0 s of work, in chunks of about 75 ms");
    }

    /// What used to be refused: a quarter of a second each would be 40,000 chunks.
    #[test]
    fn hours_of_work_are_cut_into_as_many_chunks_as_one_call_may_invoke() {
        let hours = decide(1_000_000, 0.01, 0);
        assert!((5_000..=MOST_CHUNKS).contains(&hours.chunks.len()), "{}", hours.chunks.len());
    }

    #[test]
    fn with_more_chunks_than_room_the_last_ones_are_small() {
        let facts =
            Facts { items: 10_000, item_secs: Some(0.1), bytes: 0, cores: 1, overhead: OVERHEAD, limit: 10 };
        let chunks = plan(&facts, Chunk::Auto, Place::Either, |_| 0).chunks;
        assert!(chunks[0].len() > chunks[chunks.len() - 2].len());
    }
}
