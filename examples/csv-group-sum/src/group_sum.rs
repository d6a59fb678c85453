//! Sums each column by id.
//!
//! Three steps: [`collect`] the groups, [`sum`] each, and put the sums where [`crate::answer`] expects them. An *item*
//! of work is the values of one id in one column, in the order of the rows; items know nothing of each other.
//!
//! **The seam.** Here [`sum`] is a plain function called in a loop. The parallel form, [`crate::spread`], maps a task
//! around it over the same items in other Lambdas. Because an item is never split, and is summed from its first value to
//! its last in plain 64-bit floats, both forms give the same answer bit for bit, wherever and in whatever order the items
//! run.

use crate::error::Error;
use crate::table::{Column, Table};

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

/// Sums every column of `table` by id. An id without values in a column has the sum 0 there.
///
/// # Errors
/// A sum is too large for a 64-bit float.
pub fn group_sum(table: &Table) -> Result<Results, Error> {
    let sums = table.columns.iter().map(|column| sum_column(table, column));
    Ok(Results {
        sums: sums.collect::<Result<_, _>>()?,
        extras: Vec::new(),
    })
}

fn sum_column(table: &Table, column: &Column) -> Result<Vec<f64>, Error> {
    let groups = collect(column, table.ids.len());
    let sums: Vec<f64> = groups.items().map(sum).collect();
    match sums.iter().position(|sum| !sum.is_finite()) {
        None => Ok(sums),
        Some(id) => Err(Error::sum_too_large(column, &table.ids[id])),
    }
}

/// The sum of one item.
pub fn sum(values: &[f64]) -> f64 {
    // From 0, and not `Iterator::sum`, which starts at -0.0 and would print it for an empty item.
    values.iter().fold(0.0, |sum, value| sum + value)
}

/// The values of a column, grouped by id.
#[derive(Debug)]
pub struct Groups {
    /// All values; those of one id stand together, in the order of the rows.
    values: Vec<f64>,
    /// Where each id's values end.
    ends: Vec<usize>,
}

impl Groups {
    /// The items: one per id, in order of the ids.
    pub fn items(&self) -> impl Iterator<Item = &[f64]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts
            .zip(&self.ends)
            .map(|(&start, &end)| &self.values[start..end])
    }
}

/// Groups a column's values by id: a counting sort, which keeps the order of the rows.
pub fn collect(column: &Column, ids: usize) -> Groups {
    let mut ends = vec![0; ids];
    for value in &column.values {
        ends[value.id] += 1;
    }
    let mut total = 0;
    for end in &mut ends {
        // Where the group starts, for now; placing its values moves this to where it ends.
        total += std::mem::replace(end, total);
    }
    let mut values = vec![0.0; column.values.len()];
    for value in &column.values {
        values[ends[value.id]] = value.number;
        ends[value.id] += 1;
    }
    Groups { values, ends }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Value;

    fn column(values: &[(usize, f64)]) -> Column {
        let values = values.iter().map(|&(id, number)| Value { id, number }).collect();
        Column {
            name: "value".into(),
            values,
        }
    }

    #[test]
    fn an_item_is_the_values_of_one_id_in_the_order_of_the_rows() {
        let groups = collect(&column(&[(2, 1.0), (0, 2.0), (2, 3.0), (0, 4.0), (2, 5.0)]), 4);
        let items: Vec<&[f64]> = groups.items().collect();
        assert_eq!(items, [&[2.0, 4.0][..], &[], &[1.0, 3.0, 5.0], &[]]);
        assert_eq!(collect(&column(&[]), 0).items().count(), 0);
    }

    #[test]
    fn an_item_is_summed_from_its_first_value_to_its_last() {
        assert_eq!(sum(&[1e16, 1.0, 1.0, -1e16]).to_bits(), 0.0_f64.to_bits());
        assert_eq!(sum(&[1.0, 1.0, 1e16, -1e16]).to_bits(), 2.0_f64.to_bits());
        assert_eq!(sum(&[]).to_bits(), 0.0_f64.to_bits());
        assert_eq!(sum(&[-0.0]).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn a_sum_that_overflows_is_told() {
        let ids = vec!["a".into(), "b".into()];
        let columns = vec![column(&[(0, 1.0), (1, 1e308), (1, 1e308)])];
        let error = group_sum(&Table {
            id_name: "id".into(),
            ids,
            columns,
        })
        .expect_err("an overflow");
        assert_eq!(
            error.to_string(),
            "The sum of column \"value\" for id \"b\" is too large for a 64-bit float."
        );
    }
}
