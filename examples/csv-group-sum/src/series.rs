//! One item of work: the values of one id in one column, and what is asked of them.
//!
//! Each of the two tasks takes an item and gives its [`Summary`]; which one is used depends on what keeps it busy: a
//! task that only computes shares the cores of its Lambda, one that waits lets the others wait beside it. An item knows
//! nothing of other items, and its values are added from the first to the last, so that its summary has the same bits
//! wherever it is made.

use std::convert::Infallible;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many samples the bootstrap draws: enough for two digits of the standard error, and a lot of work.
const RESAMPLES: u32 = 10_000;

/// What is asked of each item beside its sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// A wait, which makes the sum look very time-consuming.
    pub wait_ms: u16,
    /// A calculation that keeps a core busy.
    pub feature: Option<Feature>,
}

/// A costly calculation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Feature {
    /// The standard error of the mean, from ten thousand samples of the values themselves.
    Bootstrap,
}

impl Feature {
    /// Its name in the query.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bootstrap => "bootstrap",
        }
    }

    /// What is added to a summed column's name, for the name of the column with this feature.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Bootstrap => "_bootstrap_se",
        }
    }

    fn of(self, values: &[f64]) -> Option<f64> {
        match self {
            Self::Bootstrap => bootstrap(values, RESAMPLES),
        }
    }
}

/// An item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The values, in the order of the rows.
    pub values: Vec<f64>,
    /// What to do with them.
    pub work: Work,
}

/// What comes out of an item.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The sum; none when a 64-bit float can't hold it. (JSON has no infinity.)
    pub sum: Option<f64>,
    /// The feature, when it was asked for and there are values.
    pub feature: Option<f64>,
}

/// Sums an item.
#[lzap::task]
pub fn summarize(series: Series) -> Result<Summary, Infallible> {
    Ok(summary(&series))
}

/// Waits, and sums an item then.
#[lzap::task]
pub async fn summarize_after_a_wait(series: Series) -> Result<Summary, Infallible> {
    tokio::time::sleep(Duration::from_millis(series.work.wait_ms.into())).await;
    Ok(summary(&series))
}

/// The sum of an item.
fn sum(values: &[f64]) -> f64 {
    // From 0, and not `Iterator::sum`, which starts at -0.0 and would print it for an empty item.
    values.iter().fold(0.0, |sum, value| sum + value)
}

fn summary(Series { values, work }: &Series) -> Summary {
    Summary {
        sum: Some(sum(values)).filter(|sum| sum.is_finite()),
        feature: work.feature.and_then(|feature| feature.of(values)),
    }
}

/// The standard deviation of the means of `resamples` samples, each as many of the values, drawn with replacement;
/// none without values.
fn bootstrap(values: &[f64], resamples: u32) -> Option<f64> {
    let count = u32::try_from(values.len()).ok().filter(|count| *count > 0)?;
    // Relative to the largest value, so that nothing overflows.
    let scale = values
        .iter()
        .fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if scale == 0.0 {
        return Some(0.0);
    }
    let values: Vec<f64> = values.iter().map(|value| value / scale).collect();
    let mut random = Random(u64::from(count));
    let mut mean = |_| {
        let drawn = (0..count).map(|_| values[random.below(count)]);
        drawn.fold(0.0, |sum, value| sum + value) / f64::from(count)
    };
    let means: Vec<f64> = (0..resamples).map(&mut mean).collect();
    let center = sum(&means) / f64::from(resamples);
    let squares = means.iter().fold(0.0, |sum, mean| sum + (mean - center).powi(2));
    Some((squares / f64::from(resamples - 1)).sqrt() * scale)
}

/// Random numbers (`SplitMix64`) that are the same in each run and in each Lambda.
struct Random(u64);

impl Random {
    /// A number below `limit`.
    #[inline]
    fn below(&mut self, limit: u32) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        // The high half of 32 random bits times the limit: no division.
        let number = ((z >> 32) * u64::from(limit)) >> 32;
        usize::try_from(number).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary_of(values: &[f64], feature: Option<Feature>) -> Summary {
        let work = Work { wait_ms: 0, feature };
        summary(&Series {
            values: values.to_vec(),
            work,
        })
    }

    #[test]
    fn a_sum_that_overflows_is_none() {
        assert_eq!(summary_of(&[1.0, 2.5], None).sum, Some(3.5));
        assert_eq!(summary_of(&[], None).sum, Some(0.0));
        assert_eq!(summary_of(&[1e308, 1e308], None).sum, None);
    }

    #[test]
    fn an_item_is_summed_from_its_first_value_to_its_last() {
        assert_eq!(sum(&[1e16, 1.0, 1.0, -1e16]).to_bits(), 0.0_f64.to_bits());
        assert_eq!(sum(&[1.0, 1.0, 1e16, -1e16]).to_bits(), 2.0_f64.to_bits());
        assert_eq!(sum(&[]).to_bits(), 0.0_f64.to_bits());
        assert_eq!(sum(&[-0.0]).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn the_bootstrap_comes_close_to_the_formula() {
        // The numbers from 0 to 99: their standard deviation (over n) by the root of n.
        let values: Vec<f64> = (0..100_u32).map(f64::from).collect();
        let formula = (9_999.0_f64 / 12.0).sqrt() / 10.0;
        let found = bootstrap(&values, 2_000).expect("there are values");
        assert!((found / formula - 1.0).abs() < 0.05, "{found} and {formula}");
        assert_eq!(bootstrap(&values, 2_000), Some(found), "the same each time");
    }

    #[test]
    fn the_bootstrap_of_little_is_told_without_drawing_much() {
        let feature = Some(Feature::Bootstrap);
        assert_eq!(summary_of(&[], feature).feature, None);
        assert_eq!(summary_of(&[7.0], feature).feature, Some(0.0));
        assert_eq!(summary_of(&[0.0, -0.0], feature).feature, Some(0.0));
        assert_eq!(summary_of(&[7.0, 7.0], None).feature, None);
    }

    #[test]
    fn values_at_the_edge_of_a_float_have_a_standard_error_all_the_same() {
        let large = bootstrap(&[f64::MAX, -f64::MAX], 100).expect("there are values");
        assert!(large.is_finite() && large > 1e307, "{large}");
        let small = bootstrap(&[5e-324, 0.0, 1e-310], 100).expect("there are values");
        assert!(small > 0.0, "{small}");
    }
}
