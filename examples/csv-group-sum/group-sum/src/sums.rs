//! Sums each column by id in one pass.
//!
//! A number is added to its sum as soon as it is read, so that no number is kept: a large CSV takes no more memory than
//! its ids do. The values of an id in a column are added in the order of the rows, in 64-bit floats and from 0 on, as
//! [`sum`] does it: both give the same result bit for bit.

use crate::columns::Selection;
use crate::error::Error;
use crate::table::{self, Column, Numbers, Table};

/// The sums of a column so far, by index of the id.
#[derive(Debug, Default)]
pub struct Sums(Vec<f64>);

impl Numbers for Sums {
    #[inline]
    fn add(&mut self, id: usize, number: f64) {
        if id >= self.0.len() {
            self.0.resize(id + 1, 0.0);
        }
        self.0[id] += number;
    }
}

/// Reads a CSV and keeps the sums.
///
/// # Errors
/// The CSV is broken, lacks a column, or has a cell in a summed column that is not a number.
pub fn read_sums(csv: &[u8], selection: Selection<'_>) -> Result<Table<Sums>, Error> {
    table::read(csv, selection)
}

/// The sums of every column of `table`, by index of the id. An id without values in a column has the sum 0 there.
///
/// # Errors
/// A sum is too large for a 64-bit float.
pub fn group_sum(table: &Table<Sums>) -> Result<Vec<Vec<f64>>, Error> {
    table
        .columns
        .iter()
        .map(|column| finish_sums(column, &table.ids))
        .collect()
}

/// Adds `values` from the first to the last, from 0 on.
pub fn sum(values: &[f64]) -> f64 {
    // Not `Iterator::sum`, which starts at -0.0 and would print it for no values.
    values.iter().fold(0.0, |sum, value| sum + value)
}

fn finish_sums(column: &Column<Sums>, ids: &[String]) -> Result<Vec<f64>, Error> {
    let mut sums = column.numbers.0.clone();
    sums.resize(ids.len(), 0.0);
    // A sum that has overflown stays so, whatever is added to it.
    match sums.iter().position(|sum| !sum.is_finite()) {
        None => Ok(sums),
        Some(id) => Err(Error::sum_too_large(&column.name, &ids[id])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(ids: &[&str], columns: &[&[(usize, f64)]]) -> Table<Sums> {
        let column = |numbers: &&[(usize, f64)]| {
            let mut sums = Sums::default();
            for &(id, number) in *numbers {
                sums.add(id, number);
            }
            Column {
                name: "value".into(),
                numbers: sums,
            }
        };
        Table {
            id_name: "id".into(),
            ids: ids.iter().map(|&id| id.into()).collect(),
            columns: columns.iter().map(column).collect(),
        }
    }

    #[test]
    fn each_id_has_a_sum_in_each_column() {
        let numbers = [(2, 1.0), (0, 2.0), (2, 3.0), (0, 4.0), (2, 5.0)];
        let results = group_sum(&table(&["a", "b", "c", "d"], &[&numbers, &[]])).expect("small sums");
        assert_eq!(results, [[6.0, 0.0, 9.0, 0.0], [0.0; 4]]);
    }

    #[test]
    fn a_sum_runs_from_the_first_number_to_the_last_in_one_pass_and_over_values() {
        for (values, expected) in [
            (&[1e16, 1.0, 1.0, -1e16][..], 0.0_f64),
            (&[1.0, 1.0, 1e16, -1e16], 2.0),
            (&[], 0.0),
            (&[-0.0], 0.0),
        ] {
            let numbers: Vec<_> = values.iter().map(|&number| (0, number)).collect();
            let sums = group_sum(&table(&["a"], &[&numbers])).expect("a small sum");
            assert_eq!(sums[0][0].to_bits(), expected.to_bits(), "{values:?}");
            assert_eq!(sum(values).to_bits(), expected.to_bits(), "{values:?}");
        }
    }

    #[test]
    fn a_sum_that_overflows_is_told() {
        let numbers = [(0, 1.0), (1, 1e308), (1, 1e308), (1, -1e308)];
        let error = group_sum(&table(&["a", "b"], &[&numbers])).expect_err("an overflow");
        assert_eq!(
            error.to_string(),
            "The sum of column \"value\" for id \"b\" is too large for a 64-bit float."
        );
    }
}
