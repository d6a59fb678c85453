//! Finds out how a CSV is written: its encoding, its delimiter, and the mark of its decimals.

use std::borrow::Cow;
use std::ops::Range;

use crate::error::{CsvError, Text};
use crate::rows::MAX_COLUMNS;

/// U+FEFF in UTF-8, which Excel and others put before the first byte. It is not part of the first name.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The delimiters that a header is searched for, in the order in which a tie is decided.
const DETECTED: [u8; 3] = [b',', b';', b'\t'];

/// The dialect of a CSV, as far as its sender names it. `None` leaves it to the CSV's header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// `,`, `;`, `|` or a tab; `None` for a line `sep=`, else the header's.
    pub delimiter: Option<u8>,
    /// `None` means a point, but with `;` between cells the first mark in each column decides.
    pub decimal: Option<Decimal>,
}

/// The mark before the decimals of a number. Marks between thousands are not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decimal {
    /// `1.5`.
    Point,
    /// `1,5`.
    Comma,
}

impl Decimal {
    /// The mark as text, for reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Point => ".",
            Self::Comma => ",",
        }
    }
}

/// The dialect of a CSV, with nothing left to find but decimal marks, and where its header starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    /// `None`: the first number of a column that has a mark decides for the column.
    pub(crate) decimal: Option<Decimal>,
    pub(crate) start: usize,
}

impl Dialect {
    /// Reads it from `csv`, which is UTF-8. `id` is the name of the id column.
    ///
    /// # Errors
    /// A line `sep=` names a character that is no delimiter.
    pub(crate) fn find(csv: &[u8], id: &str, format: Format) -> Result<Self, CsvError> {
        let (separator, start) = match csv.strip_prefix(b"sep=") {
            None => (None, 0),
            Some(rest) => read_separator(rest)?,
        };
        let delimiter = format
            .delimiter
            .or(separator)
            .unwrap_or_else(|| choose_delimiter(&csv[start..], id));
        // If commas are decimal marks, something else separates the cells.
        let default = if delimiter == b';' {
            None
        } else {
            Some(Decimal::Point)
        };
        let decimal = format.decimal.or(default);
        Ok(Self {
            delimiter,
            decimal,
            start,
        })
    }
}

/// Reads the rest of the line `sep=;`, which Excel writes and reads. Returns the delimiter and the line's length.
fn read_separator(rest: &[u8]) -> Result<(Option<u8>, usize), CsvError> {
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'\r' | b'\n'))
        .unwrap_or(rest.len());
    match &rest[..end] {
        &[byte @ (b',' | b';' | b'\t' | b'|')] => Ok((Some(byte), b"sep=".len() + end)),
        other => Err(CsvError::UnknownSeparator(Text::new(&String::from_utf8_lossy(
            other,
        )))),
    }
}

/// Returns the delimiter under which the header has the id column, or else the most frequent one.
fn choose_delimiter(csv: &[u8], id: &str) -> u8 {
    let has_id = |delimiter: &u8| {
        let mut names = split_header(csv, *delimiter).into_iter();
        names.any(|name| unquote(&csv[name]) == id.trim().as_bytes())
    };
    // Better than a count: a decimal comma in each cell is as frequent as the semicolons.
    if let Some(delimiter) = DETECTED.into_iter().find(has_id) {
        return delimiter;
    }
    let count = |delimiter: u8| split_header(csv, delimiter).len();
    // `max_by_key` returns the last of several maxima.
    let candidates = DETECTED.into_iter().rev();
    candidates
        .max_by_key(|&delimiter| count(delimiter))
        .unwrap_or(b',')
}

/// Returns the first column of the header, counted from 1, whose quoted name has a blank before the quote: a CSV reader takes
/// such quotes for a part of the name, and a delimiter within them for the end of the cell.
pub(crate) fn find_blank_before_quote(csv: &[u8], delimiter: u8) -> Option<usize> {
    let has_blank = |name: Range<usize>| {
        let name = &csv[name];
        name.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'))
            && name.trim_ascii_start().starts_with(b"\"")
    };
    let found = split_header(csv, delimiter).into_iter().position(has_blank);
    found.map(|column| column + 1)
}

/// The names of the first row that is not blank, with their quotes: one more than [`MAX_COLUMNS`] of them at most, since each
/// comma of a small gzip would otherwise take 16 bytes of memory.
fn split_header(csv: &[u8], delimiter: u8) -> Vec<Range<usize>> {
    let blank = csv
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    let (mut names, mut start, mut is_quoted) = (Vec::new(), blank, false);
    for (at, &byte) in csv.iter().enumerate().skip(blank) {
        match byte {
            b'"' if is_quoted => is_quoted = false,
            b'"' if opens_quotes(&csv[blank..at]) => is_quoted = true,
            _ if is_quoted => {}
            b'\r' | b'\n' => {
                names.push(start..at);
                return names;
            }
            _ if byte == delimiter => {
                names.push(start..at);
                if names.len() > MAX_COLUMNS {
                    return names;
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    names.push(start..csv.len());
    names
}

/// True if a quote behind `before` opens a quoted name: whatever the delimiter is, so that a character within quotes is not
/// taken for it. The second of two quotes within quotes opens them again.
fn opens_quotes(before: &[u8]) -> bool {
    let last = before.iter().rev().find(|byte| **byte != b' ');
    last.is_none_or(|byte| matches!(byte, b',' | b';' | b'\t' | b'|' | b'"'))
}

fn unquote(name: &[u8]) -> &[u8] {
    let name = name.trim_ascii();
    let quoted = name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\""));
    quoted.unwrap_or(name).trim_ascii()
}

/// Returns the text without its byte order mark, as UTF-8. UTF-16 is recognized by that mark.
///
/// # Errors
/// The text has the mark of UTF-16 and is not UTF-16, or no mark and a zero among its first two bytes.
pub(crate) fn to_utf8(csv: &[u8]) -> Result<Cow<'_, [u8]>, CsvError> {
    match csv {
        [0xFF, 0xFE, rest @ ..] => decode_utf16(rest, u16::from_le_bytes).map(Cow::Owned),
        [0xFE, 0xFF, rest @ ..] => decode_utf16(rest, u16::from_be_bytes).map(Cow::Owned),
        // ASCII in UTF-16 has a zero in every other byte. A CSV in UTF-8 has none, so two bytes are enough to look at.
        [_, 0, ..] | [0, _, ..] => Err(CsvError::Utf16WithoutMark),
        _ => Ok(Cow::Borrowed(csv.strip_prefix(BYTE_ORDER_MARK).unwrap_or(csv))),
    }
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Vec<u8>, CsvError> {
    let (pairs, rest) = bytes.as_chunks();
    let text: Result<String, _> = char::decode_utf16(pairs.iter().map(|&pair| unit(pair))).collect();
    match text {
        Ok(text) if rest.is_empty() => Ok(text.into_bytes()),
        _ => Err(CsvError::NotUtf16),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(csv: &str) -> (char, Option<Decimal>, usize) {
        let Dialect {
            delimiter,
            decimal,
            start,
        } = Dialect::find(csv.as_bytes(), "id", Format::default()).expect("a known separator");
        (char::from(delimiter), decimal, start)
    }

    #[test]
    fn delimiter_is_the_one_that_separates_the_id() {
        let point = Some(Decimal::Point);
        assert_eq!(find("id,a;b;c\n"), (',', point, 0));
        assert_eq!(find("\r\n\"price, net\"; id \n1;2,5;3\n"), (';', None, 0));
        assert_eq!(find("\"a,b\",id"), (',', point, 0));
        assert_eq!(find("id\tv\n"), ('\t', point, 0));
        assert_eq!(find("key\t\"a;b;c\"\n").0, '\t');
        assert_eq!(find("id"), (',', point, 0));
    }

    #[test]
    fn delimiter_without_an_id_is_the_most_frequent_one() {
        assert_eq!(find("key;v;w, net\n").0, ';');
        assert_eq!(find("key;\"a,b,c\"\n").0, ';');
        assert_eq!(find("key;v,w\n").0, ',');
        assert_eq!(find("key\n1;2;3\n").0, ',');
    }

    #[test]
    fn separator_line_wins_over_the_header_and_the_sender_over_both() {
        assert_eq!(find("sep=;\r\nid,v\r\n"), (';', None, 5));
        assert_eq!(find("sep=|\nid|v\n"), ('|', Some(Decimal::Point), 5));
        let format = Format {
            delimiter: Some(b'\t'),
            decimal: Some(Decimal::Comma),
        };
        let dialect = Dialect::find(b"sep=;\nid;v\n", "id", format).expect("a known separator");
        assert_eq!(
            dialect,
            Dialect {
                delimiter: b'\t',
                decimal: format.decimal,
                start: 5
            }
        );
        let unknown = Dialect::find(b"sep=::\nid", "id", Format::default());
        assert_eq!(unknown, Err(CsvError::UnknownSeparator(Text::new("::"))));
    }

    #[test]
    fn blank_before_a_quote_is_found_with_its_column() {
        assert_eq!(find_blank_before_quote(b"id, \"a,b\",c\n", b','), Some(2));
        assert_eq!(find_blank_before_quote(b"id,\" a\"\n1, \"x\"\n", b','), None);
        assert_eq!(find_blank_before_quote(b"\"i\"\"d\", a\"\n", b','), None);
    }

    #[test]
    fn utf16_is_read_by_its_mark_and_refused_without() {
        let text = "id,größe\n日,1\n";
        for (mark, unit) in [
            ([0xFF, 0xFE], u16::to_le_bytes as fn(u16) -> [u8; 2]),
            ([0xFE, 0xFF], u16::to_be_bytes),
        ] {
            let units: Vec<u8> = text.encode_utf16().flat_map(unit).collect();
            let whole = [&mark[..], &units].concat();
            assert_eq!(to_utf8(&whole).as_deref(), Ok(text.as_bytes()));
            assert_eq!(to_utf8(&units), Err(CsvError::Utf16WithoutMark));
            assert_eq!(to_utf8(&whole[..whole.len() - 1]), Err(CsvError::NotUtf16));
        }
        assert_eq!(to_utf8(b"\xFF\xFE\x00\xD8\x00\x00"), Err(CsvError::NotUtf16));
        assert_eq!(to_utf8(b"\xEF\xBB\xBFid").as_deref(), Ok(&b"id"[..]));
    }
}
