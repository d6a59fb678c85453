//! Rows of any kind, read by the `csv-core` crate: a cell whose content is not simply a part of the file, such as one with
//! quotes within quotes, is copied without them.

use std::ops::Range;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// Reads one row at a time into buffers that only grow, so that rows cost no allocation.
pub(crate) struct Unquoted {
    reader: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Unquoted {
    /// Starts with empty buffers, since most CSVs need this for the header only.
    pub(crate) fn new(delimiter: u8) -> Self {
        Self {
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            text: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// The text of the last row's cells, without quotes; [`Self::read`] returns the ranges.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Reads the first row of `csv`, after blank lines, and says how many bytes that took. Its cells, as ranges in
    /// [`Self::text`], replace those in `cells`; without a row there are none. `None` for a row of more than `most` cells.
    pub(crate) fn read(&mut self, csv: &[u8], cells: &mut Vec<Range<usize>>, most: usize) -> Option<usize> {
        let (mut read, mut written, mut count) = (0, 0, 0);
        loop {
            let (text, ends) = (&mut self.text[written..], &mut self.ends[count..]);
            let (result, bytes_in, bytes_out, more) = self.reader.read_record(&csv[read..], text, ends);
            read += bytes_in;
            written += bytes_out;
            count += more;
            match result {
                // Nothing is left of the text: the next call ends the row.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.text.resize(2 * self.text.len() + 64, 0),
                ReadRecordResult::OutputEndsFull if count > most => return None,
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len() + 16, 0),
                ReadRecordResult::Record | ReadRecordResult::End => break,
            }
        }
        if count > most {
            return None;
        }
        cells.clear();
        let mut start = 0;
        cells.extend(
            self.ends[..count]
                .iter()
                .map(|&end| std::mem::replace(&mut start, end)..end),
        );
        Some(read)
    }
}
