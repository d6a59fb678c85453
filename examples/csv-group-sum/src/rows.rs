//! The rows of a CSV, one after the other, and what can be wrong with one.
//!
//! The `csv` crate does the reading: quoted cells, newlines in them, CRLF; blank lines are skipped. It is lenient about
//! what is broken, so the rest is here: every row has as many cells as the header, quotes are closed, text is UTF-8, and
//! each complaint knows its row, line and column.
//!
//! What the cells mean is not known here; [`crate::table`] reads them.

use csv::{ByteRecord, Reader, ReaderBuilder};

use crate::error::{Error, Place, Text};

/// What some spreadsheets put before the first byte.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads a CSV row by row; the current row is read cell by cell.
pub struct Rows<'a> {
    csv: &'a [u8],
    reader: Reader<&'a [u8]>,
    header: Vec<String>,
    /// The current row; the header before the first [`Rows::advance`].
    record: ByteRecord,
    /// The number of the current row, counted from 1 below the header.
    row: usize,
}

impl<'a> Rows<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// The CSV is empty or has no first row, or its header is broken.
    pub fn new(csv: &'a [u8]) -> Result<Self, Error> {
        if csv.is_empty() {
            return Err(Error::EmptyBody);
        }
        let csv = csv.strip_prefix(BYTE_ORDER_MARK).unwrap_or(csv);
        // `flexible`: the length of each row is checked here, where the sentence about it is written.
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(csv);
        let mut rows = Self {
            csv,
            reader,
            header: Vec::new(),
            record: ByteRecord::new(),
            row: 0,
        };
        if !rows.read()? {
            return Err(Error::NoHeader);
        }
        rows.header = rows.record.iter().map(text).collect();
        // Once for the whole text is many times faster than cell by cell.
        if str::from_utf8(csv).is_ok() {
            Ok(rows)
        } else {
            Err(rows.not_utf8())
        }
    }

    /// The names in the first row.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Goes to the next row; `false` after the last one.
    ///
    /// # Errors
    /// The row has too few or too many cells, one of them is not UTF-8, or a quote is left open.
    pub fn advance(&mut self) -> Result<bool, Error> {
        self.row += 1;
        if !self.read()? {
            return Ok(false);
        }
        if self.record.len() != self.header.len() {
            return Err(self.ragged());
        }
        Ok(true)
    }

    /// A cell of the current row: valid UTF-8, and every column of the header has one.
    #[inline]
    pub fn cell(&self, column: usize) -> &[u8] {
        &self.record[column]
    }

    /// Where a cell of the current row is.
    pub fn place(&self, column: usize) -> Place {
        let name = self.header.get(column).cloned().unwrap_or_default();
        Place {
            row: self.row,
            line: line_at(self.csv, self.start()),
            column,
            name,
        }
    }

    fn read(&mut self) -> Result<bool, Error> {
        // Reading from memory cannot fail, and rows of any length are fine with this reader.
        let found = self
            .reader
            .read_byte_record(&mut self.record)
            .map_err(|_| Error::BodyUnreadable)?;
        let at_end = usize::try_from(self.reader.position().byte()).is_ok_and(|read| read >= self.csv.len());
        if found && at_end && ends_in_quotes(&self.csv[self.start()..]) {
            return Err(self.unclosed());
        }
        Ok(found)
    }

    /// The byte at which the current row starts.
    fn start(&self) -> usize {
        // The reader notes a position before it skips blank lines and the second half of a CRLF.
        let noted = self.record.position().map_or(0, csv::Position::byte);
        let noted = usize::try_from(noted).unwrap_or(usize::MAX).min(self.csv.len());
        let skipped = self.csv[noted..]
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        noted + skipped
    }

    /// Looks for the first cell that is not UTF-8, in a text that is known to have one.
    fn not_utf8(mut self) -> Error {
        loop {
            let bad = self.record.iter().position(|cell| str::from_utf8(cell).is_err());
            match (bad, self.row) {
                (Some(column), 0) => return Error::HeaderNotUtf8(column + 1),
                (Some(column), _) => return Error::NotUtf8(self.place(column)),
                (None, _) => {}
            }
            // What else is wrong before that cell is told first.
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return Error::BodyUnreadable,
                Err(error) => return error,
            }
        }
    }

    fn unclosed(&self) -> Error {
        match self.row {
            0 => Error::UnclosedHeader,
            row => Error::UnclosedQuote {
                row,
                line: line_at(self.csv, self.start()),
            },
        }
    }

    fn ragged(&self) -> Error {
        let (cells, expected) = (self.record.len(), self.header.len());
        let place = self.place(cells.min(expected));
        match self.record.get(expected) {
            None => Error::TooFewCells {
                place,
                cells,
                expected,
            },
            Some(cell) => Error::TooManyCells {
                place,
                cell: Text::new(&text(cell)),
                cells,
                expected,
            },
        }
    }
}

/// A cell as text.
pub fn text(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).into_owned()
}

/// The line on which byte `at` is: CRLF, LF and CR each end one.
fn line_at(csv: &[u8], at: usize) -> usize {
    let before = &csv[..at];
    let ends = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let halves = before.windows(2).filter(|pair| *pair == b"\r\n").count();
    1 + before.iter().filter(|byte| ends(byte)).count() - halves
}

/// Whether `row`, the last of its file, ends inside a quoted cell.
fn ends_in_quotes(row: &[u8]) -> bool {
    #[derive(Clone, Copy, PartialEq)]
    enum In {
        Start,
        Plain,
        Quotes,
        QuoteInQuotes,
    }
    let step = |state, byte: &u8| match (state, byte) {
        (In::Quotes, b'"') => In::QuoteInQuotes,
        (In::Quotes, _) | (In::Start | In::QuoteInQuotes, b'"') => In::Quotes,
        (_, b',' | b'\r' | b'\n') => In::Start,
        _ => In::Plain,
    };
    row.iter().fold(In::Start, step) == In::Quotes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads to the end; the cells of all rows, or the first complaint.
    fn read(csv: &[u8]) -> Result<Vec<Vec<String>>, String> {
        let mut rows = Rows::new(csv).map_err(|error| error.to_string())?;
        let mut all = vec![rows.header().to_vec()];
        while rows.advance().map_err(|error| error.to_string())? {
            all.push(
                (0..rows.header().len())
                    .map(|column| text(rows.cell(column)))
                    .collect(),
            );
        }
        Ok(all)
    }

    fn complaint(csv: &[u8]) -> String {
        read(csv).expect_err("a broken CSV")
    }

    #[test]
    fn quotes_newlines_crlf_blank_lines_and_a_byte_order_mark_are_read() {
        let csv = "\u{feff}id,\"a,b\"\r\n\r\n1,\"x\ny\"\r\n\"\"\"2\"\"\",ü";
        let rows = read(csv.as_bytes()).expect("a valid CSV");
        assert_eq!(rows, [["id", "a,b"], ["1", "x\ny"], ["\"2\"", "ü"]]);
    }

    #[test]
    fn no_header() {
        assert_eq!(Rows::new(b"").err(), Some(Error::EmptyBody));
        assert_eq!(Rows::new(b"\r\n\n").err(), Some(Error::NoHeader));
        assert_eq!(Rows::new(BYTE_ORDER_MARK).err(), Some(Error::NoHeader));
    }

    #[test]
    fn lines_are_counted_through_quotes_and_every_kind_of_newline() {
        let place = "Row 3 (line 7), column \"b\"";
        assert_eq!(
            complaint(b"a,b\r\n1,\"x\r\ny\nz\"\r\n\r\n2,3\r4\n"),
            format!("{place}: the cell is missing, since the row has 1 of 2 cells.")
        );
    }

    #[test]
    fn ragged_rows() {
        assert_eq!(
            complaint(b"id,time,value\n1,2,3\n4\n"),
            "Row 2 (line 3), column \"time\": the cell is missing, since the row has 1 of 3 cells."
        );
        assert_eq!(
            complaint(b"id,value\n1,2,x,4\n"),
            "Row 1 (line 2), column 3: the header has no column for \"x\", since it has 2 columns and the row 4 cells."
        );
    }

    #[test]
    fn text_that_is_not_utf8() {
        assert_eq!(
            complaint(b"id,v\xFF\n1,2\n"),
            "The header, column 2: the name is not valid UTF-8."
        );
        assert_eq!(
            complaint(b"id,value\n1,2\n3,\xE4\n"),
            "Row 2 (line 3), column \"value\": the cell is not valid UTF-8."
        );
    }

    #[test]
    fn a_quote_that_is_never_closed() {
        let expected = "Row 2 (line 3): a quoted cell opens and is never closed.";
        assert_eq!(complaint(b"id,note\n1,a\n2,\"b\n3,c\n"), expected);
        assert_eq!(complaint(b"id,note\n1,a\n\"2,b\n3,c\n"), expected);
        assert_eq!(complaint(b"id,note\n1,a\n2,\"b\"\""), expected);
        for fine in [
            "id,note\n1,\"a\"",
            "id,note\n1,\"a\"\"\"\n",
            "id,note\n1,a\"b",
            "id,note\n1,\"a\"b\n",
            "id,note\n1,\"\"",
        ] {
            assert!(read(fine.as_bytes()).is_ok(), "{fine:?}");
        }
    }
}
