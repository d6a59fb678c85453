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
    /// The id column is also in `value_column`. Ids are not summed, even if they are numbers.
    #[error("Column {0} is the id column, so it cannot be in \"value_column\" too.")]
    IdIsValueColumn(Text),
    /// No bytes at all.
    #[error("The body is empty: send a CSV whose first row names the columns.")]
    EmptyBody,
    /// Only blank lines, or a first row of nothing but numbers.
    #[error("The CSV has no header: its first row must name the columns.")]
    NoHeader,
    /// A column that the request names and the CSV lacks, after spaces around names are ignored.
    #[error("There is no column {name}: {present}.")]
    MissingColumn {
        /// As the request has it.
        name: Text,
        /// A clause that lists the first 20 columns, since the cause is often a typing mistake.
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
    /// A name in the header that is not UTF-8, for example in Latin-1. The column is counted from 1.
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
    /// One of the first two bytes is zero, as in UTF-16, and there is no byte order mark.
    #[error(
        "The file looks like UTF-16 without a byte order mark: save it as UTF-8, or as UTF-16 with the mark."
    )]
    Utf16WithoutMark,
    /// A quote in the header that opens and does not close before the file ends.
    #[error("The header: a quoted name opens and is never closed.")]
    UnclosedHeader,
    /// A cell that is not UTF-8, in any column: also in those that are not summed.
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
        /// Cells in the row.
        cells: usize,
        /// Cells in the header.
        expected: usize,
    },
    /// More cells than the header has.
    #[error(
        "{place}: the header has no column for {cell}, since it has {expected} columns and the row {cells} cells."
    )]
    TooManyCells {
        /// The first cell that is too many.
        place: Place,
        /// Its content, which often shows that a delimiter is not quoted.
        cell: Text,
        /// Cells in the row.
        cells: usize,
        /// Cells in the header.
        expected: usize,
    },
    /// A cell of a summed column that is no number. A column whose first cell is text is left out instead.
    #[error("{0}: {1} is not a number.")]
    NotANumber(Place, Text),
    /// A number of 1.8e308 or more, which a 64-bit float can't hold.
    #[error("{0}: {1} is too large for a 64-bit float.")]
    NumberTooLarge(Place, Text),
    /// An integer that makes an exact sum exceed 128 bits. Not an error if a float follows in the column.
    #[error("{0}: with {1}, the sum for its id is too large for a 128-bit integer.")]
    IntegerSumTooLarge(Place, Text),
    /// The same, where the row is not known, since the sum was made in another Lambda.
    #[error("The sum of column {column} for id {id} is too large for a 128-bit integer.")]
    IntegersTooLarge {
        /// The column's name in the header.
        column: Text,
        /// The id as the CSV has it; it may be empty.
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
        /// The column's name in the header.
        column: Text,
        /// The id as the CSV has it; it may be empty.
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

    /// For an exact sum that exceeds 128 bits, by the names of its column and id.
    pub fn integer_sum_too_large(column: &str, id: &str) -> Self {
        Self::IntegersTooLarge {
            column: Text::new(column),
            id: Text::new(id),
        }
    }

    /// For a sum of floats that is infinite, by the names of its column and id.
    pub fn sum_too_large(column: &str, id: &str) -> Self {
        Self::SumTooLarge {
            column: Text::new(column),
            id: Text::new(id),
        }
    }
}

/// The place of a cell, for a sentence. `Display` counts columns from 1, and names them where they have a name.
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

    /// Keeps the first 60 characters of `text`, with `…` for the rest.
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
