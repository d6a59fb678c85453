//! Reading, writing and deleting one object.

use std::ops::Range;

use aws_smithy_types::base64;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use super::bucket::{Bucket, read_text};
use crate::client::Client;
use crate::deadline::Deadline;
use crate::encode::encode_query;
use crate::error::{ClientError, ErrorKind};
use crate::retry::RetryPolicy;

/// The largest object that can be put at once.
///
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const MAX_OBJECT_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// Options of [`Client::get_object`].
#[derive(Clone, Debug, Default)]
pub struct GetOptions {
    /// These bytes; the whole object without. A range that begins behind the object's end is an error (416).
    pub range: Option<Range<u64>>,
    /// Only the object that has this `ETag`; [`ErrorKind::PreconditionFailed`] otherwise.
    pub if_match: Option<String>,
    /// More bytes are [`ErrorKind::TooLarge`]; 5 GB without. The memory for the whole answer is allocated at once: set this
    /// to what the function has.
    pub max_bytes: Option<u64>,
}

/// An object, or the part of it that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The bytes.
    pub bytes: Bytes,
    /// The object's `ETag`, with its quotes.
    pub etag: Option<String>,
    /// The size of the whole object in bytes.
    pub size: u64,
    /// The media type.
    pub content_type: Option<String>,
}

/// The metadata of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectHead {
    /// The size in bytes.
    pub size: u64,
    /// The object's `ETag`, with its quotes.
    pub etag: Option<String>,
    /// The media type.
    pub content_type: Option<String>,
}

/// When an object is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutCondition {
    /// Only if there is none of this key (`If-None-Match: *`).
    IfAbsent,
    /// Only over the object that has this `ETag` (`If-Match`).
    IfMatch(String),
}

/// An object to write.
#[derive(Clone, Debug, Default)]
pub struct PutObject {
    /// The bytes: 5 GB at most.
    pub bytes: Bytes,
    /// When it is written; always without.
    pub condition: Option<PutCondition>,
    /// The object's tags, 10 at most.
    pub tags: Vec<(String, String)>,
    /// The media type; S3 takes `binary/octet-stream` without.
    pub content_type: Option<String>,
}

impl PutObject {
    /// These bytes, without condition, tags or media type.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), ..Self::default() }
    }
}

/// A written object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutDone {
    /// The new object's `ETag`, with its quotes.
    pub etag: Option<String>,
}

impl Client {
    /// `s3:GetObject`: reads an object, or a part of it, into memory.
    ///
    /// A whole object is compared with the CRC-32 that S3 keeps for it, if it keeps one. A range is not: S3 answers no
    /// checksum for it, so that TLS is its only guard.
    ///
    /// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is no such object; S3 says [`ErrorKind::Denied`] instead to those who may not
    /// list the bucket. Transient failures are retried by the deadline.
    pub async fn get_object(
        &self,
        bucket: &Bucket,
        key: &str,
        options: GetOptions,
        deadline: Deadline,
    ) -> Result<Object, ClientError> {
        let mut call = bucket.build_call(self.caller(), ("s3:GetObject", Method::GET), Some(key), &[])?;
        call.max_bytes = options.max_bytes.unwrap_or(MAX_OBJECT_BYTES);
        if let Some(etag) = &options.if_match {
            call.add_header("if-match", etag)?;
        }
        match &options.range {
            Some(range) if range.is_empty() => {
                let text = format!("can't read the empty range {}..{}", range.start, range.end);
                return Err(ClientError::new(ErrorKind::Config, text).in_operation(call.operation));
            }
            Some(range) => {
                call.add_header("range", &format!("bytes={}-{}", range.start, range.end - 1))?;
                call.max_bytes = call.max_bytes.min(range.end - range.start);
            }
            // S3 keeps checksums of whole objects: with a range it would answer none.
            None => call.add_header("x-amz-checksum-mode", "ENABLED")?,
        }
        let answer = self.caller().call(&call, deadline).await?;
        let unreadable =
            |text: &str| ClientError::new(ErrorKind::Unreadable, text).in_operation(call.operation);
        if options.range.is_some() && answer.status != StatusCode::PARTIAL_CONTENT {
            return Err(unreadable("answered with the whole object where a part was asked for"));
        }
        if options.range.is_none() && is_checksum_wrong(&answer.headers, &answer.body) {
            return Err(unreadable("answered bytes that don't fit the object's checksum"));
        }
        let size = read_whole_size(&answer.headers).unwrap_or(answer.body.len() as u64);
        Ok(Object {
            size,
            etag: read_text(&answer.headers, "etag"),
            content_type: read_text(&answer.headers, "content-type"),
            bytes: answer.body,
        })
    }

    /// `s3:HeadObject`: size and `ETag`.
    ///
    /// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>
    ///
    /// # Errors
    /// As [`Client::get_object`]. S3 says no code here, only the status.
    pub async fn head_object(
        &self,
        bucket: &Bucket,
        key: &str,
        deadline: Deadline,
    ) -> Result<ObjectHead, ClientError> {
        let call = bucket.build_call(self.caller(), ("s3:HeadObject", Method::HEAD), Some(key), &[])?;
        let answer = self.caller().call(&call, deadline).await?;
        let size = read_text(&answer.headers, "content-length").and_then(|size| size.parse().ok());
        let size = size.ok_or_else(|| {
            ClientError::new(ErrorKind::Unreadable, "answered without the object's size")
                .in_operation(call.operation)
        })?;
        Ok(ObjectHead {
            size,
            etag: read_text(&answer.headers, "etag"),
            content_type: read_text(&answer.headers, "content-type"),
        })
    }

    /// `s3:PutObject`: writes an object, with its CRC-32.
    ///
    /// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>
    ///
    /// # Errors
    /// [`ErrorKind::PreconditionFailed`] when the condition does not hold. Transient failures are retried by the
    /// deadline; those of a write with a condition only if S3 can't have written. Where it may have
    /// ([`ClientError::may_have_run`]), the outcome is unknown: the condition would fail after the write's own success.
    /// Read the object to find out.
    pub async fn put_object(
        &self,
        bucket: &Bucket,
        key: &str,
        object: PutObject,
        deadline: Deadline,
    ) -> Result<PutDone, ClientError> {
        let mut call = bucket.build_call(self.caller(), ("s3:PutObject", Method::PUT), Some(key), &[])?;
        call.body = object.bytes;
        // CRC-32 is the default of AWS's SDKs; S3 refuses a body that doesn't fit, and keeps the checksum.
        call.add_header("x-amz-sdk-checksum-algorithm", "CRC32")?;
        call.add_header("x-amz-checksum-crc32", &encode_crc(&call.body))?;
        if let Some(content_type) = &object.content_type {
            call.add_header("content-type", content_type)?;
        }
        if !object.tags.is_empty() {
            let tags: Vec<_> =
                object.tags.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            call.add_header("x-amz-tagging", encode_query(&tags).trim_start_matches('?'))?;
        }
        if object.condition.is_some() {
            call.retry = RetryPolicy::UnlessItMayHaveRun;
        }
        match &object.condition {
            Some(PutCondition::IfAbsent) => call.add_header("if-none-match", "*")?,
            Some(PutCondition::IfMatch(etag)) => call.add_header("if-match", etag)?,
            None => {}
        }
        let answer = self.caller().call(&call, deadline).await?;
        Ok(PutDone { etag: read_text(&answer.headers, "etag") })
    }

    /// `s3:DeleteObject`. That there is no such object is a success.
    ///
    /// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html>
    ///
    /// # Errors
    /// When S3 refuses, or still doesn't answer after retries.
    pub async fn delete_object(
        &self,
        bucket: &Bucket,
        key: &str,
        deadline: Deadline,
    ) -> Result<(), ClientError> {
        let call = bucket.build_call(self.caller(), ("s3:DeleteObject", Method::DELETE), Some(key), &[])?;
        self.caller().call(&call, deadline).await?;
        Ok(())
    }
}

/// CRC-32 as S3 writes it.
///
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>
fn encode_crc(bytes: &[u8]) -> String {
    base64::encode(crc32fast::hash(bytes).to_be_bytes())
}

/// Returns true when S3 names a CRC-32 of the whole object and `body` has another. A multipart object may have a
/// checksum of checksums instead, which ends with `-` and the number of parts; it is not compared.
fn is_checksum_wrong(headers: &HeaderMap, body: &[u8]) -> bool {
    let is_composite = read_text(headers, "x-amz-checksum-type").is_some_and(|kind| kind == "COMPOSITE");
    match read_text(headers, "x-amz-checksum-crc32") {
        Some(checksum) if !is_composite && !checksum.contains('-') => checksum != encode_crc(body),
        _ => false,
    }
}

/// The size behind the slash of `Content-Range: bytes 0-9/100`.
fn read_whole_size(headers: &HeaderMap) -> Option<u64> {
    read_text(headers, "content-range")?.rsplit_once('/')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn encode_crc_is_s3_s_notation() {
        // The check value of CRC-32/ISO-HDLC, 0xcbf43926.
        assert_eq!(encode_crc(b"123456789"), "y/Q5Jg==");
    }

    #[test]
    fn is_checksum_wrong_ignores_what_is_not_of_the_whole_object() {
        let wrong = |pairs: &[(&'static str, &'static str)]| is_checksum_wrong(&headers(pairs), b"123456789");
        assert!(!wrong(&[]));
        assert!(!wrong(&[("x-amz-checksum-crc32", "y/Q5Jg==")]));
        assert!(wrong(&[("x-amz-checksum-crc32", "AAAAAA==")]));
        assert!(!wrong(&[("x-amz-checksum-crc32", "AAAAAA==-2")]));
        assert!(!wrong(&[("x-amz-checksum-crc32", "AAAAAA=="), ("x-amz-checksum-type", "COMPOSITE")]));
    }

    #[test]
    fn read_whole_size_takes_the_total_of_a_range() {
        let size = |text| read_whole_size(&headers(&[("content-range", text)]));
        assert_eq!(size("bytes 0-9/100"), Some(100));
        assert_eq!(size("bytes 0-9/*"), None);
        assert_eq!(size("nonsense"), None);
    }
}
