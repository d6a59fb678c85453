//! The budget of a map: what a request gets of what it asks for, within the caps.
//!
//! Work is estimated before it starts, because a calculation can't be stopped in the middle of an item, and because an answer
//! after the gateway's time is lost and paid for all the same.

use std::env;

use crate::caps::{Caps, MAX_CONCURRENCY, MAX_INVOCATIONS, MAX_USD};
use crate::error::Error;
use crate::params::Spread;
use crate::series::Series;

/// The time that a request has, in seconds: an HTTP API waits for 30 s, of which a cold start, the CSV and the answer take
/// their part.
///
/// AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html> (read 2026-11).
pub const MAX_SECS: f64 = 25.0;

/// The most items of a map. Each is in memory with its values, and in the answer with its sum.
pub const MAX_ITEMS: usize = 500_000;

/// Dollars for one GB-second on x86-64, where it costs more than on arm64; in us-east-1, first tier.
///
/// AWS: <https://aws.amazon.com/lambda/pricing/> (read 2026-11).
const GB_SECOND_PRICE: f64 = 0.000_016_666_7;
/// Dollars for one request.
const REQUEST_PRICE: f64 = 0.000_000_2;
/// The memory of a function whose environment does not name it, in MB: the one in `lzap.toml`.
const DEFAULT_MEMORY_MB: f64 = 1_769.0;
/// Seconds that an invocation is billed for beside its work.
const OVERHEAD_SECS: f64 = 0.2;
/// The factor by which work may take longer than estimated before a cap is exceeded.
const SAFETY: f64 = 2.0;

/// The estimated work of a map.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) items: usize,
    /// Seconds of all items, one after the other on one core.
    pub(crate) secs: f64,
    /// Seconds of the longest item. It runs in one Lambda, whatever the chunks are.
    pub(crate) longest_secs: f64,
}

impl Estimate {
    /// Estimates the work of `items`.
    pub(crate) fn of_items(items: &[Series]) -> Self {
        let none = Self {
            items: items.len(),
            ..Self::default()
        };
        items
            .iter()
            .map(Series::estimate_secs)
            .fold(none, |sum, secs| Self {
                secs: sum.secs + secs,
                longest_secs: sum.longest_secs.max(secs),
                ..sum
            })
    }
}

/// What a map may use.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Budget {
    /// Items for each invocation; none where the map decides.
    pub(crate) chunk: Option<usize>,
    /// Invocations at once, at most.
    pub(crate) concurrency: usize,
    /// Dollars after which the map starts no invocation, so that those in flight stay within the cap.
    pub(crate) max_cost: f64,
    /// The most invocations: chunks, hedged attempts and retries.
    pub(crate) max_invocations: usize,
    /// What is less than the request asks for.
    pub(crate) lowered: Vec<Lowered>,
}

/// A parameter whose value a cap has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lowered {
    /// Its name in the query.
    pub parameter: &'static str,
    /// The value that the request asks for.
    pub asked: usize,
    /// The value that it gets.
    pub given: usize,
    /// The variable of the cap.
    pub variable: &'static str,
}

impl Budget {
    /// Plans the budget of a map.
    ///
    /// # Errors
    /// The work can't be done in the time of a request, or costs more than it may.
    pub(crate) fn plan(spread: Spread, work: Estimate, caps: &Caps) -> Result<Self, Error> {
        if work.longest_secs > MAX_SECS {
            return Err(Error::ItemTooSlow(round_up(work.longest_secs)));
        }
        let second_price = second_price();
        let asked = spread.concurrency.map(std::num::NonZero::get);
        let most = asked.unwrap_or(caps.concurrency).min(caps.concurrency);
        let reserve = |concurrency: usize| reserve(concurrency, work.secs, second_price);
        // At least half of the money is for invocations that the map waits for.
        let concurrency = (1..=most)
            .rev()
            .find(|&concurrency| reserve(concurrency) <= caps.dollars / 2.0)
            .unwrap_or(1);
        let is_alone = spread.invoke == Some(false);
        let at_once = if is_alone { 1 } else { concurrency };
        if work.secs > MAX_SECS * to_f64(at_once) {
            return Err(Error::TooMuchWork {
                secs: round_up(work.secs),
                at_once,
            });
        }
        let (chunk, chunks) = plan_chunks(spread, work.items, caps);
        let cost = work.secs * second_price + to_f64(chunks) * REQUEST_PRICE;
        let max_cost = caps.dollars - reserve(concurrency);
        if !is_alone && cost > max_cost {
            return Err(Error::TooExpensive {
                dollars: cost + reserve(concurrency),
                cap: caps.dollars,
            });
        }
        let lowered = |parameter, asked: Option<usize>, given, variable| {
            let asked = asked.filter(|asked| !is_alone && *asked != given)?;
            Some(Lowered {
                parameter,
                asked,
                given,
                variable,
            })
        };
        // Where the caller's own concurrency fits the cap, the money is what lowers it.
        let variable = if concurrency < most {
            MAX_USD
        } else {
            MAX_CONCURRENCY
        };
        let of_chunk = chunk.and_then(|given| {
            lowered(
                "chunksize",
                spread.chunk.map(std::num::NonZero::get),
                given,
                MAX_INVOCATIONS,
            )
        });
        let of_concurrency = lowered("concurrency", asked, concurrency, variable);
        Ok(Self {
            chunk,
            concurrency,
            max_cost,
            max_invocations: caps.invocations,
            lowered: of_chunk.into_iter().chain(of_concurrency).collect(),
        })
    }
}

/// The size of the chunks that the request asks for, or a larger one; and the number of chunks, 1 if the map decides.
fn plan_chunks(spread: Spread, items: usize, caps: &Caps) -> (Option<usize>, usize) {
    let Some(asked) = spread.chunk.map(std::num::NonZero::get) else {
        return (None, 1);
    };
    let chunks = items.div_ceil(asked);
    if chunks <= caps.invocations {
        return (Some(asked), chunks);
    }
    // A tenth is left for hedged attempts and retries.
    let most = (caps.invocations - caps.invocations.div_ceil(10)).max(1);
    let size = items.div_ceil(most);
    (Some(size), items.div_ceil(size))
}

/// The dollars that invocations in flight may still cost when the map stops at its limit.
fn reserve(concurrency: usize, work_secs: f64, second_price: f64) -> f64 {
    let until_the_end = MAX_SECS * to_f64(concurrency);
    let all_work = work_secs * SAFETY + OVERHEAD_SECS * to_f64(concurrency);
    until_the_end.min(all_work) * second_price + to_f64(concurrency) * REQUEST_PRICE
}

/// Dollars for a second of an invocation. Workers are assumed to have this function's memory.
fn second_price() -> f64 {
    let memory_mb = env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        .ok()
        .and_then(|mb| mb.parse().ok());
    memory_mb.unwrap_or(DEFAULT_MEMORY_MB) / 1024.0 * GB_SECOND_PRICE
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a number of items or invocations, for an estimate"
)]
fn to_f64(count: usize) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and saturating is right"
)]
fn round_up(secs: f64) -> u64 {
    secs.ceil() as u64
}
