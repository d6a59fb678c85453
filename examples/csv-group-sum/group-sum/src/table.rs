//! A CSV as a table: the ids, and the numbers of each summed column with the id they belong to.
//!
//! Cells are read once, as numbers; missing ones are left out. [`Numbers`] decides what is kept: to sum them here, a running sum
//! for each id is enough; to sum them elsewhere, all of them are needed. An empty id is an id like any other: its values are
//! summed rather than silently lost.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher as _;

use crate::columns::{Columns, Selection};
use crate::dialect::{Decimal, Dialect, Format, to_utf8};
use crate::error::{CsvError, Text};
use crate::number::{self, Cell, Number};
use crate::rows::{self, Rows};

/// The ids of a CSV, and its numbers or their sums: `N` decides which.
#[derive(Debug)]
pub struct Table<N> {
    /// As the header has it, without spaces around it; the output's first column gets it.
    pub id_name: String,
    /// The ids, in order of first appearance. Other parts name an id by its index here.
    pub ids: Vec<String>,
    /// The summed columns, in the order of the header.
    pub columns: Vec<Column<N>>,
    /// The names of the columns that are not summed because their first cell with something in it is not a number.
    pub left_out: Vec<String>,
}

/// A summed column. Only columns that turned out to hold numbers are here.
#[derive(Debug)]
pub struct Column<N> {
    /// The header's name, without spaces around it.
    pub name: String,
    /// The mark before its decimals; `None` if it depends on the column and no number has a mark.
    pub decimal: Option<Decimal>,
    /// By index of the id. Ids at the end without a number may be missing.
    pub numbers: N,
}

/// A way to keep the numbers of a column: [`Sums`](crate::Sums) or [`Values`](crate::Values).
pub(crate) trait Numbers: Default {
    /// Takes the next number, in the order of the rows. `id` is the index of its row's id.
    ///
    /// `overflow` returns the error for a sum of integers that this number makes too large. It is an error of the whole column
    /// only if no float follows, since the sums are floats then.
    fn add(&mut self, id: usize, number: Number, overflow: impl FnOnce() -> CsvError);

    /// Takes the next number as [`Numbers::add`] does, of a column that has had a float before.
    fn add_float(&mut self, id: usize, number: f64);
}

/// Reads a CSV in one pass, for both ways to keep numbers, so that they agree on ids, columns and errors in cells.
///
/// # Errors
/// The CSV is broken, lacks a column, or has a cell in a summed column that is not a number.
pub(crate) fn read<N: Numbers>(
    csv: &[u8],
    selection: Selection<'_>,
    format: Format,
) -> Result<Table<N>, CsvError> {
    if csv.is_empty() {
        return Err(CsvError::EmptyBody);
    }
    let csv = to_utf8(csv)?;
    let dialect = Dialect::find(&csv, selection.id, format)?;
    let mut rows = Rows::new(&csv, &dialect)?;
    let columns =
        Columns::find(rows.header(), selection).map_err(|error| match rows.blank_before_quote() {
            Some(column) => CsvError::BlankBeforeQuote(column),
            None => error,
        })?;
    let mut candidates = list_candidates(&rows, &columns, dialect.decimal);
    let mut ids = Ids::new(MAX_IDS);
    // Summed columns so far: times ids, it is the number of sums, which has a limit.
    let mut summed = if columns.by_name { candidates.len() } else { 0 };
    let mut left_out = Vec::new();
    while rows.advance()? {
        let id = rows.cell(columns.id);
        // The id first: most rows have one, and need no further look.
        if rows::is_blank(id) && rows.is_blank() {
            continue;
        }
        let id = ids.index_of(id, summed)?;
        read_row(&rows, id, &mut summed, &mut candidates, &mut left_out)?;
    }
    check_sums(ids.names.len(), summed)?;
    candidates.retain(|candidate| candidate.kind == Kind::Summed);
    Ok(Table {
        id_name: rows.header()[columns.id].clone(),
        ids: ids.names,
        columns: candidates.into_iter().map(|candidate| candidate.column).collect(),
        left_out: name_columns(&rows, left_out),
    })
}

/// A column that is summed, or may be until its first non-empty cell.
struct Candidate<N> {
    index: usize,
    kind: Kind,
    /// True once the column has a float with a decimal point: then integers need no telling apart, and a column of floats costs
    /// no more than if there were nothing else.
    has_plain_floats: bool,
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

fn list_candidates<N: Numbers>(
    rows: &Rows<'_>,
    columns: &Columns,
    decimal: Option<Decimal>,
) -> Vec<Candidate<N>> {
    let kind = if columns.by_name {
        Kind::Summed
    } else {
        Kind::Undecided
    };
    let column = |index: usize| Column {
        name: rows.header()[index].clone(),
        decimal,
        numbers: N::default(),
    };
    columns
        .values
        .iter()
        .map(|&index| Candidate {
            index,
            kind,
            has_plain_floats: false,
            column: column(index),
        })
        .collect()
}

/// Adds the current row's numbers to their columns, and moves the columns that turn out to be text to `left_out`.
fn read_row<N: Numbers>(
    rows: &Rows<'_>,
    id: usize,
    summed: &mut usize,
    candidates: &mut Vec<Candidate<N>>,
    left_out: &mut Vec<usize>,
) -> Result<(), CsvError> {
    let found_before = left_out.len();
    for candidate in candidates.iter_mut() {
        let index = candidate.index;
        let cell = rows.cell(index);
        if candidate.has_plain_floats
            && let Some(float) = number::parse_plain_float(cell)
        {
            // A column that has a float is summed already, so neither its kind nor its decimal mark can change.
            candidate.column.numbers.add_float(id, float);
            continue;
        }
        let text = || Text::new(&rows::to_text(cell));
        let content = read_cell(cell, candidate);
        if candidate.kind == Kind::Undecided {
            decide_kind(candidate, content, id, summed)?;
        }
        let number = match content {
            Cell::Integer(integer) => Number::Integer(integer),
            Cell::Float(float) => {
                candidate.has_plain_floats = candidate.column.decimal == Some(Decimal::Point);
                Number::Float(float)
            }
            Cell::LongInteger => Number::LongInteger(number::parse_long_integer(cell).unwrap_or_default()),
            Cell::Empty => continue,
            Cell::TooLarge => return Err(CsvError::NumberTooLarge(rows.place(index), text())),
            Cell::Text if candidate.kind == Kind::Summed => {
                return Err(CsvError::NotANumber(rows.place(index), text()));
            }
            Cell::Text => {
                left_out.push(index);
                continue;
            }
        };
        let overflow = || CsvError::IntegerSumTooLarge(rows.place(index), text());
        candidate.column.numbers.add(id, number, overflow);
    }
    if left_out.len() > found_before {
        // From here on, a column of text costs nothing.
        candidates.retain(|candidate| candidate.kind != Kind::Text);
    }
    Ok(())
}

/// The first cell with something in it decides whether its column is summed.
///
/// # Errors
/// There are too many sums. That is checked before the number is kept, since it takes memory for all ids before it.
#[cold]
#[inline(never)]
fn decide_kind<N>(
    candidate: &mut Candidate<N>,
    content: Cell,
    id: usize,
    summed: &mut usize,
) -> Result<(), CsvError> {
    candidate.kind = match content {
        Cell::Empty | Cell::TooLarge => return Ok(()),
        Cell::Text => Kind::Text,
        Cell::Integer(_) | Cell::LongInteger | Cell::Float(_) => Kind::Summed,
    };
    *summed += usize::from(candidate.kind == Kind::Summed);
    check_sums(id + 1, *summed)
}

/// Reads a cell. The column's first number with a decimal mark decides on the column's mark.
#[inline]
fn read_cell<N>(cell: &[u8], candidate: &mut Candidate<N>) -> Cell {
    match candidate.column.decimal {
        Some(Decimal::Point) => number::parse_number(cell),
        Some(Decimal::Comma) => number::parse_comma_number(cell),
        None => {
            let found = number::find_decimal(cell);
            let content = match found {
                Some(Decimal::Comma) => number::parse_comma_number(cell),
                _ => number::parse_number(cell),
            };
            if matches!(content, Cell::Float(_)) {
                candidate.column.decimal = found;
            }
            content
        }
    }
}

/// The names of columns, in the order of the header.
fn name_columns(rows: &Rows<'_>, mut columns: Vec<usize>) -> Vec<String> {
    columns.sort_unstable();
    let names = columns.into_iter().map(|column| rows.header()[column].clone());
    names.collect()
}

/// The most ids of a CSV. Lambda could not return more of them, since each takes three bytes of 6 MB at the least; here, each
/// takes a hundred bytes of memory.
pub(crate) const MAX_IDS: usize = 2_000_000;

/// The most sums of a CSV: ids times summed columns. Lambda could not return more of them, since each takes two bytes of 6.2 MB
/// at the least; here, each takes 24 bytes of memory, also where a column has a number in the last row alone.
pub(crate) const MAX_SUMS: usize = 3_100_000;

#[cold]
fn check_sums(ids: usize, columns: usize) -> Result<(), CsvError> {
    if ids.saturating_mul(columns) > MAX_SUMS {
        Err(CsvError::TooManySums)
    } else {
        Ok(())
    }
}

/// The ids seen so far. Each is stored once, in `names`; the hash table holds indices, and the hashes for when it grows.
struct Ids {
    /// [`MAX_IDS`], except in tests.
    most: usize,
    names: Vec<String>,
    table: HashTable<(u64, usize)>,
    hasher: DefaultHashBuilder,
    /// The index of the latest id. In many CSVs the rows of one id follow each other.
    latest: usize,
}

impl Ids {
    fn new(most: usize) -> Self {
        Self {
            most,
            names: Vec::new(),
            table: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            latest: 0,
        }
    }

    /// The index of `id`, which is the next one when it is new.
    ///
    /// # Errors
    /// There are too many, or too many sums in `columns` columns.
    #[inline]
    fn index_of(&mut self, id: &[u8], columns: usize) -> Result<usize, CsvError> {
        if self
            .names
            .get(self.latest)
            .is_none_or(|latest| latest.as_bytes() != id)
        {
            self.latest = self.look_up(id, columns)?;
        }
        Ok(self.latest)
    }

    fn look_up(&mut self, id: &[u8], columns: usize) -> Result<usize, CsvError> {
        let Self {
            most,
            names,
            table,
            hasher,
            ..
        } = self;
        let hash = hasher.hash_one(id);
        if let Some(&(_, index)) = table.find(hash, |&(_, index)| names[index].as_bytes() == id) {
            return Ok(index);
        }
        let index = names.len();
        if index == *most {
            return Err(CsvError::TooManyIds);
        }
        check_sums(index + 1, columns)?;
        names.push(rows::to_text(id));
        table.insert_unique(hash, (hash, index), |&(hash, _)| hash);
        Ok(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All numbers, in the order of the rows.
    impl Numbers for Vec<(usize, f64)> {
        fn add(&mut self, id: usize, number: Number, _: impl FnOnce() -> CsvError) {
            self.push((id, number.to_float()));
        }

        fn add_float(&mut self, id: usize, number: f64) {
            self.push((id, number));
        }
    }

    type Table = super::Table<Vec<(usize, f64)>>;

    fn read_str(csv: &str) -> Result<Table, String> {
        let selection = Selection {
            id: "id",
            values: None,
        };
        read(csv.as_bytes(), selection, Format::default()).map_err(|error| error.to_string())
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
        assert_eq!(table.left_out, ["note"]);
        assert_eq!(numbers(&table, 0), [("a", 2.0)]);
    }

    #[test]
    fn later_cell_of_text_is_an_error() {
        assert_eq!(
            read_str("id,value\na,1\nb,\nc,x\n").map(drop),
            Err("Row 3 (line 4), column \"value\": \"x\" is not a number.".into())
        );
        assert_eq!(
            read_str("id,value\na,1e999\n").map(drop),
            Err("Row 1 (line 2), column \"value\": \"1e999\" is too large for a 64-bit float.".into())
        );
    }

    #[test]
    fn more_ids_than_the_limit_are_refused() {
        let mut ids = Ids::new(2);
        for (id, index) in [("a", 0), ("b", 1), ("a", 0)] {
            assert_eq!(ids.index_of(id.as_bytes(), 1), Ok(index));
        }
        assert_eq!(ids.index_of(b"c", 1), Err(CsvError::TooManyIds));
        assert_eq!(
            CsvError::TooManyIds.to_string(),
            "The CSV has more than 2000000 ids, which is the limit."
        );
    }

    #[test]
    fn names_are_trimmed_and_blank_rows_are_ignored() {
        let table = read_str("time, id, value \n1,a,2\n,,\n , ,\n\n,\n2,a,3\n,,,,\n").expect("a valid CSV");
        assert_eq!(table.id_name, "id");
        assert_eq!(table.ids, ["a"]);
        assert_eq!(table.columns[1].name, "value");
        assert_eq!(numbers(&table, 1), [("a", 2.0), ("a", 3.0)]);
    }

    #[test]
    fn semicolons_allow_either_decimal_mark_and_a_column_keeps_its_first() {
        let table = read_str("id;a;b\nx;1,5;2.5\nx;1;3.5\n").expect("a valid CSV");
        assert_eq!(numbers(&table, 0), [("x", 1.5), ("x", 1.0)]);
        assert_eq!(numbers(&table, 1), [("x", 2.5), ("x", 3.5)]);
        assert_eq!(
            read_str("id;a\nx;1.000\nx;2,5\n").map(drop),
            Err("Row 2 (line 3), column \"a\": \"2,5\" is not a number.".into())
        );
    }

    #[test]
    fn blank_before_a_quote_explains_rows_that_do_not_fit() {
        let sentence = "The header, column 2: there is a blank before the quote, so the quotes do not enclose the name: \
                        remove the blank.";
        assert_eq!(read_str("id, \"a,b\"\n1,2\n").map(drop), Err(sentence.into()));
        assert_eq!(read_str("key, \"id\"\n1,2\n").map(drop), Err(sentence.into()));
    }
}
