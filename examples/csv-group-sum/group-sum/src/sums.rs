//! Sums each column by id in one pass.
//!
//! A number is added to its sum as soon as it is read, so that no number is kept: beside the CSV there are its ids and, for
//! each sum, 24 bytes at most. The values of an id in a column are added in the order of the rows, in 64-bit floats and from 0
//! on, as [`sum`] does it: both give the same result bit for bit.

use crate::columns::Selection;
use crate::dialect::Format;
use crate::error::CsvError;
use crate::number::Number;
use crate::table::{self, Column, Numbers, Table};

/// The sums of a column so far, by index of the id. Both kinds are kept until a float decides.
#[derive(Debug)]
pub struct Sums {
    floats: Vec<f64>,
    /// The exact sums; `None` once the column has a number that is no integer.
    integers: Option<Vec<i128>>,
    /// The first number that made an exact sum too large. It counts only while there are exact sums.
    overflow: Option<Box<CsvError>>,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            floats: Vec::new(),
            integers: Some(Vec::new()),
            overflow: None,
        }
    }
}

impl Numbers for Sums {
    #[inline]
    fn add(&mut self, id: usize, number: Number, overflow: impl FnOnce() -> CsvError) {
        self.add_float(id, number.to_float());
        let Some(integers) = &mut self.integers else {
            return;
        };
        let integer = match number {
            Number::Integer(integer) => integer.into(),
            Number::LongInteger(integer) => integer,
            Number::Float(_) => {
                self.integers = None;
                return;
            }
        };
        if id >= integers.len() {
            integers.resize(id + 1, 0);
        }
        match integers[id].checked_add(integer) {
            Some(sum) => integers[id] = sum,
            None => self.keep_overflow(overflow),
        }
    }

    #[inline]
    fn add_float(&mut self, id: usize, number: f64) {
        if id >= self.floats.len() {
            self.floats.resize(id + 1, 0.0);
        }
        self.floats[id] += number;
    }
}

impl Sums {
    /// Apart from the loop over all cells, which is slower with it.
    #[cold]
    #[inline(never)]
    fn keep_overflow(&mut self, overflow: impl FnOnce() -> CsvError) {
        self.overflow.get_or_insert_with(|| Box::new(overflow()));
    }
}

/// The finished sums of a column, by index of the id.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnSums {
    /// Exact sums, of a column that has nothing but integers.
    Integers(Vec<i128>),
    /// Sums in 64-bit floats, of a column with at least one number that is no integer; all are finite.
    Floats(Vec<f64>),
}

/// Reads a CSV in one pass and keeps the sums only, so memory grows with the ids and not with the rows.
///
/// # Errors
/// The CSV is broken, lacks a column, or has a cell in a summed column that is not a number.
pub fn read_sums(csv: &[u8], selection: Selection<'_>, format: Format) -> Result<Table<Sums>, CsvError> {
    table::read(csv, selection, format)
}

/// The sums of every column of `table`. An id without values in a column has the sum 0 there.
///
/// # Errors
/// A sum is too large for its type.
pub fn group_sum(table: &Table<Sums>) -> Result<Vec<ColumnSums>, CsvError> {
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

fn finish_sums(column: &Column<Sums>, ids: &[String]) -> Result<ColumnSums, CsvError> {
    if let Some(mut sums) = column.numbers.integers.clone() {
        if let Some(overflow) = &column.numbers.overflow {
            return Err(CsvError::clone(overflow));
        }
        sums.resize(ids.len(), 0);
        return Ok(ColumnSums::Integers(sums));
    }
    let mut sums = column.numbers.floats.clone();
    sums.resize(ids.len(), 0.0);
    // A sum that has overflown stays so, whatever is added to it.
    match sums.iter().position(|sum| !sum.is_finite()) {
        None => Ok(ColumnSums::Floats(sums)),
        Some(id) => Err(CsvError::sum_too_large(&column.name, &ids[id])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(ids: &[&str], columns: &[&[(usize, f64)]]) -> Table<Sums> {
        let column = |numbers: &&[(usize, f64)]| {
            let mut sums = Sums::default();
            for &(id, number) in *numbers {
                sums.add(id, Number::Float(number), || panic!("no integer"));
            }
            Column {
                name: "value".into(),
                decimal: None,
                numbers: sums,
            }
        };
        Table {
            id_name: "id".into(),
            ids: ids.iter().map(|&id| id.into()).collect(),
            columns: columns.iter().map(column).collect(),
            left_out: Vec::new(),
        }
    }

    #[test]
    fn each_id_has_a_sum_in_each_column() {
        let numbers = [(2, 1.0), (0, 2.0), (2, 3.0), (0, 4.0), (2, 5.0)];
        let results = group_sum(&table(&["a", "b", "c", "d"], &[&numbers, &[]])).expect("small sums");
        let floats = ColumnSums::Floats(vec![6.0, 0.0, 9.0, 0.0]);
        assert_eq!(results, [floats, ColumnSums::Integers(vec![0; 4])]);
    }

    #[test]
    fn sum_adds_in_the_order_of_rows_in_both_forms() {
        for (values, expected) in [
            (&[1e16, 1.0, 1.0, -1e16][..], 0.0_f64),
            (&[1.0, 1.0, 1e16, -1e16], 2.0),
            (&[-0.0], 0.0),
        ] {
            let numbers: Vec<_> = values.iter().map(|&number| (0, number)).collect();
            let sums = group_sum(&table(&["a"], &[&numbers])).expect("a small sum");
            let ColumnSums::Floats(sums) = &sums[0] else {
                panic!("floats have sums of floats");
            };
            assert_eq!(sums[0].to_bits(), expected.to_bits(), "{values:?}");
            assert_eq!(sum(values).to_bits(), expected.to_bits(), "{values:?}");
        }
    }

    #[test]
    fn sum_that_overflows_is_an_error() {
        let numbers = [(0, 1.0), (1, 1e308), (1, 1e308), (1, -1e308)];
        let error = group_sum(&table(&["a", "b"], &[&numbers])).expect_err("an overflow");
        assert_eq!(
            error.to_string(),
            "The sum of column \"value\" for id \"b\" is too large for a 64-bit float."
        );
    }

    #[test]
    fn integers_are_summed_exactly_until_a_float_appears() {
        let read = |csv: &str| {
            let selection = Selection {
                id: "id",
                values: None,
            };
            let table = read_sums(csv.as_bytes(), selection, Format::default());
            table.and_then(|table| group_sum(&table))
        };
        let sums = read("id,v\na,9007199254740993\nb,-1\na,2\n");
        assert_eq!(
            sums,
            Ok(vec![ColumnSums::Integers(vec![9_007_199_254_740_995, -1])])
        );
        let sums = read("id,v\na,9007199254740993\na,2\nb,0.5\n");
        assert_eq!(
            sums,
            Ok(vec![ColumnSums::Floats(vec![9_007_199_254_740_994.0, 0.5])])
        );
        let largest = i128::MAX;
        let error = read(&format!("id,v\na,{largest}\nb,1\na,1\n")).expect_err("an overflow");
        assert_eq!(
            error.to_string(),
            "Row 3 (line 4), column \"v\": with \"1\", the sum for its id is too large for a 128-bit integer."
        );
    }
}
