//! Keeps the values of each id and column, to be summed elsewhere.

use crate::columns::Selection;
use crate::error::Error;
use crate::table::{self, Numbers, Table};

/// The values of a column, by index of the id. Those of one id are in the order of the rows.
#[derive(Debug, Default)]
pub struct Values(Vec<Vec<f64>>);

impl Values {
    /// The values of an id; none for an id that has no number in the column.
    pub fn of_id(&self, id: usize) -> &[f64] {
        self.0.get(id).map_or(&[], Vec::as_slice)
    }
}

impl Numbers for Values {
    #[inline]
    fn add(&mut self, id: usize, number: f64) {
        if id >= self.0.len() {
            self.0.resize_with(id + 1, Vec::new);
        }
        self.0[id].push(number);
    }
}

/// Reads a CSV and keeps its numbers.
///
/// # Errors
/// The CSV is broken, lacks a column, or has a cell in a summed column that is not a number.
pub fn read_values(csv: &[u8], selection: Selection<'_>) -> Result<Table<Values>, Error> {
    table::read(csv, selection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_by_column_and_id_in_the_order_of_the_rows() {
        let selection = Selection {
            id: "id",
            values: None,
        };
        let table = read_values(b"id,x,y\nb,1,\na,2,4\nb,3,\nc,,\n", selection).expect("a valid CSV");
        let of_column = |column: usize| [0, 1, 2].map(|id| table.columns[column].numbers.of_id(id).to_vec());
        assert_eq!(of_column(0), [vec![1.0, 3.0], vec![2.0], vec![]]);
        assert_eq!(of_column(1), [vec![], vec![4.0], vec![]]);
    }
}
