//! Keeps the values of each id and column, to be summed elsewhere.

use crate::columns::Selection;
use crate::dialect::Format;
use crate::error::CsvError;
use crate::number::Number;
use crate::table::{self, Numbers, Table};

/// The values of a column, by index of the id. Those of one id are in the order of the rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// A column that has nothing but integers. Its first float turns all of them into floats.
    Integers(Vec<Vec<i128>>),
    /// A column with at least one number that is no integer.
    Floats(Vec<Vec<f64>>),
}

impl Default for Values {
    fn default() -> Self {
        Self::Integers(Vec::new())
    }
}

impl Numbers for Values {
    /// Nothing overflows, since nothing is summed here.
    #[inline]
    fn add(&mut self, id: usize, number: Number, _: impl FnOnce() -> CsvError) {
        match (&mut *self, number) {
            (Self::Floats(floats), number) => push(floats, id, number.to_float()),
            (Self::Integers(integers), Number::Integer(integer)) => push(integers, id, integer.into()),
            (Self::Integers(integers), Number::LongInteger(integer)) => push(integers, id, integer),
            (Self::Integers(integers), Number::Float(float)) => {
                let mut floats = integers.iter().map(|values| to_floats(values)).collect();
                push(&mut floats, id, float);
                *self = Self::Floats(floats);
            }
        }
    }

    #[inline]
    fn add_float(&mut self, id: usize, number: f64) {
        match self {
            Self::Floats(floats) => push(floats, id, number),
            // Not reached, since the column has had a float.
            Self::Integers(_) => self.add(id, Number::Float(number), || CsvError::NoHeader),
        }
    }
}

#[inline]
fn push<V>(values: &mut Vec<Vec<V>>, id: usize, value: V) {
    if id >= values.len() {
        values.resize_with(id + 1, Vec::new);
    }
    values[id].push(value);
}

/// The floats nearest to integers, as if their digits had been read as floats.
pub fn to_floats(integers: &[i128]) -> Vec<f64> {
    integers
        .iter()
        .map(|&integer| Number::LongInteger(integer).to_float())
        .collect()
}

/// Reads a CSV and keeps all of its numbers, at 8 or 16 bytes each.
///
/// # Errors
/// The CSV is broken, lacks a column, or has a cell in a summed column that is not a number.
pub fn read_values(csv: &[u8], selection: Selection<'_>, format: Format) -> Result<Table<Values>, CsvError> {
    table::read(csv, selection, format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_by_column_and_id_in_row_order() {
        let selection = Selection {
            id: "id",
            values: None,
        };
        let csv = b"id,x,y\nb,1,\na,2,4\nb,3,0.5\nc,,\n";
        let table = read_values(csv, selection, Format::default()).expect("a valid CSV");
        let integers = Values::Integers(vec![vec![1, 3], vec![2]]);
        let floats = Values::Floats(vec![vec![0.5], vec![4.0]]);
        assert_eq!(table.columns[0].numbers, integers);
        assert_eq!(table.columns[1].numbers, floats);
    }
}
