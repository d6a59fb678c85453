//! The sums in other Lambdas: the parallel form of [`group_sum::group_sum`].
//!
//! An *item* of work is the values of one id in one column, in the order of the rows; items know nothing of each other.
//! They are mapped over a task, which adds the values of an item from the first to the last. Because an item is never
//! split, the answer is the same bit for bit as that of one pass here, wherever and in whatever order the items run. How
//! many Lambdas that takes, in which chunks, and what is done when one fails is `lzap`'s.

use std::num::NonZero;

use group_sum::{Column, Extra, Results, Table, Values};
use lzap::{Chunk, Map, MapError, MapOutput, MapReport, TaskErrorKind};

use crate::error::Error;
use crate::params::{Params, Spread};
use crate::series::{Series, Summary, Work, summarize, summarize_after_a_wait};

/// Sums every column of `table` by id, with what else is asked of each item; and what that took.
///
/// # Errors
/// A sum is too large for a 64-bit float, the time was over, or other Lambdas could not be used as asked.
pub async fn map(table: &Table<Values>, params: &Params) -> Result<(Results, MapReport), Error> {
    let map = prepare(items(table, params.work), params);
    let MapOutput { results, report, .. } = map.run().await.map_err(|error| refusal(&error))?;
    // A task that can't fail, and a map that ends at the first failure: so each item has a summary.
    let summaries: Result<Vec<Summary>, _> = results.into_iter().collect();
    let summaries = summaries.map_err(|error| Error::Map(error.to_string()))?;
    Ok((arrange(table, params.work, summaries)?, report))
}

/// The items, column by column and in the order of the ids, each of which has one.
fn items(table: &Table<Values>, work: Work) -> Vec<Series> {
    let item = |column: &Column<Values>, id: usize| Series {
        values: column.numbers.of_id(id).to_vec(),
        work,
    };
    let of_column = |column| (0..table.ids.len()).map(move |id| item(column, id));
    table.columns.iter().flat_map(of_column).collect()
}

fn prepare(items: Vec<Series>, params: &Params) -> Map<Series, Summary> {
    let task = if params.work.wait_ms > 0 {
        summarize_after_a_wait
    } else {
        summarize
    };
    let Spread {
        chunk, concurrency, ..
    } = params.spread;
    let mut map = task
        .map(items)
        .caller(params.spread.caller())
        .codec(params.spread.codec());
    if let Some(size) = chunk {
        map = map.chunk(Chunk::Items(size.get()));
    }
    if let Some(limit) = concurrency.map(NonZero::get) {
        map = map.concurrency(limit);
    }
    map
}

/// The other way: from the summaries of the items to columns.
fn arrange(table: &Table<Values>, work: Work, summaries: Vec<Summary>) -> Result<Results, Error> {
    let mut summaries = summaries.into_iter();
    let (mut sums, mut extras) = (Vec::new(), Vec::new());
    for column in &table.columns {
        let of_column: Vec<Summary> = summaries.by_ref().take(table.ids.len()).collect();
        sums.push(sums_of(table, column, &of_column)?);
        extras.extend(work.feature.map(|feature| Extra {
            name: column.name.clone() + feature.suffix(),
            values: of_column.iter().map(|summary| summary.feature).collect(),
        }));
    }
    Ok(Results { sums, extras })
}

fn sums_of(table: &Table<Values>, column: &Column<Values>, summaries: &[Summary]) -> Result<Vec<f64>, Error> {
    let pairs = table.ids.iter().zip(summaries);
    let sum = |(id, summary): (&String, &Summary)| {
        summary
            .sum
            .ok_or_else(|| group_sum::Error::sum_too_large(&column.name, id).into())
    };
    pairs.map(sum).collect()
}

fn refusal(error: &MapError) -> Error {
    let why = error.to_string();
    match (error.kind(), error.item()) {
        (TaskErrorKind::TimedOut, None) => {
            let report = error.report();
            Error::TimeOver {
                done: report.done,
                items: report.items,
            }
        }
        (TaskErrorKind::TooLarge, _) => Error::Unspreadable(why),
        _ => Error::Map(why),
    }
}

#[cfg(test)]
mod tests {
    use group_sum::{Selection, read_values};

    use super::*;
    use crate::series::Feature;

    fn table() -> Table<Values> {
        let selection = Selection {
            id: "id",
            values: None,
        };
        read_values(b"id,x,y\na,2,\nb,1,4\nb,3,\n", selection).expect("a valid CSV")
    }

    fn summary(sum: Option<f64>) -> Summary {
        Summary { sum, feature: None }
    }

    #[test]
    fn items_stand_column_by_column_and_come_back_so() {
        let items = items(&table(), Work::default());
        let values: Vec<&[f64]> = items.iter().map(|item| item.values.as_slice()).collect();
        assert_eq!(values, [&[2.0][..], &[1.0, 3.0], &[], &[4.0]]);
        let summaries = [2.0, 4.0, 0.0, 4.0].map(|sum| summary(Some(sum))).to_vec();
        let results = arrange(&table(), Work::default(), summaries).expect("small sums");
        assert_eq!(results.sums, [[2.0, 4.0], [0.0, 4.0]]);
        assert_eq!(results.extras, []);
    }

    #[test]
    fn a_feature_has_columns_of_its_own_after_the_sums() {
        let work = Work {
            wait_ms: 0,
            feature: Some(Feature::Bootstrap),
        };
        let summaries = [Some(1.0), None, Some(2.0), Some(3.0)].map(|feature| Summary {
            sum: Some(0.0),
            feature,
        });
        let results = arrange(&table(), work, summaries.to_vec()).expect("small sums");
        let extra = |name: &str, values: [Option<f64>; 2]| Extra {
            name: name.into(),
            values: values.to_vec(),
        };
        let expected = [
            extra("x_bootstrap_se", [Some(1.0), None]),
            extra("y_bootstrap_se", [Some(2.0), Some(3.0)]),
        ];
        assert_eq!(results.extras, expected);
    }

    #[test]
    fn the_first_sum_that_overflows_is_told() {
        let summaries = [Some(0.0), Some(0.0), Some(0.0), None].map(summary).to_vec();
        let error = arrange(&table(), Work::default(), summaries).expect_err("an overflow");
        let sentence = "The sum of column \"y\" for id \"b\" is too large for a 64-bit float.";
        assert_eq!(error.to_string(), sentence);
    }
}
