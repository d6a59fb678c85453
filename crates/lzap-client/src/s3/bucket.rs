//! Buckets, and the parts that all calls to them share.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::call::{ApiCall, Caller, Service};
use crate::encode::{encode_key, encode_query};
use crate::error::{ClientError, ErrorKind};
use crate::error_body::ErrorFormat;
use crate::retry::RetryPolicy;
use crate::sign::SigningStyle;

/// S3 answers within a second or two, and never rests within an answer: 30 s of silence are a dead connection, also for
/// a function that has most of its time left.
static S3: Service = Service {
    name: "s3",
    style: SigningStyle::S3,
    errors: ErrorFormat::Xml,
    silence: Some(Duration::from_secs(30)),
};

/// Answers that are not an object or a listing are empty at S3; emulators may say something.
const MAX_REPLY_BYTES: u64 = 64 * 1024;

/// The number of an AWS account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountId(String);

impl AccountId {
    /// The account of this number.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] unless `text` is 12 digits.
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self(text.to_owned()));
        }
        Err(ClientError::new(ErrorKind::Config, format!("`{text}` is not an AWS account: one has 12 digits")))
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// The account that owns it. Where it is known, S3 refuses calls to a bucket of the same name that another account
    /// has made (`x-amz-expected-bucket-owner`), with 403.
    ///
    /// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html>
    pub owner: Option<AccountId>,
}

impl Bucket {
    /// A bucket of any account. Names are global: where the account is known, [`Bucket::owned_by`] is safer.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), owner: None }
    }

    /// A bucket of this account.
    pub fn owned_by(name: &str, owner: AccountId) -> Self {
        Self { name: name.to_owned(), owner: Some(owner) }
    }

    /// A call to the bucket, or to the object `key` in it.
    pub(super) fn build_call(
        &self,
        caller: &Caller,
        (operation, method): (&'static str, Method),
        key: Option<&str>,
        query: &[(&str, &str)],
    ) -> Result<ApiCall, ClientError> {
        // Without a name or key, the request would address the service or the bucket, where PUT and DELETE do other
        // things.
        let invalid = |why| Err(ClientError::new(ErrorKind::Config, why).in_operation(operation));
        if self.name.is_empty() {
            return invalid("needs a bucket's name, which is empty");
        }
        if key == Some("") {
            return invalid("needs an object's key, which is empty");
        }
        let (origin, path) = caller.s3.for_bucket(&self.name);
        let mut call = ApiCall {
            service: &S3,
            operation,
            method,
            origin,
            target: format!("{path}{}{}", key.map(encode_key).unwrap_or_default(), encode_query(query)),
            headers: Vec::new(),
            body: Bytes::new(),
            max_bytes: MAX_REPLY_BYTES,
            retry: RetryPolicy::Idempotent,
        };
        if let Some(owner) = &self.owner {
            call.add_header("x-amz-expected-bucket-owner", &owner.0)?;
        }
        Ok(call)
    }
}

/// A header as text; none when it is missing or not plain.
pub(super) fn read_text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_account_takes_twelve_digits_only() {
        assert_eq!(AccountId::parse("012345678901").expect("an account").to_string(), "012345678901");
        for text in ["", "12345678901", "0123456789012", "01234567890a", "０12345678901"] {
            assert_eq!(AccountId::parse(text).expect_err("no account").kind(), ErrorKind::Config);
        }
    }
}
