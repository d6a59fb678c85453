//! The sums in other Lambdas: the parallel form of [`group_sum::group_sum`].
//!
//! An *item* of work is the values of one id in one column, in the order of the rows; items know nothing of each other.
//! They are mapped over a task, which adds the values of an item from the first to the last. Because an item is never
//! split, the answer is the same bit for bit as that of one pass here, wherever and in whatever order the items run. How
//! many Lambdas take part, in which chunks, and what happens when one fails: `lzap` decides that.

use std::mem;

use group_sum::{Column, ColumnSums, Extra, Results, Table, Values};
use lzap::{Chunk, Map, MapError, MapOutput, MapReport, ReachedLimit, TaskErrorKind};

use crate::budget::{Lowered, MAX_ITEMS, check_time, max_concurrency};
use crate::caps::Caps;
use crate::error::{Error, Reference};
use crate::params::Params;
use crate::report;
use crate::series::{Series, SeriesSum, SeriesValues, Summary, Work, summarize, summarize_after_a_wait};

/// A map's results, with the figures that the answer's headers and JSON show.
#[derive(Debug)]
pub struct Spreading {
    /// In the order of the table's columns and ids, whatever the order in which the items ended.
    pub results: Results,
    /// Attempts, durations and costs, without texts of AWS.
    pub report: MapReport,
    /// The client asked for more than the deployer allows; the answer says so instead of failing.
    pub lowered: Vec<Lowered>,
}

/// Sums every column of `table` by id, with what else is asked of each item. The values are moved out of `table`, so that
/// they are in memory once.
///
/// # Errors
/// A sum is too large for its type; the work does not fit the time of a request or the caps; the time or the money was used
/// up; other Lambdas could not be used as asked.
pub async fn map_items(table: &mut Table<Values>, params: &Params, caps: &Caps) -> Result<Spreading, Error> {
    let items = table.ids.len().saturating_mul(table.columns.len());
    if items > MAX_ITEMS {
        return Err(Error::TooManyItems(items));
    }
    let work = list_items(table, params.work);
    check_time(&work, params.spread, caps)?;
    let map = prepare_map(work, params, caps);
    let MapOutput { results, report, .. } =
        map.run().await.map_err(|error| describe_failure(&error, caps))?;
    // A task that can't fail, and a map that ends at the first failure: so each item has a summary.
    let summaries: Result<Vec<Summary>, _> = results.into_iter().collect();
    let summaries = summaries.map_err(|error| Error::Map(Reference::log(&error)))?;
    Ok(Spreading {
        results: arrange_results(table, params.work, summaries)?,
        lowered: Lowered::list(params.spread, caps, &report),
        report: report::hide_texts(report),
    })
}

/// The items, column by column. Each id has one in every column, even without values, so that its place identifies it.
fn list_items(table: &mut Table<Values>, work: Work) -> Vec<Series> {
    let ids = table.ids.len();
    let mut items = Vec::with_capacity(ids * table.columns.len());
    for column in &mut table.columns {
        // The last ids may have no value in this column.
        let values: Vec<SeriesValues> = match &mut column.numbers {
            Values::Integers(values) => {
                values.resize_with(ids, Vec::new);
                values
                    .iter_mut()
                    .map(mem::take)
                    .map(SeriesValues::Integers)
                    .collect()
            }
            Values::Floats(values) => {
                values.resize_with(ids, Vec::new);
                values
                    .iter_mut()
                    .map(mem::take)
                    .map(SeriesValues::Floats)
                    .collect()
            }
        };
        items.extend(values.into_iter().map(|values| Series { values, work }));
    }
    items
}

fn prepare_map(items: Vec<Series>, params: &Params, caps: &Caps) -> Map<Series, Summary> {
    let task = if params.work.wait_ms > 0 {
        summarize_after_a_wait
    } else {
        summarize
    };
    let map = task
        .map(items)
        .caller(params.spread.caller())
        .codec(params.spread.codec())
        .concurrency(max_concurrency(params.spread, caps))
        .max_cost(caps.dollars)
        .max_invocations(caps.invocations);
    match params.spread.chunk {
        Some(size) => map.chunk(Chunk::Items(size.get())),
        None => map,
    }
}

/// Undoes [`list_items`]: summaries in the order of the items become columns.
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
        Values::Integers(_) => group_sum::CsvError::integer_sum_too_large(&column.name, &table.ids[id]),
        Values::Floats(_) => group_sum::CsvError::sum_too_large(&column.name, &table.ids[id]),
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

/// The error for the client. Texts of AWS go to the log, since they name accounts, roles and buckets.
fn describe_failure(error: &MapError, caps: &Caps) -> Error {
    let report = error.report();
    let (done, items) = (report.done, report.items);
    match error.kind() {
        TaskErrorKind::TooLarge => Error::ItemTooLarge,
        TaskErrorKind::TimedOut => Error::TimeOver { done, items },
        TaskErrorKind::CostLimit if error.reached_limit() == Some(ReachedLimit::Invocations) => {
            Error::InvocationsSpent {
                done,
                items,
                cap: caps.invocations,
            }
        }
        TaskErrorKind::CostLimit => Error::MoneySpent {
            done,
            items,
            dollars: report.dollars,
            cap: caps.dollars,
        },
        _ => Error::Map(Reference::log(&format!("{error} (map {})", report.job))),
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
    fn items_and_results_are_in_column_order() {
        let items = list_items(&mut table(), Work::default());
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
