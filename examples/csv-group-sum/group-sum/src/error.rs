//! The errors of a CSV: each is a variant with one sentence.
//!
//! The sentence says where (row, line and column) and what. Rows are counted from 1 below the header, as a spreadsheet user
//! counts records; lines from 1 at the top of the file, as an editor shows them. The two differ where a quoted cell holds a
//! newline.

use std::fmt;

use crate::rows::MAX_COLUMNS;
use crate::table::{MAX_IDS, MAX_SUMS};

/// Something wrong with a CSV, or with the columns that were asked for. `Display` is a sentence for the CSV's owner.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// The id column is also to be summed.
    #[error("Column {0} is the id column, so it cannot be in \"value_column\" too.")]
    IdIsValueColumn(Text),
    /// No bytes at all.
    #[error("The body is empty: send a CSV whose first row names the columns.")]
    EmptyBody,
    /// Only blank lines, or a first row of nothing but numbers.
    #[error("The CSV has no header: its first row must name the columns.")]
    NoHeader,
    /// A column that the request names and the CSV lacks.
    #[error("There is no column {name}: {present}.")]
    MissingColumn {
        /// The name that was asked for.
        name: Text,
        /// A clause that lists the columns there are.
        present: String,
    },
    /// Two columns of the same name, of which at least one is needed.
    #[error("The header names column {name} twice, as columns {first} and {second}.")]
    RepeatedColumn {
        /// As the header has it.
        name: Text,
        /// Its first position, counted from 1.
        first: usize,
        /// Its second position, counted from 1.
        second: usize,
    },
    /// A name in the header that is not UTF-8.
    #[error("The header, column {0}: the name is not valid UTF-8.")]
    HeaderNotUtf8(usize),
    /// Quotes in the header that a blank precedes, in a CSV whose rows don't fit its header.
    #[error(
        "The header, column {0}: there is a blank before the quote, so the quotes do not enclose the name: remove the blank."
    )]
    BlankBeforeQuote(usize),
    /// A first line `sep=` with something else than a delimiter.
    #[error(
        "The line \"sep=\" names {0}, which is no delimiter: it can be a comma, a semicolon, a tab or a vertical bar."
    )]
    UnknownSeparator(Text),
    /// A byte order mark of UTF-16, and something else behind it.
    #[error("The file starts as UTF-16 does, and the rest is not valid UTF-16.")]
    NotUtf16,
    /// Every other byte is zero.
    #[error(
        "The file looks like UTF-16 without a byte order mark: save it as UTF-8, or as UTF-16 with the mark."
    )]
    Utf16WithoutMark,
    /// A quote in the header that opens and does not close before the file ends.
    #[error("The header: a quoted name opens and is never closed.")]
    UnclosedHeader,
    /// A cell that is not UTF-8.
    #[error("{0}: the cell is not valid UTF-8.")]
    NotUtf8(Place),
    /// A quote that opens and does not close before the file ends.
    #[error("Row {row} (line {line}): a quoted cell opens and is never closed.")]
    UnclosedQuote {
        /// The row, counted from 1 below the header.
        row: usize,
        /// The line on which the row starts.
        line: usize,
    },
    /// Fewer cells than the header has.
    #[error("{place}: the cell is missing, since the row has {cells} of {expected} cells.")]
    TooFewCells {
        /// The first cell that is missing.
        place: Place,
        /// Number of cells in the row.
        cells: usize,
        /// Number of cells in the header.
        expected: usize,
    },
    /// More cells than the header has.
    #[error(
        "{place}: the header has no column for {cell}, since it has {expected} columns and the row {cells} cells."
    )]
    TooManyCells {
        /// The first cell that is too many.
        place: Place,
        /// Its content.
        cell: Text,
        /// Number of cells in the row.
        cells: usize,
        /// Number of cells in the header.
        expected: usize,
    },
    /// A cell of a summed column that is no number.
    #[error("{0}: {1} is not a number.")]
    NotANumber(Place, Text),
    /// A number that is too large for a 64-bit float.
    #[error("{0}: {1} is too large for a 64-bit float.")]
    NumberTooLarge(Place, Text),
    /// An integer that its column's sum does not have room for.
    #[error("{0}: with {1}, the sum for its id is too large for a 128-bit integer.")]
    IntegerSumTooLarge(Place, Text),
    /// The same, where the row is no longer known.
    #[error("The sum of column {column} for id {id} is too large for a 128-bit integer.")]
    IntegersTooLarge {
        /// The summed column.
        column: Text,
        /// The id.
        id: Text,
    },
    /// More ids than there is memory for.
    #[error("The CSV has more than {MAX_IDS} ids, which is the limit.")]
    TooManyIds,
    /// More columns than there is memory for.
    #[error("The header has more than {MAX_COLUMNS} columns, which is the limit.")]
    TooManyColumns,
    /// More cells in one row than there is memory for.
    #[error("Row {row} (line {line}): the row has more than {MAX_COLUMNS} cells, which is the limit.")]
    RowTooLong {
        /// The row, counted from 1 below the header.
        row: usize,
        /// The line on which the row starts.
        line: usize,
    },
    /// More sums than there is memory for, or than an answer has room for.
    #[error(
        "The CSV has more than {MAX_SUMS} sums, one for each id and summed column, which is the limit: name fewer columns in \
         \"value_column\"."
    )]
    TooManySums,
    /// Numbers that are fine one by one and overflow together.
    #[error("The sum of column {column} for id {id} is too large for a 64-bit float.")]
    SumTooLarge {
        /// The summed column.
        column: Text,
        /// The id.
        id: Text,
    },
}

impl CsvError {
    /// True if the CSV is larger than there is memory for.
    pub fn is_size(&self) -> bool {
        matches!(
            self,
            Self::TooManyIds | Self::TooManyColumns | Self::RowTooLong { .. } | Self::TooManySums
        )
    }

    /// The first sum of its column of integers that overflows, wherever that happened.
    pub fn integer_sum_too_large(column: &str, id: &str) -> Self {
        Self::IntegersTooLarge {
            column: Text::new(column),
            id: Text::new(id),
        }
    }

    /// The first sum of its column that overflows.
    pub fn sum_too_large(column: &str, id: &str) -> Self {
        Self::SumTooLarge {
            column: Text::new(column),
            id: Text::new(id),
        }
    }
}

/// The place of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Counted from 1 below the header.
    pub row: usize,
    /// The line on which the row starts, counted from 1 at the top of the file.
    pub line: usize,
    /// The column's index, counted from 0.
    pub column: usize,
    /// The column's name; empty when it has none.
    pub name: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            row,
            line,
            column,
            name,
        } = self;
        write!(f, "Row {row} (line {line}), column ")?;
        if name.is_empty() {
            write!(f, "{}", column + 1)
        } else {
            write!(f, "{}", Text::new(name))
        }
    }
}

/// Text from a request, as it may appear in a sentence: quoted, control characters escaped, cut where it is long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// The most characters of a text that a sentence repeats.
    const MAX_CHARS: usize = 60;

    /// Takes as much of `text` as a sentence shows.
    pub fn new(text: &str) -> Self {
        // By characters, since a cut in the middle of one would not be UTF-8.
        let mut shown: String = text.chars().take(Self::MAX_CHARS).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        Self(shown)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_escaped_and_cut() {
        assert_eq!(Text::new("a\n\"b\"").to_string(), r#""a\n\"b\"""#);
        assert_eq!(Text::new("größe").to_string(), "\"größe\"");
        let long = Text::new(&"é".repeat(100)).to_string();
        assert_eq!(long, format!("\"{}…\"", "é".repeat(60)));
    }

    #[test]
    fn a_place_names_row_line_and_column() {
        let mut place = Place {
            row: 3,
            line: 5,
            column: 1,
            name: "value".to_owned(),
        };
        assert_eq!(place.to_string(), "Row 3 (line 5), column \"value\"");
        place.name.clear();
        assert_eq!(place.to_string(), "Row 3 (line 5), column 2");
    }
}
