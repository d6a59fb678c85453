//! The sums in other Lambdas: the parallel form of [`group_sum::group_sum`].
//!
//! An *item* of work is the values of one id in one column, in the order of the rows; items know nothing of each other.
//! They are mapped over a task, which adds the values of an item from the first to the last. Because an item is never
//! split, the answer is the same bit for bit as that of one pass here, wherever and in whatever order the items run. How
//! many Lambdas that takes, in which chunks, and what is done when one fails is `lzap`'s.

use std::num::NonZero;

use group_sum::{Column, ColumnSums, Extra, Results, Table, Values};
use lzap::{Chunk, Map, MapError, MapOutput, MapReport, TaskErrorKind};

use crate::error::Error;
use crate::params::{Params, Spread};
use crate::series::{Series, SeriesSum, SeriesValues, Summary, Work, summarize, summarize_after_a_wait};

/// Sums every column of `table` by id, with what else is asked of each item; and what that took.
///
/// # Errors
/// A sum is too large for a 64-bit float, the time was over, or other Lambdas could not be used as asked.
pub async fn map_items(table: &Table<Values>, params: &Params) -> Result<(Results, MapReport), Error> {
    let map = prepare_map(list_items(table, params.work), params);
    let MapOutput { results, report, .. } = map.run().await.map_err(|error| to_refusal(&error))?;
    // A task that can't fail, and a map that ends at the first failure: so each item has a summary.
    let summaries: Result<Vec<Summary>, _> = results.into_iter().collect();
    let summaries = summaries.map_err(|error| Error::Map(error.to_string()))?;
    Ok((arrange_results(table, params.work, summaries)?, report))
}

/// The items, column by column and in the order of the ids, each of which has one.
fn list_items(table: &Table<Values>, work: Work) -> Vec<Series> {
    let item = |column: &Column<Values>, id: usize| Series {
        values: match &column.numbers {
            Values::Integers(values) => SeriesValues::Integers(values.get(id).cloned().unwrap_or_default()),
            Values::Floats(values) => SeriesValues::Floats(values.get(id).cloned().unwrap_or_default()),
        },
        work,
    };
    let of_column = |column| (0..table.ids.len()).map(move |id| item(column, id));
    table.columns.iter().flat_map(of_column).collect()
}

fn prepare_map(items: Vec<Series>, params: &Params) -> Map<Series, Summary> {
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
fn arrange_results(table: &Table<Values>, work: Work, summaries: Vec<Summary>) -> Result<Results, Error> {
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

fn sums_of(
    table: &Table<Values>,
    column: &Column<Values>,
    summaries: &[Summary],
) -> Result<ColumnSums, Error> {
    let too_large = |id: usize| match column.numbers {
        Values::Integers(_) => group_sum::Error::integer_sum_too_large(&column.name, &table.ids[id]),
        Values::Floats(_) => group_sum::Error::sum_too_large(&column.name, &table.ids[id]),
    };
    let (mut integers, mut floats) = (Vec::new(), Vec::new());
    for (id, summary) in summaries.iter().enumerate() {
        match summary.sum {
            Some(SeriesSum::Integer(sum)) => integers.push(sum),
            Some(SeriesSum::Float(sum)) => floats.push(sum),
            None => return Err(too_large(id).into()),
        }
    }
    // All items of a column have the same type.
    Ok(match column.numbers {
        Values::Integers(_) => ColumnSums::Integers(integers),
        Values::Floats(_) => ColumnSums::Floats(floats),
    })
}

fn to_refusal(error: &MapError) -> Error {
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
    use group_sum::{Format, Selection, read_values};

    use super::*;
    use crate::series::Feature;

    fn table() -> Table<Values> {
        let selection = Selection {
            id: "id",
            values: None,
        };
        let csv = b"id,x,y\na,2,\nb,1,0.5\nb,3,\n";
        read_values(csv, selection, Format::default()).expect("a valid CSV")
    }

    #[test]
    fn items_stand_column_by_column_and_come_back_so() {
        let items = list_items(&table(), Work::default());
        let values: Vec<&SeriesValues> = items.iter().map(|item| &item.values).collect();
        let expected = [
            SeriesValues::Integers(vec![2]),
            SeriesValues::Integers(vec![1, 3]),
            SeriesValues::Floats(Vec::new()),
            SeriesValues::Floats(vec![0.5]),
        ];
        assert_eq!(values, expected.iter().collect::<Vec<_>>());
        let summaries = [
            Some(SeriesSum::Integer(2)),
            Some(SeriesSum::Integer(4)),
            Some(SeriesSum::Float(0.0)),
            Some(SeriesSum::Float(0.5)),
        ];
        let summaries = summaries.map(|sum| Summary { sum, feature: None });
        let results = arrange_results(&table(), Work::default(), summaries.to_vec()).expect("small sums");
        let sums = [
            ColumnSums::Integers(vec![2, 4]),
            ColumnSums::Floats(vec![0.0, 0.5]),
        ];
        assert_eq!(results.sums, sums);
        assert_eq!(results.extras, []);
    }

    #[test]
    fn a_feature_has_columns_of_its_own_after_the_sums() {
        let work = Work {
            wait_ms: 0,
            feature: Some(Feature::Bootstrap),
        };
        let summaries = [Some(1.0), None, Some(2.0), Some(3.0)].map(|feature| Summary {
            sum: Some(SeriesSum::Integer(0)),
            feature,
        });
        let results = arrange_results(&table(), work, summaries.to_vec()).expect("small sums");
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
    fn the_first_sum_that_overflows_is_named() {
        for (overflown, column, kind) in [(1, "x", "128-bit integer"), (3, "y", "64-bit float")] {
            let mut summaries = [Some(SeriesSum::Integer(0)); 4].map(|sum| Summary { sum, feature: None });
            summaries[overflown].sum = None;
            let error =
                arrange_results(&table(), Work::default(), summaries.to_vec()).expect_err("an overflow");
            let sentence = format!("The sum of column \"{column}\" for id \"b\" is too large for a {kind}.");
            assert_eq!(error.to_string(), sentence);
        }
    }
}
