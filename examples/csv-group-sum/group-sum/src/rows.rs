//! Reads the rows of a CSV, one after the other, and finds the errors in them.
//!
//! The cells of most rows are the bytes between two [`Marks`], or between two quotes. A row with anything else, such as
//! a quote within quotes, is read by `csv-core` ([`Unquoted`]). Either way a row ends at LF, CR or CRLF, and blank lines
//! are skipped. Both accept broken rows, so the checks are here: every row has as many cells as the header,
//! quotes are closed, text is UTF-8, and each complaint knows its row, line and column.
//!
//! The meaning of the cells is `table`'s.

use std::ops::Range;

use crate::dialect::{Dialect, find_blank_before_quote};
use crate::error::{CsvError, Place, Text};
use crate::marks::Marks;
use crate::unquoted::Unquoted;

/// The most columns of a CSV. Each takes some 100 bytes of memory, and much less than one byte of a compressed file.
pub(crate) const MAX_COLUMNS: usize = 16_384;

/// The most bytes that are searched for the end of a row here: a multiple of a block. Longer rows are read by `csv-core`.
const MAX_SCANNED_BYTES: usize = 1 << 18;

/// Reads a CSV row by row; the current row is read cell by cell.
pub(crate) struct Rows<'a> {
    csv: &'a [u8],
    delimiter: u8,
    /// The marks from the next row on.
    marks: Marks,
    header: Vec<String>,
    /// A column of the header whose quotes a blank precedes.
    blank_before_quote: Option<usize>,
    /// Start of the next row, blank lines before it included.
    next: usize,
    /// Start of the current row; of the header before the first [`Rows::advance`].
    start: usize,
    /// The current row's cells, as ranges in `unquoted` if `is_unquoted`, else in `csv`.
    cells: Vec<Range<usize>>,
    is_unquoted: bool,
    unquoted: Unquoted,
    /// The number of the current row, counted from 1 below the header.
    row: usize,
}

impl<'a> Rows<'a> {
    /// Reads the header, and checks the whole text for UTF-8.
    ///
    /// # Errors
    /// The CSV is empty or has no first row, or its header is broken or has more than [`MAX_COLUMNS`] columns.
    pub(crate) fn new(csv: &'a [u8], dialect: &Dialect) -> Result<Self, CsvError> {
        let Dialect { delimiter, start, .. } = *dialect;
        let mut rows = Self {
            csv,
            delimiter,
            marks: Marks::new(csv, start, delimiter),
            header: Vec::new(),
            blank_before_quote: find_blank_before_quote(&csv[start..], delimiter),
            next: start,
            start,
            cells: Vec::new(),
            is_unquoted: false,
            unquoted: Unquoted::new(delimiter),
            row: 0,
        };
        // By `csv-core`, which knows the byte order mark: some files have two.
        if !rows.read_unquoted()? {
            return Err(CsvError::NoHeader);
        }
        rows.header = rows
            .cells()
            .map(|name| to_text(name).trim_matches([' ', '\t']).to_owned())
            .collect();
        // Once for the whole text is many times faster than cell by cell.
        if str::from_utf8(csv).is_ok() {
            Ok(rows)
        } else {
            Err(rows.find_invalid_text())
        }
    }

    /// The names in the first row, without spaces and tabs around them; some may be empty or repeated.
    pub(crate) fn header(&self) -> &[String] {
        &self.header
    }

    /// The column of the header, counted from 1, that may be the reason for anything that is wrong with it.
    pub(crate) fn blank_before_quote(&self) -> Option<usize> {
        self.blank_before_quote
    }

    /// Goes to the next row; `false` after the last one. A row with nothing in its cells may have any number of them, and is
    /// skipped if that is not the header's.
    ///
    /// # Errors
    /// The row has too few or too many cells, or more than [`MAX_COLUMNS`]; one of them is not UTF-8, or a quote is left open.
    #[inline]
    pub(crate) fn advance(&mut self) -> Result<bool, CsvError> {
        loop {
            self.row += 1;
            if !self.read()? {
                return Ok(false);
            }
            if self.cells.len() == self.header.len() {
                return Ok(true);
            }
            if !self.is_blank() {
                return Err(self.describe_length());
            }
        }
    }

    /// True if the current row has nothing but spaces in its cells.
    pub(crate) fn is_blank(&self) -> bool {
        self.cells().all(is_blank)
    }

    /// A cell of the current row: valid UTF-8, and every column of the header has one.
    #[inline]
    pub(crate) fn cell(&self, column: usize) -> &[u8] {
        let text = if self.is_unquoted {
            self.unquoted.text()
        } else {
            self.csv
        };
        &text[self.cells[column].clone()]
    }

    /// The place of a cell, for an error. It counts lines from the start of the file, so it is slow.
    pub(crate) fn place(&self, column: usize) -> Place {
        let name = self.header.get(column).cloned().unwrap_or_default();
        Place {
            row: self.row,
            line: line_at(self.csv, self.start),
            column,
            name,
        }
    }

    fn cells(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.cells.len()).map(|column| self.cell(column))
    }

    /// Reads the next row; `false` after the last one.
    #[inline]
    fn read(&mut self) -> Result<bool, CsvError> {
        // Copies stay in registers. Fields of `self` would be read again after each push.
        let (delimiter, mut marks) = (self.delimiter, self.marks);
        // Whole blocks, so that the marks of the next row are complete.
        let end = self.csv.len().min(marks.block() + MAX_SCANNED_BYTES);
        let csv = &self.csv[..end];
        self.is_unquoted = false;
        self.cells.clear();
        let mut start = self.next;
        // Start of the current cell, and the number of bytes behind its content: 1 if it has quotes.
        let (mut cell, mut quote) = (start, 0);
        while let Some(mark) = marks.advance(csv, delimiter) {
            let byte = csv[mark];
            if byte == delimiter {
                self.cells.push(cell..mark - quote);
                (cell, quote) = (mark + 1, 0);
                continue;
            }
            match byte {
                // A blank line, or the second half of a CRLF.
                b'\n' | b'\r' if mark == start => {
                    start += 1;
                    cell = start;
                }
                b'\n' | b'\r' => {
                    self.cells.push(cell..mark - quote);
                    (self.start, self.next, self.marks) = (start, mark + 1, marks);
                    return Ok(true);
                }
                b'"' if mark == cell && skip_quoted(csv, delimiter, &mut marks) => {
                    (cell, quote) = (mark + 1, 1);
                }
                b'"' => return self.read_unquoted(),
                // Text.
                _ => {}
            }
        }
        if end < self.csv.len() {
            // From its start, and with a limit on cells, which would cost a bit for each cell here.
            return self.read_unquoted();
        }
        // The last row, where no line end follows it.
        (self.start, self.next, self.marks) = (start, csv.len(), marks);
        let found = start < csv.len();
        if found {
            self.cells.push(cell..csv.len() - quote);
        }
        Ok(found)
    }

    /// Reads the next row with `csv-core`, which is slower and handles any quotes.
    #[inline(never)]
    fn read_unquoted(&mut self) -> Result<bool, CsvError> {
        let rest = &self.csv[self.next..];
        let blank = rest
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        self.start = self.next + blank;
        self.is_unquoted = true;
        match self.unquoted.read(rest, &mut self.cells, MAX_COLUMNS) {
            Some(read) => self.next += read,
            None => return Err(self.describe_too_many()),
        }
        self.marks = Marks::new(self.csv, self.next, self.delimiter);
        if self.next == self.csv.len() && ends_in_quotes(&self.csv[self.start..], self.delimiter) {
            return Err(self.describe_open_quote());
        }
        Ok(!self.cells.is_empty())
    }

    /// Looks for the first cell that is not UTF-8, in a text that is known to have one.
    fn find_invalid_text(mut self) -> CsvError {
        loop {
            let bad = self.cells().position(|cell| str::from_utf8(cell).is_err());
            match (bad, self.row) {
                (Some(column), 0) => return CsvError::HeaderNotUtf8(column + 1),
                (Some(column), _) => return CsvError::NotUtf8(self.place(column)),
                (None, _) => {}
            }
            // An error of another kind before that cell is returned first.
            match self.advance() {
                Ok(true) => {}
                // Not reached: each byte that is no mark belongs to a cell.
                Ok(false) => return CsvError::NotUtf8(self.place(0)),
                Err(error) => return error,
            }
        }
    }

    fn describe_open_quote(&self) -> CsvError {
        match self.row {
            0 => CsvError::UnclosedHeader,
            row => CsvError::UnclosedQuote {
                row,
                line: line_at(self.csv, self.start),
            },
        }
    }

    #[cold]
    fn describe_too_many(&self) -> CsvError {
        match self.row {
            0 => CsvError::TooManyColumns,
            row => CsvError::RowTooLong {
                row,
                line: line_at(self.csv, self.start),
            },
        }
    }

    fn describe_length(&self) -> CsvError {
        if let Some(column) = self.blank_before_quote {
            return CsvError::BlankBeforeQuote(column);
        }
        let (cells, expected) = (self.cells.len(), self.header.len());
        let place = self.place(cells.min(expected));
        match self.cells().nth(expected) {
            None => CsvError::TooFewCells {
                place,
                cells,
                expected,
            },
            Some(cell) => CsvError::TooManyCells {
                place,
                cell: Text::new(&to_text(cell)),
                cells,
                expected,
            },
        }
    }
}

/// Skips the rest of a quoted cell; `false` when there is more to it than a quote before and one behind.
fn skip_quoted(csv: &[u8], delimiter: u8, marks: &mut Marks) -> bool {
    while let Some(mark) = marks.advance(csv, delimiter) {
        if csv[mark] == b'"' {
            return csv
                .get(mark + 1)
                .is_none_or(|&byte| matches!(byte, b'\r' | b'\n') || byte == delimiter);
        }
    }
    false
}

/// True if a cell is empty or has nothing but ASCII white space. Looks at one byte for most cells.
#[inline]
pub(crate) fn is_blank(cell: &[u8]) -> bool {
    cell.first().is_none_or(u8::is_ascii_whitespace) && cell.trim_ascii().is_empty()
}

/// Copies a cell as text; bytes that are not UTF-8 become U+FFFD, which only errors show.
pub(crate) fn to_text(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).into_owned()
}

/// The line on which byte `at` is: CRLF, LF and CR each end one.
fn line_at(csv: &[u8], at: usize) -> usize {
    let before = &csv[..at];
    let ends = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let halves = before.windows(2).filter(|pair| *pair == b"\r\n").count();
    1 + before.iter().filter(|byte| ends(byte)).count() - halves
}

/// True if `row`, the last of its file, ends inside a quoted cell.
fn ends_in_quotes(row: &[u8], delimiter: u8) -> bool {
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
        (_, b'\r' | b'\n') => In::Start,
        (_, byte) if *byte == delimiter => In::Start,
        _ => In::Plain,
    };
    row.iter().fold(In::Start, step) == In::Quotes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{BYTE_ORDER_MARK, Decimal};

    const COMMAS: Dialect = Dialect {
        delimiter: b',',
        decimal: Some(Decimal::Point),
        start: 0,
    };

    fn open(csv: &[u8]) -> Result<Rows<'_>, CsvError> {
        Rows::new(csv.strip_prefix(BYTE_ORDER_MARK).unwrap_or(csv), &COMMAS)
    }

    /// Reads to the end; the cells of all rows, or the first complaint.
    fn read(csv: &[u8]) -> Result<Vec<Vec<String>>, String> {
        let mut rows = open(csv).map_err(|error| error.to_string())?;
        let mut all = vec![rows.header().to_vec()];
        while rows.advance().map_err(|error| error.to_string())? {
            all.push(
                (0..rows.header().len())
                    .map(|column| to_text(rows.cell(column)))
                    .collect(),
            );
        }
        Ok(all)
    }

    fn complaint(csv: &[u8]) -> String {
        read(csv).expect_err("a broken CSV")
    }

    #[test]
    fn rows_with_quotes_newlines_and_blank_lines_are_read() {
        let csv = "\u{feff}id,\"a,b\"\r\n\r\n1,\"x\ny\"\r\n\"\"\"2\"\"\",ü";
        let rows = read(csv.as_bytes()).expect("a valid CSV");
        assert_eq!(rows, [["id", "a,b"], ["1", "x\ny"], ["\"2\"", "ü"]]);
    }

    #[test]
    fn no_header() {
        assert_eq!(open(b"").err(), Some(CsvError::NoHeader));
        assert_eq!(open(b"\r\n\n").err(), Some(CsvError::NoHeader));
        assert_eq!(open(BYTE_ORDER_MARK).err(), Some(CsvError::NoHeader));
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

    /// The start of each row after the header, and its cells.
    type Found = Vec<(usize, Vec<Vec<u8>>)>;

    /// As the `csv` crate reads them.
    fn expected(csv: &[u8]) -> Found {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(csv);
        let found = |record: csv::ByteRecord| {
            let noted = record.position().expect("a record that was read").byte();
            let noted = usize::try_from(noted).expect("a short text");
            // It notes a position before it skips blank lines and the second half of a CRLF.
            let ends = csv[noted..].iter().take_while(|byte| b"\r\n".contains(byte));
            (noted + ends.count(), record.iter().map(<[u8]>::to_vec).collect())
        };
        let records = reader.byte_records();
        records
            .map(|record| found(record.expect("a text in memory")))
            .collect()
    }

    /// As they are read here, and whether the last one has an open quote.
    fn found(csv: &[u8]) -> (Found, bool) {
        let (mut rows, mut all) = (open(csv).expect("a header"), Vec::new());
        loop {
            let read = rows.read();
            if read == Ok(false) {
                return (all, false);
            }
            all.push((rows.start, rows.cells().map(<[u8]>::to_vec).collect()));
            if read.is_err() {
                return (all, true);
            }
        }
    }

    #[test]
    fn any_text_is_read_as_the_csv_crate_reads_it() {
        /// From hardly any quotes to many, around the lengths of a block of marks.
        const ALPHABETS: [&[u8]; 5] = [
            b"0123456789abcdefghijklmnop,,,,,,\n\r",
            b"0123456789abcdefghijklmnop,,,,,,\n\n\"",
            b"0123456789,,,\n\r\"",
            b"ab,\n\"\"",
            b"a,\r\n\"",
        ];
        const HEADER: &[u8] = b"id,value\n";
        let mut state = 1_u64;
        let mut random = |limit: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).expect("31 bits") % limit
        };
        for case in 0..5_000 {
            let alphabet = ALPHABETS[case % ALPHABETS.len()];
            let mut csv = HEADER.to_vec();
            csv.extend((0..random(300)).map(|_| alphabet[random(alphabet.len())]));
            let (rows, is_open) = found(&csv);
            let shown = String::from_utf8_lossy(&csv);
            assert_eq!(rows, expected(&csv), "{shown:?}");
            let last = rows.last().map_or(HEADER.len(), |(start, _)| *start);
            assert_eq!(is_open, ends_in_quotes(&csv[last..], b','), "{shown:?}");
        }
    }
}
