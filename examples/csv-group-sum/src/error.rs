//! Everything that can be wrong with a request: one variant each, one sentence each, one status each.
//!
//! The sentence is the whole body of the answer, as plain text, and the page shows it as it is. It says where (row, line
//! and column) and what. Rows are counted from 1 below the header, as a spreadsheet user counts records; lines from 1 at
//! the top of the file, as an editor shows them. The two differ where a quoted cell holds a newline.

use std::fmt;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::answer::MAX_ANSWER_BYTES;
use crate::http::MAX_BODY_BYTES;
use crate::params;
use crate::source::{MAX_SOURCE_BYTES, VARIABLE};

/// What is wrong with a request. `Display` is the sentence that the client gets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A key in the query, or a field of the form, that means nothing here.
    #[error("There is no parameter {0}: the parameters are {names}.", names = params::NAMES.join(", "))]
    UnknownParameter(Text),
    /// A parameter whose value means nothing.
    #[error("The parameter \"{name}\" must be {expected}, and it is {value}.")]
    MalformedParameter {
        /// Its name.
        name: &'static str,
        /// What would be right.
        expected: &'static str,
        /// What is there.
        value: Text,
    },
    /// A parameter that is given twice.
    #[error("The parameter {0} is given more than once.")]
    RepeatedParameter(Text),
    /// `value_column=a,,b`.
    #[error("The parameter \"value_column\" has an empty name in its list {0}.")]
    EmptyValueColumn(Text),
    /// `value_column=a,a`.
    #[error("The parameter \"value_column\" names {0} more than once.")]
    RepeatedValueColumn(Text),
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
        /// The name.
        name: Text,
        /// Where it is first, counted from 1.
        first: usize,
        /// Where it is again, counted from 1.
        second: usize,
    },
    /// A name in the header that is not UTF-8.
    #[error("The header, column {0}: the name is not valid UTF-8.")]
    HeaderNotUtf8(usize),
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
        /// How many cells the row has.
        cells: usize,
        /// How many the header has.
        expected: usize,
    },
    /// More cells than the header has.
    #[error(
        "{place}: the header has no column for {cell}, since it has {expected} columns and the row {cells} cells."
    )]
    TooManyCells {
        /// The first cell that is too many.
        place: Place,
        /// What is in it.
        cell: Text,
        /// How many cells the row has.
        cells: usize,
        /// How many the header has.
        expected: usize,
    },
    /// A cell of a summed column that is no number.
    #[error("{0}: {1} is not a number.")]
    NotANumber(Place, Text),
    /// A number beyond what a 64-bit float holds.
    #[error("{0}: {1} is too large for a 64-bit float.")]
    NumberTooLarge(Place, Text),
    /// Numbers that are fine one by one and overflow together.
    #[error("The sum of column {column} for id {id} is too large for a 64-bit float.")]
    SumTooLarge {
        /// The summed column.
        column: Text,
        /// The id.
        id: Text,
    },
    /// A source where no folder of sources is set.
    #[error(
        "The parameter \"source\" is off here: the environment variable {VARIABLE} would say what may be read."
    )]
    SourceOff,
    /// A source outside of that folder.
    #[error("The source {0} may not be read: it does not lie where {VARIABLE} says.")]
    SourceForbidden(Text),
    /// A source that is not there.
    #[error("There is no source {0}.")]
    SourceMissing(Text),
    /// A source that S3 does not give to this function.
    #[error("The function's role may not read the source {0}, or it does not exist.")]
    SourceDenied(Text),
    /// A source that S3 does not give.
    #[error("The source could not be read: {0}.")]
    SourceUnreadable(String),
    /// A source that would take too much memory.
    #[error("The source is too large: it has {0} bytes, and the limit is {MAX_SOURCE_BYTES}.")]
    SourceTooLarge(u64),
    /// Two CSVs.
    #[error("The request has a \"source\" and a body: one of them is too many.")]
    SourceAndBody,
    /// More work than there is time for.
    #[error(
        "The time was over after {done} of {items} items: ask for less of each, or for more invocations at once."
    )]
    TimeOver {
        /// Items that were done.
        done: usize,
        /// All items.
        items: usize,
    },
    /// More invocations than one map may have, or a series that Lambda can't carry.
    #[error("The items could not be spread like this: {0}.")]
    Unspreadable(String),
    /// Other Lambdas could not do their part.
    #[error("The items could not be summed in other Lambdas: {0}.")]
    Map(String),
    /// More bytes than a Lambda event can carry.
    #[error(
        "The body is too large: the limit is {MAX_BODY_BYTES} bytes, which is what fits into the 6 MB of a Lambda event \
         once it is base64."
    )]
    BodyTooLarge,
    /// More bytes than a Lambda answer can carry.
    #[error(
        "The answer is too large: it takes {0} bytes, and the limit is {MAX_ANSWER_BYTES}, which is what fits into the \
         6 MB that Lambda may return; name fewer columns in \"value_column\"."
    )]
    AnswerTooLarge(usize),
    /// The client went away in the middle, or sent broken framing.
    #[error("The body could not be read to its end.")]
    BodyUnreadable,
    /// A `multipart/form-data` body that is none.
    #[error("The form could not be read: it is not valid multipart/form-data.")]
    FormUnreadable,
    /// A form without the field that holds the CSV.
    #[error("The form has no field \"file\": that is where the CSV goes.")]
    FormWithoutFile,
    /// A path that is not `/`.
    #[error("There is nothing at {0}: the page and the sums are both at \"/\".")]
    NotFound(Text),
    /// A method other than those of `/`.
    #[error("The method {0} does nothing here: GET shows the page, PUT and POST take a CSV.")]
    MethodNotAllowed(Text),
}

impl Error {
    /// The first sum of its column that overflows.
    pub fn sum_too_large(column: &str, id: &str) -> Self {
        Self::SumTooLarge {
            column: Text::new(column),
            id: Text::new(id),
        }
    }

    /// The status that goes with the sentence.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BodyTooLarge | Self::AnswerTooLarge(_) | Self::SourceTooLarge(_) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::NotFound(_) | Self::SourceMissing(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::SourceOff | Self::SourceForbidden(_) | Self::SourceDenied(_) => StatusCode::FORBIDDEN,
            Self::TimeOver { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Map(_) | Self::SourceUnreadable(_) => StatusCode::BAD_GATEWAY,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        (self.status(), headers, format!("{self}\n")).into_response()
    }
}

/// Where a cell is.
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
