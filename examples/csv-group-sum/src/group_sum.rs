//! Sums each column by id, here and in one pass.
//!
//! A number is added to its sum as soon as it is read, so that no number is kept: a large CSV takes no more memory than
//! its ids do.
//!
//! The parallel form is [`crate::spread`]. Both add the values of an id in a column in the order of the rows, in plain
//! 64-bit floats and from 0 on, so that both give the same answer bit for bit.

use crate::error::Error;
use crate::table::{Column, Numbers, Table};

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

/// What is answered about a table.
#[derive(Debug, Default, PartialEq)]
pub struct Results {
    /// The sums of each column, by index of the id.
    pub sums: Vec<Vec<f64>>,
    /// Further columns.
    pub extras: Vec<Extra>,
}

/// A column of the answer that the input does not have.
#[derive(Debug, PartialEq)]
pub struct Extra {
    /// Its name.
    pub name: String,
    /// Its cells, by index of the id.
    pub values: Vec<Option<f64>>,
}

/// The sums of every column of `table`. An id without values in a column has the sum 0 there.
///
/// # Errors
/// A sum is too large for a 64-bit float.
pub fn group_sum(table: &Table<Sums>) -> Result<Results, Error> {
    let sums = table.columns.iter().map(|column| sums_of(column, &table.ids));
    Ok(Results {
        sums: sums.collect::<Result<_, _>>()?,
        extras: Vec::new(),
    })
}

fn sums_of(column: &Column<Sums>, ids: &[String]) -> Result<Vec<f64>, Error> {
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
        assert_eq!(results.sums, [[6.0, 0.0, 9.0, 0.0], [0.0; 4]]);
        assert_eq!(results.extras, []);
    }

    #[test]
    fn a_sum_runs_from_the_first_number_to_the_last() {
        let sum = |numbers: &[f64]| {
            let numbers: Vec<_> = numbers.iter().map(|&number| (0, number)).collect();
            group_sum(&table(&["a"], &[&numbers])).expect("a small sum").sums[0][0].to_bits()
        };
        assert_eq!(sum(&[1e16, 1.0, 1.0, -1e16]), 0.0_f64.to_bits());
        assert_eq!(sum(&[1.0, 1.0, 1e16, -1e16]), 2.0_f64.to_bits());
        assert_eq!(sum(&[]), 0.0_f64.to_bits());
        assert_eq!(sum(&[-0.0]), 0.0_f64.to_bits());
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
