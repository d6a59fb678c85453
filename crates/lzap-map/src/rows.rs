//! Finds the rows that begin in a part of an object. Pure.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// The meaning of quotes, and the state at the beginning of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Quotes {
    /// Lines: each line break ends a row.
    Ignored,
    /// CSV: the part begins outside of quotes.
    Outside,
    /// CSV: the part begins within quotes.
    Inside,
}

/// A scan of a part's bytes. They begin one byte before the part, except for the first part of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowScan {
    quotes: Quotes,
    /// The part begins the object.
    first: bool,
}

/// The result of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ScanResult {
    /// The place in the given bytes of the rows that begin in the part; empty when none does.
    Rows(Range<usize>),
    /// The last row ends after the given bytes, so the caller must read more.
    GoesOn,
}

impl RowScan {
    /// A scan of a part; `first` for the part that begins the object.
    pub(crate) fn new(quotes: Quotes, first: bool) -> Self {
        Self { quotes, first }
    }

    /// Finds the rows that begin before `part_end`. `whole` is true when the object ends with `bytes`.
    pub(crate) fn find_rows(self, bytes: &[u8], part_end: u64, whole: bool) -> ScanResult {
        let part_end = usize::try_from(part_end).unwrap_or(usize::MAX);
        let mut inside = self.quotes == Quotes::Inside;
        let mut start = self.first.then_some(0);
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                // The byte before the part belongs to the previous part, whose quotes `self.quotes` includes.
                b'"' if self.quotes != Quotes::Ignored && (self.first || at > 0) => inside = !inside,
                b'\n' if !inside => {
                    let row = at + 1;
                    if row >= part_end {
                        return ScanResult::Rows(start.map_or(0..0, |start| start..row));
                    }
                    // The row after the first line break is the first that begins in this part.
                    start = start.or(Some(row));
                }
                _ => {}
            }
        }
        match start {
            Some(start) if whole => ScanResult::Rows(start..bytes.len()),
            None if whole => ScanResult::Rows(0..0),
            // The part ends within a row that began in an earlier part.
            None if bytes.len() >= part_end => ScanResult::Rows(0..0),
            _ => ScanResult::GoesOn,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Cuts `text` into parts of `size` bytes and reads each as a worker does, with additional reads of `look` bytes.
    fn parts(text: &[u8], size: usize, look: usize, csv: bool) -> Vec<Vec<u8>> {
        let mut inside = false;
        let starts = (0..text.len()).step_by(size);
        starts
            .map(|start| {
                let end = (start + size).min(text.len());
                let quotes = match (csv, inside) {
                    (false, _) => Quotes::Ignored,
                    (true, false) => Quotes::Outside,
                    (true, true) => Quotes::Inside,
                };
                inside ^= text[start..end].iter().fold(false, |odd, byte| odd ^ (*byte == b'"'));
                let from = start.saturating_sub(1);
                let scan = RowScan::new(quotes, start == 0);
                let mut to = end;
                loop {
                    match scan.find_rows(&text[from..to], (end - from) as u64, to == text.len()) {
                        ScanResult::Rows(rows) => return text[from..to][rows].to_vec(),
                        ScanResult::GoesOn => to = (to + look).min(text.len()),
                    }
                }
            })
            .collect()
    }

    /// The records of CSV text, each with its line break.
    fn records(text: &[u8]) -> Vec<Vec<u8>> {
        let (mut rows, mut row, mut inside) = (Vec::new(), Vec::new(), false);
        for byte in text {
            row.push(*byte);
            inside ^= *byte == b'"';
            if *byte == b'\n' && !inside {
                rows.push(std::mem::take(&mut row));
            }
        }
        rows.extend((!row.is_empty()).then_some(row));
        rows
    }

    fn cell() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z0-9]{0,6}",
            "[a-z,\n\"]{0,12}".prop_map(|text| format!("\"{}\"", text.replace('"', "\"\""))),
        ]
    }

    fn table() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::collection::vec(cell(), 1..4), 0..12)
            .prop_map(|rows| rows.iter().map(|cells| cells.join(",") + "\n").collect::<String>())
    }

    proptest! {
        /// For all part sizes, the parts together have each record once, whole and in order.
        #[test]
        fn csv_parts_have_each_record_once_and_whole(table in table(), last in "[a-z]{0,5}", size in 1..40_usize, look in 1..10_usize) {
            let text = (table + &last).into_bytes();
            let parts = parts(&text, size, look, true);
            prop_assert_eq!(parts.concat(), text.clone());
            let rows = records(&text);
            let cut: Vec<Vec<u8>> = parts.iter().flat_map(|part| records(part)).collect();
            prop_assert_eq!(cut, rows);
        }

        #[test]
        fn line_parts_end_at_line_breaks_and_ignore_quotes(text in "[a\"\n]{0,60}", size in 1..20_usize) {
            let parts = parts(text.as_bytes(), size, 3, false);
            prop_assert_eq!(parts.concat(), text.as_bytes());
            let mut before_the_last = parts.iter().filter(|part| !part.is_empty()).rev().skip(1);
            prop_assert!(before_the_last.all(|part| part.ends_with(b"\n")));
        }
    }
}
