//! One item of work: the values of one id in one column, and what is asked of them.
//!
//! Each of the two tasks takes an item and gives its [`Summary`]; which one is used depends on what keeps it busy: a
//! task that only computes shares the cores of its Lambda, one that waits lets the others wait beside it. An item knows
//! nothing of other items, and its values are added from the first to the last, so that its summary has the same bits
//! wherever it is made.

use std::convert::Infallible;
use std::time::Duration;

use group_sum::{bootstrap, sum};
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

fn summary(Series { values, work }: &Series) -> Summary {
    Summary {
        sum: Some(sum(values)).filter(|sum| sum.is_finite()),
        feature: work.feature.and_then(|feature| feature.of(values)),
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
    fn the_bootstrap_of_little_is_told_without_drawing_much() {
        let feature = Some(Feature::Bootstrap);
        assert_eq!(summary_of(&[], feature).feature, None);
        assert_eq!(summary_of(&[7.0], feature).feature, Some(0.0));
        assert_eq!(summary_of(&[0.0, -0.0], feature).feature, Some(0.0));
        assert_eq!(summary_of(&[7.0, 7.0], None).feature, None);
    }
}
