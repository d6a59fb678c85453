//! The price of invocations, at the list prices of us-east-1 without the free tier.

use std::env::consts::ARCH;
use std::time::Duration;

/// Dollars for one GB-second on x86-64 and on arm64, in the first tier: large volumes cost less.
///
/// AWS: <https://aws.amazon.com/lambda/pricing/> (read 2026-11).
const GB_SECOND_PRICES: (f64, f64) = (0.000_016_666_7, 0.000_013_333_4);
/// Dollars for one request: $0.20 per million. Throttled ones are free.
const REQUEST_PRICE: f64 = 0.000_000_2;

/// The billed GB-seconds of an invocation. Lambda rounds its duration up to whole milliseconds, and does not bill cores.
pub fn gb_seconds(took: Duration, memory_mb: u32) -> f64 {
    (took.as_secs_f64() * 1e3).ceil() / 1e3 * f64::from(memory_mb) / 1024.0
}

/// The dollars for an invocation, with its request. The price is that of this process's architecture: workers run the same
/// artifact, so theirs is the same.
pub fn invocation_dollars(took: Duration, memory_mb: u32) -> f64 {
    let price = if ARCH == "aarch64" { GB_SECOND_PRICES.1 } else { GB_SECOND_PRICES.0 };
    gb_seconds(took, memory_mb) * price + REQUEST_PRICE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invocation_is_billed_by_started_milliseconds_and_memory() {
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(gb_seconds(Duration::from_micros(999_500), 2048), 2.0));
        assert!(near(invocation_dollars(Duration::ZERO, 2048), REQUEST_PRICE));
    }
}
