//! A CSV as a table: the ids, and the numbers of each summed column with the id they belong to.
//!
//! Cells are read once, as numbers; missing ones are left out. The caller chooses
//! what is kept of the numbers: to sum them here, a running sum for each id is enough; to sum them elsewhere, all of them
//! are needed. An empty id is an id
//! like any other: its values are summed rather than silently lost.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher as _;

use crate::columns::{Columns, Selection};
use crate::error::{Error, Text};
use crate::number::{self, Cell};
use crate::rows::{self, Rows};

/// The ids of a CSV, and what is kept of its numbers.
#[derive(Debug)]
pub struct Table<N> {
    /// The name of the id column.
    pub id_name: String,
    /// The ids, in order of first appearance. Other parts name an id by its index here.
    pub ids: Vec<String>,
    /// The summed columns, in the order of the header.
    pub columns: Vec<Column<N>>,
}

/// A summed column.
#[derive(Debug)]
pub struct Column<N> {
    /// Its name in the header.
    pub name: String,
    /// Its numbers, or their sums.
    pub numbers: N,
}

/// A way to keep the numbers of a column.
pub(crate) trait Numbers: Default {
    /// Takes the next number, in the order of the rows. `id` is the index of its row's id.
    fn add(&mut self, id: usize, number: f64);
}

/// Reads a CSV.
///
/// # Errors
/// The CSV is broken, lacks a column, or has a cell in a summed column that is not a number.
pub(crate) fn read<N: Numbers>(csv: &[u8], selection: Selection<'_>) -> Result<Table<N>, Error> {
    let mut rows = Rows::new(csv)?;
    let columns = Columns::find(rows.header(), selection)?;
    let mut ids = Ids::default();
    let mut candidates = list_candidates(&rows, &columns);
    while rows.advance()? {
        let id = ids.index_of(rows.cell(columns.id));
        read_row(&rows, id, &mut candidates)?;
    }
    candidates.retain(|candidate| candidate.kind == Kind::Summed);
    Ok(Table {
        id_name: rows.header()[columns.id].clone(),
        ids: ids.names,
        columns: candidates.into_iter().map(|candidate| candidate.column).collect(),
    })
}

/// A column that is summed, or may be.
struct Candidate<N> {
    index: usize,
    kind: Kind,
    column: Column<N>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing but empty cells so far.
    Undecided,
    Summed,
    /// Its first non-empty cell is not a number.
    Text,
}

fn list_candidates<N: Numbers>(rows: &Rows<'_>, columns: &Columns) -> Vec<Candidate<N>> {
    let kind = if columns.by_name {
        Kind::Summed
    } else {
        Kind::Undecided
    };
    let column = |index: usize| Column {
        name: rows.header()[index].clone(),
        numbers: N::default(),
    };
    columns
        .values
        .iter()
        .map(|&index| Candidate {
            index,
            kind,
            column: column(index),
        })
        .collect()
}

/// Adds the current row's numbers to their columns, and drops the columns that turn out to be text.
fn read_row<N: Numbers>(rows: &Rows<'_>, id: usize, candidates: &mut Vec<Candidate<N>>) -> Result<(), Error> {
    let mut found_text = false;
    for Candidate { index, kind, column } in candidates.iter_mut() {
        let cell = rows.cell(*index);
        match number::parse_number(cell) {
            Cell::Number(number) => {
                *kind = Kind::Summed;
                column.numbers.add(id, number);
            }
            Cell::Empty => {}
            Cell::TooLarge => {
                return Err(Error::NumberTooLarge(
                    rows.place(*index),
                    Text::new(&rows::to_text(cell)),
                ));
            }
            Cell::Text if *kind == Kind::Summed => {
                return Err(Error::NotANumber(
                    rows.place(*index),
                    Text::new(&rows::to_text(cell)),
                ));
            }
            Cell::Text => {
                *kind = Kind::Text;
                found_text = true;
            }
        }
    }
    if found_text {
        candidates.retain(|candidate| candidate.kind != Kind::Text);
    }
    Ok(())
}

/// The ids seen so far. Each is stored once, in `names`; the hash table holds indices, and the hashes for when it grows.
#[derive(Default)]
struct Ids {
    names: Vec<String>,
    table: HashTable<(u64, usize)>,
    hasher: DefaultHashBuilder,
    /// The index of the latest id. Rows of one id tend to stand together.
    latest: usize,
}

impl Ids {
    /// The index of `id`, which is the next one when it is new.
    #[inline]
    fn index_of(&mut self, id: &[u8]) -> usize {
        if self
            .names
            .get(self.latest)
            .is_none_or(|latest| latest.as_bytes() != id)
        {
            self.latest = self.look_up(id);
        }
        self.latest
    }

    fn look_up(&mut self, id: &[u8]) -> usize {
        let Self {
            names, table, hasher, ..
        } = self;
        let hash = hasher.hash_one(id);
        if let Some(&(_, index)) = table.find(hash, |&(_, index)| names[index].as_bytes() == id) {
            return index;
        }
        let index = names.len();
        names.push(rows::to_text(id));
        table.insert_unique(hash, (hash, index), |&(hash, _)| hash);
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All numbers, in the order of the rows.
    impl Numbers for Vec<(usize, f64)> {
        fn add(&mut self, id: usize, number: f64) {
            self.push((id, number));
        }
    }

    type Table = super::Table<Vec<(usize, f64)>>;

    fn read_str(csv: &str) -> Result<Table, String> {
        let selection = Selection {
            id: "id",
            values: None,
        };
        read(csv.as_bytes(), selection).map_err(|error| error.to_string())
    }

    fn numbers(table: &Table, column: usize) -> Vec<(&str, f64)> {
        table.columns[column]
            .numbers
            .iter()
            .map(|&(id, number)| (table.ids[id].as_str(), number))
            .collect()
    }

    #[test]
    fn ids_come_in_order_of_first_appearance() {
        let table = read_str("value,id\n1,b\n2,a\n3,b\n4,\n").expect("a valid CSV");
        assert_eq!(table.ids, ["b", "a", ""]);
        assert_eq!(
            numbers(&table, 0),
            [("b", 1.0), ("a", 2.0), ("b", 3.0), ("", 4.0)]
        );
    }

    #[test]
    fn the_first_non_empty_cell_decides() {
        let table = read_str("id,note,late,never\na,x,,\nb,1,,\na,y,2,\n").expect("a valid CSV");
        let names: Vec<_> = table.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["late"]);
        assert_eq!(numbers(&table, 0), [("a", 2.0)]);
    }

    #[test]
    fn a_later_cell_that_is_not_a_number_is_told() {
        assert_eq!(
            read_str("id,value\na,1\nb,\nc,x\n").map(drop),
            Err("Row 3 (line 4), column \"value\": \"x\" is not a number.".into())
        );
        assert_eq!(
            read_str("id,value\na,1e999\n").map(drop),
            Err("Row 1 (line 2), column \"value\": \"1e999\" is too large for a 64-bit float.".into())
        );
    }
}
