//! Where rows begin and end in a piece of an object. Pure.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// What quotes mean, and whether a part begins within some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Quotes {
    /// A line break ends a row wherever it is.
    Ignored,
    Outside,
    Inside,
}

/// A part's bytes, looked at: they begin one byte before the part, unless that begins the object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan {
    quotes: Quotes,
    first: bool,
}

/// What a scan came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The rows that begin in the part.
    Rows(Range<usize>),
    /// The last of them ends behind the bytes.
    GoesOn,
}

impl Scan {
    pub(super) fn new(quotes: Quotes, first: bool) -> Self {
        Self { quotes, first }
    }

    /// The rows that begin before `part_end`; `whole` says that nothing comes behind `bytes`.
    pub(super) fn rows(self, bytes: &[u8], part_end: u64, whole: bool) -> Found {
        let part_end = usize::try_from(part_end).unwrap_or(usize::MAX);
        let mut inside = self.quotes == Quotes::Inside;
        let mut start = self.first.then_some(0);
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                // The byte before the part is not the part's to count.
                b'"' if self.quotes != Quotes::Ignored && (self.first || at > 0) => inside = !inside,
                b'\n' if !inside => {
                    let row = at + 1;
                    if row >= part_end {
                        return Found::Rows(start.map_or(0..0, |start| start..row));
                    }
                    start = start.or(Some(row));
                }
                _ => {}
            }
        }
        match start {
            Some(start) if whole => Found::Rows(start..bytes.len()),
            None if whole => Found::Rows(0..0),
            // No row has begun, and none can: the part is over.
            None if bytes.len() >= part_end => Found::Rows(0..0),
            _ => Found::GoesOn,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Cuts `text` into parts of `size` bytes and reads each as a worker would, `look` more bytes at a time.
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
                let scan = Scan::new(quotes, start == 0);
                let mut to = end;
                loop {
                    match scan.rows(&text[from..to], (end - from) as u64, to == text.len()) {
                        Found::Rows(rows) => return text[from..to][rows].to_vec(),
                        Found::GoesOn => to = (to + look).min(text.len()),
                    }
                }
            })
            .collect()
    }

    /// The rows of CSV text, each with its line break.
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
        /// Whatever the parts: all rows, each once, whole, in order.
        #[test]
        fn no_row_is_lost_doubled_or_cut(table in table(), last in "[a-z]{0,5}", size in 1..40_usize, look in 1..10_usize) {
            let text = (table + &last).into_bytes();
            let parts = parts(&text, size, look, true);
            prop_assert_eq!(parts.concat(), text.clone());
            let rows = records(&text);
            let cut: Vec<Vec<u8>> = parts.iter().flat_map(|part| records(part)).collect();
            prop_assert_eq!(cut, rows);
        }

        #[test]
        fn lines_are_lines_whatever_quotes_they_hold(text in "[a\"\n]{0,60}", size in 1..20_usize) {
            let parts = parts(text.as_bytes(), size, 3, false);
            prop_assert_eq!(parts.concat(), text.as_bytes());
            let mut before_the_last = parts.iter().filter(|part| !part.is_empty()).rev().skip(1);
            prop_assert!(before_the_last.all(|part| part.ends_with(b"\n")));
        }
    }
}
