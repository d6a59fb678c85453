//! Objects in S3 as a map's input: workers read their parts themselves, and parts end where rows end.
//!
//! Where a part's rows begin and end is decided in [`rows`], on bytes alone; here is what reads them.

mod rows;
pub(crate) mod source;

use serde::{Deserialize, Serialize};

use crate::engine::shared;
use crate::task::Task;
use crate::task::error::{TaskError, TaskErrorKind};
use rows::{Found, Quotes, Scan};

/// How much more is read at first when a row goes on behind its part; doubled each time.
const MORE: u64 = 64 * 1024;
/// The longest row.
const LONGEST_ROW: u64 = 512 * 1024 * 1024;

/// An object in S3, as it was when it was opened.
///
/// The function's role must be allowed to read it: `role_statements` in `lzap.toml`. Credentials are the environment's,
/// so under `cargo run` they have to be there.
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

/// The rows of an object that begin in one part of it. It travels as a reference; the worker reads.
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
    /// Finds an object by its address, `s3://bucket/key`: one `s3:HeadObject`.
    ///
    /// # Errors
    /// When the address isn't one ([`TaskErrorKind::BadInput`]), there is no such object ([`TaskErrorKind::NotFound`]), the
    /// function's role may not read it ([`TaskErrorKind::Denied`]: which is also what S3 says of a missing object to a role
    /// that may not list the bucket), or S3 fails.
    pub async fn open(address: &str) -> Result<Self, TaskError> {
        let (bucket, key) = parse(address).ok_or_else(|| {
            TaskError::new(TaskErrorKind::BadInput, "an object's address reads `s3://bucket/key`")
        })?;
        let (bytes, etag) = Box::pin(shared().source.head(bucket, key)).await?;
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned(), bytes, etag })
    }

    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All of it, in memory: one `s3:GetObject`.
    ///
    /// # Errors
    /// When S3 refuses, or the object has changed since it was opened.
    pub async fn read(&self) -> Result<Vec<u8>, TaskError> {
        self.part(0, self.bytes, Quotes::Ignored).get(0, self.bytes).await
    }

    /// Parts of about so many bytes, each made of whole lines.
    pub fn split_lines(&self, bytes: u64) -> Vec<Rows> {
        self.parts(bytes).map(|(start, end)| self.part(start, end, Quotes::Ignored)).collect()
    }

    /// Parts of about so many bytes, each made of whole CSV records; line breaks within quotes end none.
    ///
    /// Whether a part begins within quotes only all bytes before it can tell, so this is a map of its own that reads the
    /// object once. Without quotes in the data, [`split_lines`](Self::split_lines) is cheaper.
    ///
    /// # Errors
    /// As a map's.
    pub async fn split_csv(&self, bytes: u64) -> Result<Vec<Rows>, crate::MapError> {
        let parts: Vec<_> = self.parts(bytes).collect();
        let counted = parts.iter().map(|(start, end)| self.part(*start, *end, Quotes::Ignored));
        let odd = ODD_QUOTES.map(counted).values().await?;
        let mut inside = false;
        let rows = parts.into_iter().zip(odd).map(|((start, end), odd)| {
            let quotes = if inside { Quotes::Inside } else { Quotes::Outside };
            inside ^= odd;
            self.part(start, end, quotes)
        });
        Ok(rows.collect())
    }

    fn parts(&self, bytes: u64) -> impl Iterator<Item = (u64, u64)> + use<> {
        let (size, all) = (bytes.max(1), self.bytes);
        (0..all.div_ceil(size)).map(move |part| (part * size, ((part + 1) * size).min(all)))
    }

    fn part(&self, start: u64, end: u64, quotes: Quotes) -> Rows {
        let Self { bucket, key, bytes, etag } = self.clone();
        Rows { bucket, key, bytes, etag, start, end, quotes }
    }
}

/// Whether a part has an odd number of quotes. Every app that maps has this task.
pub(crate) const ODD_QUOTES: Task<Rows, bool> = Task::__asynchronous("lzap-odd-quotes", |rows: Rows| {
    Box::pin(async move {
        let bytes = rows.get(rows.start, rows.end).await?;
        Ok(bytes.iter().fold(false, |odd, byte| odd ^ (*byte == b'"')))
    })
});

impl Rows {
    /// The rows that begin in this part, line breaks included: as many `s3:GetObject` as it takes to reach the end of
    /// the last one, mostly one or two. None begin in a part that lies within one row.
    ///
    /// # Errors
    /// When S3 refuses, the object has changed, or a row is longer than 512 MB.
    pub async fn read(&self) -> Result<Vec<u8>, TaskError> {
        // The byte before tells whether the part begins with a row.
        let from = self.start.saturating_sub(1);
        let mut bytes = self.get(from, self.end).await?;
        let scan = Scan::new(self.quotes, self.start == 0);
        let (mut end, mut more) = (self.end, MORE);
        loop {
            match scan.rows(&bytes, self.end - from, end == self.bytes) {
                Found::Rows(rows) => {
                    bytes.truncate(rows.end);
                    bytes.drain(..rows.start);
                    return Ok(bytes);
                }
                Found::GoesOn if end - self.end > LONGEST_ROW => {
                    let why = format!("a row of `s3://{}/{}` is longer than 512 MB", self.bucket, self.key);
                    return Err(TaskError::new(TaskErrorKind::TooLarge, why));
                }
                Found::GoesOn => {
                    let next = (end + more).min(self.bytes);
                    bytes.extend(self.get(end, next).await?);
                    (end, more) = (next, more * 2);
                }
            }
        }
    }

    /// Whether the object's first row is among them: a CSV's header.
    pub fn has_first_row(&self) -> bool {
        self.start == 0
    }

    async fn get(&self, start: u64, end: u64) -> Result<Vec<u8>, TaskError> {
        if start >= end {
            return Ok(Vec::new());
        }
        Box::pin(shared().source.get(&self.bucket, &self.key, &self.etag, start..end)).await
    }
}

fn parse(address: &str) -> Option<(&str, &str)> {
    let (bucket, key) = address.strip_prefix("s3://")?.split_once('/')?;
    (!bucket.is_empty() && !key.is_empty()).then_some((bucket, key))
}
