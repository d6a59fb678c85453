//! One item of work: the values of one id in one column, and the calculation on them.
//!
//! Each of the two tasks takes an item and gives its [`Summary`]; which one is used depends on what keeps it busy: the
//! items of a task that only computes share the cores of their Lambda; those of a task that waits run one after the other in a
//! worker, so that more waiting at once takes more workers. An item knows nothing of other items, and its values are added
//! from the first to the last, so that its summary has the same bits wherever it is made.

use std::convert::Infallible;
use std::panic::resume_unwind;
use std::time::Duration;

use group_sum::{bootstrap, sum, to_floats};
use serde::{Deserialize, Serialize};

/// The number of samples that the bootstrap draws: enough for two digits of the standard error, and a lot of work.
const RESAMPLES: u32 = 10_000;

/// Seconds for one value that the bootstrap draws: 1 ns to 5 ns are measured, the more the less its values fit into a cache.
const DRAW_SECS: f64 = 4e-9;

/// The work for each item beside its sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// A wait in milliseconds, which stands in for slow work such as a query; 0 for none.
    pub wait_ms: u16,
    /// A calculation that keeps a core busy; `None` for the sum alone.
    pub feature: Option<Feature>,
}

/// A costly calculation, in addition to the sum. It gets a column of its own in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Feature {
    /// The standard error of the mean, from ten thousand samples of the values themselves.
    Bootstrap,
}

impl Feature {
    /// The value of the parameter `feature`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bootstrap => "bootstrap",
        }
    }

    /// The suffix of a summed column's name, for the name of the column with this feature.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Bootstrap => "_bootstrap_se",
        }
    }

    fn compute(self, values: &[f64]) -> Option<f64> {
        match self {
            Self::Bootstrap => bootstrap(values, RESAMPLES),
        }
    }
}

/// The values of an item, in the order of the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SeriesValues {
    /// Of a column that has nothing but integers, whose sums are exact.
    Integers(Vec<i128>),
    /// Of a column with at least one other number; its integers are rounded to the nearest float.
    Floats(Vec<f64>),
}

/// An item of a map. It has neither the id nor the column: its place among the items says which they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// In the order of the rows, on which the last bits of a float sum depend.
    pub values: SeriesValues,
    /// The same for all items of a request; it is in each, since a worker sees nothing of the request.
    pub work: Work,
}

impl Series {
    /// Estimates the seconds that the item takes one core. The sum itself takes too little to count.
    #[expect(clippy::cast_precision_loss, reason = "a number of values, for an estimate")]
    pub fn estimate_secs(&self) -> f64 {
        let values = match &self.values {
            SeriesValues::Integers(values) => values.len(),
            SeriesValues::Floats(values) => values.len(),
        };
        let computing = match self.work.feature {
            None => 0.0,
            Some(Feature::Bootstrap) => values as f64 * f64::from(RESAMPLES) * DRAW_SECS,
        };
        f64::from(self.work.wait_ms) / 1e3 + computing
    }
}

/// The sum of an item. All items of a column have the same variant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum SeriesSum {
    /// Exact.
    Integer(i128),
    /// Finite: an overflow has no sum.
    Float(f64),
}

/// The result of an item, which travels back from the worker.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The sum; none if it is too large for its type. (JSON has no infinity.)
    pub sum: Option<SeriesSum>,
    /// The feature, when it was asked for and there are values.
    pub feature: Option<f64>,
}

/// Sums an item. Not asynchronous, so that the items of a chunk share the cores of their Lambda.
#[lzap::task]
pub fn summarize(series: Series) -> Result<Summary, Infallible> {
    Ok(sum_series(&series))
}

/// Waits, and sums an item then. Asynchronous, so that the wait keeps no core busy.
#[lzap::task]
pub async fn summarize_after_a_wait(series: Series) -> Result<Summary, Infallible> {
    tokio::time::sleep(Duration::from_millis(series.work.wait_ms.into())).await;
    if series.work.feature.is_none() {
        return Ok(sum_series(&series));
    }
    // The bootstrap keeps a core busy for seconds, in which the thread of this function would answer nothing else.
    let summary = tokio::task::spawn_blocking(move || sum_series(&series)).await;
    Ok(summary.unwrap_or_else(|error| resume_unwind(error.into_panic())))
}

fn sum_series(Series { values, work }: &Series) -> Summary {
    match values {
        SeriesValues::Floats(values) => Summary {
            sum: Some(sum(values))
                .filter(|sum| sum.is_finite())
                .map(SeriesSum::Float),
            feature: work.feature.and_then(|feature| feature.compute(values)),
        },
        SeriesValues::Integers(values) => Summary {
            // Only the sum is exact: the bootstrap draws floats.
            sum: sum_integers(values).map(SeriesSum::Integer),
            feature: work
                .feature
                .and_then(|feature| feature.compute(&to_floats(values))),
        },
    }
}

/// `None` if the sum exceeds 128 bits on the way, even if later values would bring it back.
fn sum_integers(values: &[i128]) -> Option<i128> {
    values
        .iter()
        .try_fold(0_i128, |sum, value| sum.checked_add(*value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary_of(values: &[f64], feature: Option<Feature>) -> Summary {
        let work = Work { wait_ms: 0, feature };
        sum_series(&Series {
            values: SeriesValues::Floats(values.to_vec()),
            work,
        })
    }

    /// On one thread, as in a Lambda.
    #[tokio::test]
    async fn bootstrap_after_a_wait_leaves_the_thread_to_others() {
        let work = Work {
            wait_ms: 1,
            feature: Some(Feature::Bootstrap),
        };
        let values = SeriesValues::Floats((0..500_u32).map(f64::from).collect());
        let mut turns = 0;
        let others = async {
            loop {
                tokio::time::sleep(Duration::from_millis(2)).await;
                turns += 1;
            }
        };
        let summary = tokio::select! {
            summary = summarize_after_a_wait.run(Series { values, work }) => summary,
            () = others => unreachable!("endless"),
        };
        assert!(summary.expect("infallible").feature.is_some());
        assert!(turns >= 5, "{turns} turns");
    }

    #[test]
    fn a_sum_that_overflows_is_none() {
        assert_eq!(summary_of(&[1.0, 2.5], None).sum, Some(SeriesSum::Float(3.5)));
        assert_eq!(summary_of(&[], None).sum, Some(SeriesSum::Float(0.0)));
        assert_eq!(summary_of(&[1e308, 1e308], None).sum, None);
        assert_eq!(sum_integers(&[i128::MAX - 1, 1]), Some(i128::MAX));
        assert_eq!(sum_integers(&[i128::MAX, 1]), None);
    }

    #[test]
    fn bootstrap_of_no_value_is_none_and_of_one_is_zero() {
        let feature = Some(Feature::Bootstrap);
        assert_eq!(summary_of(&[], feature).feature, None);
        assert_eq!(summary_of(&[7.0], feature).feature, Some(0.0));
        assert_eq!(summary_of(&[0.0, -0.0], feature).feature, Some(0.0));
        assert_eq!(summary_of(&[7.0, 7.0], None).feature, None);
    }
}
