//! The share that a map gets of what its request asks for, within the caps.
//!
//! `lzap` holds the caps on dollars and invocations while the map runs. Time is different: a calculation can't be stopped in
//! the middle of an item, and an answer after the gateway's time is lost and paid for all the same. So work that would take
//! longer is refused before it starts.

use lzap::MapReport;

use crate::caps::{Caps, MAX_CONCURRENCY, MAX_INVOCATIONS};
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

/// A parameter whose value a cap has changed, which the answer reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lowered {
    /// `concurrency` or `chunksize`.
    pub parameter: &'static str,
    /// As in the request.
    pub asked: usize,
    /// The value that the map used: less concurrency, or larger chunks.
    pub given: usize,
    /// The environment variable that the deployer can raise.
    pub variable: &'static str,
}

impl Lowered {
    /// Lists the parameters that the caps have changed for a map. Outside of Lambda, and where the caller does it alone, no
    /// cap applies.
    pub(crate) fn list(spread: Spread, caps: &Caps, report: &MapReport) -> Vec<Self> {
        let (items, chunks) = (report.items, report.chunks);
        let invokes = report.remote && spread.invoke != Some(false);
        let concurrency = spread
            .concurrency
            .map(|asked| (asked.get(), max_concurrency(spread, caps)))
            .filter(|(asked, given)| invokes && asked != given)
            .map(|(asked, given)| Self {
                parameter: "concurrency",
                asked,
                given,
                variable: MAX_CONCURRENCY,
            });
        let chunk = spread
            .chunk
            .map(std::num::NonZero::get)
            .filter(|asked| invokes && chunks < items.div_ceil(*asked))
            .map(|asked| Self {
                parameter: "chunksize",
                asked,
                given: items.div_ceil(chunks.max(1)),
                variable: MAX_INVOCATIONS,
            });
        chunk.into_iter().chain(concurrency).collect()
    }
}

/// The request's number, but not more than the cap, which is also the default.
pub(crate) fn max_concurrency(spread: Spread, caps: &Caps) -> usize {
    let asked = spread.concurrency.map(std::num::NonZero::get);
    asked.unwrap_or(caps.concurrency).min(caps.concurrency)
}

/// Refuses work that can't be done in the time of a request, by an estimate, before it costs money.
///
/// # Errors
/// One item takes too long, or all of them do.
pub(crate) fn check_time(items: &[Series], spread: Spread, caps: &Caps) -> Result<(), Error> {
    let secs = || items.iter().map(Series::estimate_secs);
    let longest = secs().fold(0.0, f64::max);
    if longest > MAX_SECS {
        return Err(Error::ItemTooSlow(round_up(longest)));
    }
    let at_once = match spread.invoke {
        Some(false) => 1,
        _ => max_concurrency(spread, caps),
    };
    let all: f64 = secs().sum();
    if all > MAX_SECS * to_f64(at_once) {
        return Err(Error::TooMuchWork {
            secs: round_up(all),
            at_once,
        });
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "at most 900 invocations")]
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
