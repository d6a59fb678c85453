//! Objects in S3 as the input of a map. A map's items are references to parts of an object, and workers read the bytes.
//!
//! [`rows`] finds the rows of a part in its bytes; this module reads those bytes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use lzap_tasks::{Registry, TaskDefinition, TaskError, TaskErrorKind, TaskFunction, TaskHost};

use crate::Map;
use crate::chunk_handler::ChunkHandler;
use crate::host::MapHost;
use crate::rows::{Quotes, RowScan, ScanResult};

/// The bytes of the first additional read when a row continues after its part. Each further read doubles.
const FIRST_EXTRA_READ: u64 = 64 * 1024;
/// The longest row in bytes. The limit keeps a file without line breaks from filling a worker's memory.
const MAX_ROW_BYTES: u64 = 512 * 1024 * 1024;

/// An object in S3, at the version at which it was opened: reads fail once the object has changed.
///
/// The function's role needs `s3:GetObject` on it; add that with `role_statements` in `lzap.toml`. Credentials come from the
/// environment, so `cargo run` needs them there.
///
/// ```no_run
/// use lzap::{Object, Rows, TaskError};
///
/// #[lzap::task]
/// async fn count_lines(rows: Rows) -> Result<usize, TaskError> {
///     Ok(rows.read().await?.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count())
/// }
///
/// # async fn example() -> Result<(), lzap::MapError> {
/// let object = Object::open("s3://my-bucket/large.log").await?;
/// let lines: usize = count_lines.map(object.split_lines(8 << 20)).values().await?.iter().sum();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    bucket: String,
    key: String,
    bytes: u64,
    etag: String,
}

/// The rows of an object that begin in one part of it.
///
/// The value is a reference of about a hundred bytes, whatever the size of the part. The process that calls
/// [`read`](Self::read) reads the bytes from S3. [`Object`] has an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    bucket: String,
    key: String,
    bytes: u64,
    etag: String,
    start: u64,
    end: u64,
    quotes: Quotes,
}

impl Object {
    /// Opens an object by its address, `s3://bucket/key`, with one `s3:HeadObject`. [`Object`] has an example.
    ///
    /// # Errors
    /// [`TaskErrorKind::BadInput`] for another form of address, [`TaskErrorKind::NotFound`] for a missing object, and
    /// [`TaskErrorKind::Denied`] when the role may not read it. S3 also answers `Denied` for a missing object if the role may
    /// not list the bucket. [`TaskErrorKind::Storage`] when S3 fails.
    pub async fn open(address: &str) -> Result<Self, TaskError> {
        let (bucket, key) = parse_address(address).ok_or_else(|| {
            TaskError::new(TaskErrorKind::BadInput, "an object's address reads `s3://bucket/key`")
        })?;
        // Boxed, because the client's futures are large and would be part of every caller's future.
        let (bytes, etag) = Box::pin(current_host().objects.head_object(bucket, key)).await?;
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned(), bytes, etag })
    }

    /// The object's size in bytes.
    ///
    /// ```
    /// # use lzap::testing::Cloud;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (cloud, keys) = Cloud::new().bucket();
    /// # keys.put("s3://my-bucket/large.log", "first line\nsecond line\n");
    /// # cloud.run(async {
    /// let object = lzap::Object::open("s3://my-bucket/large.log").await?;
    /// let rows = object.split_lines(object.bytes().div_ceil(100)); // about a hundred parts
    /// # assert_eq!(object.bytes(), 23);
    /// # Ok(())
    /// # }).await
    /// # }
    /// ```
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads the whole object into memory, with one `s3:GetObject`.
    ///
    /// ```
    /// # use lzap::testing::Cloud;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (cloud, keys) = Cloud::new().bucket();
    /// # keys.put("s3://my-bucket/large.log", "first line\nsecond line\n");
    /// # cloud.run(async {
    /// let object = lzap::Object::open("s3://my-bucket/large.log").await?;
    /// let text = String::from_utf8(object.read().await?)?;
    /// assert!(text.starts_with("first line"));
    /// # Ok(())
    /// # }).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// When S3 refuses, or the object has changed since it was opened.
    pub async fn read(&self) -> Result<Vec<u8>, TaskError> {
        self.rows_of_part(0, self.bytes, Quotes::Ignored).get_range(0, self.bytes).await
    }

    /// Cuts the object into parts of about `bytes` bytes. Each part has whole lines. Reads nothing.
    ///
    /// ```
    /// # use lzap::testing::Cloud;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (cloud, keys) = Cloud::new().bucket();
    /// # keys.put("s3://my-bucket/large.log", "first line\nsecond line\n");
    /// # cloud.run(async {
    /// let object = lzap::Object::open("s3://my-bucket/large.log").await?;
    /// let parts = object.split_lines(12);
    /// assert_eq!(parts[0].read().await?, b"first line\nsecond line\n");
    /// assert_eq!(parts[1].read().await?, b"");
    /// # Ok(())
    /// # }).await
    /// # }
    /// ```
    pub fn split_lines(&self, bytes: u64) -> Vec<Rows> {
        self.part_ranges(bytes).map(|(start, end)| self.rows_of_part(start, end, Quotes::Ignored)).collect()
    }

    /// Cuts the object into parts of about `bytes` bytes. Each part has whole CSV records: a line break within quotes does not
    /// end a record.
    ///
    /// A part begins within quotes if an odd number of quotes precedes it, so this runs a map that reads the whole object once.
    /// For data without quotes, [`split_lines`](Self::split_lines) is cheaper.
    ///
    /// ```
    /// # use lzap::testing::Cloud;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (cloud, keys) = Cloud::new().bucket();
    /// # keys.put("s3://my-bucket/data.csv", "name,note\n7,\"two\nlines\"\n8,\n");
    /// # cloud.run(async {
    /// let object = lzap::Object::open("s3://my-bucket/data.csv").await?;
    /// let parts = object.split_csv(8).await?;
    /// // The second part begins within the quotes of the record before it.
    /// assert_eq!(parts[0].read().await?, b"name,note\n");
    /// # Ok(())
    /// # }).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// The errors of a map.
    pub async fn split_csv(&self, bytes: u64) -> Result<Vec<Rows>, crate::MapError> {
        let parts: Vec<_> = self.part_ranges(bytes).collect();
        let counted = parts.iter().map(|(start, end)| self.rows_of_part(*start, *end, Quotes::Ignored));
        let odd = Map::new(ODD_QUOTES, counted).values().await?;
        let mut inside = false;
        let rows = parts.into_iter().zip(odd).map(|((start, end), odd)| {
            let quotes = if inside { Quotes::Inside } else { Quotes::Outside };
            // Quotes of this part change the state for the next one. An escaped quote is two quotes and changes nothing.
            inside ^= odd;
            self.rows_of_part(start, end, quotes)
        });
        Ok(rows.collect())
    }

    /// The first byte and the end of each part.
    fn part_ranges(&self, bytes: u64) -> impl Iterator<Item = (u64, u64)> + use<> {
        let (size, all) = (bytes.max(1), self.bytes);
        (0..all.div_ceil(size)).map(move |part| (part * size, ((part + 1) * size).min(all)))
    }

    /// Makes no request.
    fn rows_of_part(&self, start: u64, end: u64, quotes: Quotes) -> Rows {
        let Self { bucket, key, bytes, etag } = self.clone();
        Rows { bucket, key, bytes, etag, start, end, quotes }
    }
}

/// The task that [`Object::split_csv`] maps: true for a part with an odd number of quotes.
const ODD_QUOTES: TaskDefinition<Rows, bool> = TaskDefinition::new(
    "lzap-odd-quotes",
    TaskFunction::Asynchronous(|rows: Rows| {
        Box::pin(async move {
            let bytes = rows.get_range(rows.start, rows.end).await?;
            Ok(bytes.iter().fold(false, |odd, byte| odd ^ (*byte == b'"')))
        })
    }),
);

/// A registry with lzap's own tasks, which workers of each app must know.
pub fn own_tasks() -> Registry<dyn ChunkHandler> {
    let mut registry = Registry::<dyn ChunkHandler>::default();
    // The registry is empty, so no other task has the name.
    let _ = registry.add_task(ODD_QUOTES.name(), Arc::new(ODD_QUOTES));
    registry
}

/// Found again at each read, because a worker reads what the caller's process opened.
fn current_host() -> Arc<MapHost> {
    MapHost::of_tasks(&TaskHost::current())
}

impl Rows {
    /// Reads the rows that begin in this part, with their line breaks. It needs one `s3:GetObject`, and more when the last row
    /// ends after the part. The result is empty for a part within one row. [`Object::split_lines`] has an example.
    ///
    /// # Errors
    /// When S3 refuses, the object has changed, or a row is longer than 512 MB.
    pub async fn read(&self) -> Result<Vec<u8>, TaskError> {
        // Reads one byte more: after a line break the part begins with a row, else within one.
        let from = self.start.saturating_sub(1);
        let mut bytes = self.get_range(from, self.end).await?;
        let scan = RowScan::new(self.quotes, self.start == 0);
        let (mut end, mut more) = (self.end, FIRST_EXTRA_READ);
        loop {
            match scan.find_rows(&bytes, self.end - from, end == self.bytes) {
                ScanResult::Rows(rows) => {
                    bytes.truncate(rows.end);
                    bytes.drain(..rows.start);
                    return Ok(bytes);
                }
                ScanResult::GoesOn if end - self.end > MAX_ROW_BYTES => {
                    let why = format!("a row of `s3://{}/{}` is longer than 512 MB", self.bucket, self.key);
                    return Err(TaskError::new(TaskErrorKind::TooLarge, why));
                }
                ScanResult::GoesOn => {
                    let next = (end + more).min(self.bytes);
                    bytes.extend(self.get_range(end, next).await?);
                    // Doubling keeps the number of requests logarithmic for long rows.
                    (end, more) = (next, more * 2);
                }
            }
        }
    }

    /// True when the part has the object's first row, for example a CSV header.
    ///
    /// ```no_run
    /// # use lzap::{Rows, TaskError};
    /// #[lzap::task]
    /// async fn count_records(rows: Rows) -> Result<usize, TaskError> {
    ///     let lines = rows.read().await?.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    ///     Ok(lines - usize::from(rows.has_first_row()))
    /// }
    /// ```
    pub fn has_first_row(&self) -> bool {
        self.start == 0
    }

    /// Reads a range of the object's bytes. An empty range makes no request, because S3 rejects it.
    async fn get_range(&self, start: u64, end: u64) -> Result<Vec<u8>, TaskError> {
        if start >= end {
            return Ok(Vec::new());
        }
        Box::pin(current_host().objects.get_range(&self.bucket, &self.key, &self.etag, start..end)).await
    }
}

/// The bucket and the key; `None` when one of them is empty, or the address is no `s3://` one.
fn parse_address(address: &str) -> Option<(&str, &str)> {
    let (bucket, key) = address.strip_prefix("s3://")?.split_once('/')?;
    (!bucket.is_empty() && !key.is_empty()).then_some((bucket, key))
}
