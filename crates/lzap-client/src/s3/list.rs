//! Listing a bucket.

use http::Method;

use super::bucket::Bucket;
use crate::client::Client;
use crate::deadline::Deadline;
use crate::encode::decode_listed;
use crate::error::{ClientError, ErrorKind};
use crate::error_body::XmlTexts;

/// 1,000 keys of 1,024 bytes, each encoded threefold, and as many prefixes.
const MAX_PAGE_BYTES: u64 = 16 * 1024 * 1024;

/// Options of [`Client::list_objects`].
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    /// Keys that begin with this.
    pub prefix: Option<String>,
    /// Keys that go on after this are gathered in [`ListPage::prefixes`]; `/` lists a folder.
    pub delimiter: Option<String>,
    /// Keys after this one, in the order of bytes.
    pub start_after: Option<String>,
    /// [`ListPage::next`] of the page before.
    pub continuation: Option<String>,
    /// The size of a page: 1,000 without, and at most.
    pub max_keys: Option<u32>,
}

/// A page of a listing, in the order of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The objects.
    pub objects: Vec<ListedObject>,
    /// The beginnings of keys up to the delimiter.
    pub prefixes: Vec<String>,
    /// The token of the next page; none on the last page.
    pub next: Option<String>,
}

/// An object in a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedObject {
    /// The key.
    pub key: String,
    /// The size in bytes.
    pub size: u64,
    /// The object's `ETag`, with its quotes.
    pub etag: Option<String>,
}

impl Client {
    /// `s3:ListObjectsV2`: one page of a bucket's objects.
    ///
    /// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
    ///
    /// # Errors
    /// When S3 refuses, or still doesn't answer after retries.
    pub async fn list_objects(
        &self,
        bucket: &Bucket,
        options: ListOptions,
        deadline: Deadline,
    ) -> Result<ListPage, ClientError> {
        let max_keys = options.max_keys.map(|count| count.to_string());
        let optional = [
            ("continuation-token", options.continuation.as_deref()),
            ("delimiter", options.delimiter.as_deref()),
            // XML has no control characters, keys may.
            ("encoding-type", Some("url")),
            ("list-type", Some("2")),
            ("max-keys", max_keys.as_deref()),
            ("prefix", options.prefix.as_deref()),
            ("start-after", options.start_after.as_deref()),
        ];
        let query: Vec<_> = optional.iter().filter_map(|(name, value)| Some((*name, (*value)?))).collect();
        let mut call = bucket.build_call(self.caller(), ("s3:ListObjectsV2", Method::GET), None, &query)?;
        call.max_bytes = MAX_PAGE_BYTES;
        let answer = self.caller().call(&call, deadline).await?;
        parse_page(&answer.body).ok_or_else(|| {
            ClientError::new(ErrorKind::Unreadable, "answered something that is no listing")
                .in_operation(call.operation)
        })
    }
}

/// None when the page is not one, or not whole.
fn parse_page(body: &[u8]) -> Option<ListPage> {
    let mut page = ListPage::default();
    let mut object = ListedObject::default();
    let mut is_encoded = false;
    let mut is_truncated = None;
    for (path, text) in XmlTexts::new(body) {
        if path == "ListBucketResult" {
            break;
        }
        match path.strip_prefix("ListBucketResult/")? {
            "Contents/Key" => object.key = text,
            "Contents/Size" => object.size = text.parse().ok()?,
            "Contents/ETag" => object.etag = Some(text),
            "Contents" => page.objects.push(std::mem::take(&mut object)),
            "CommonPrefixes/Prefix" => page.prefixes.push(text),
            "NextContinuationToken" => page.next = Some(text),
            "IsTruncated" => is_truncated = Some(text == "true"),
            "EncodingType" => is_encoded = text == "url",
            _ => {}
        }
    }
    if is_encoded {
        page.objects.iter_mut().for_each(|object| object.key = decode_listed(&object.key));
        page.prefixes.iter_mut().for_each(|prefix| *prefix = decode_listed(prefix));
    }
    if !is_truncated? {
        page.next = None;
    }
    Some(page)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
        <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix/>
        <IsTruncated>true</IsTruncated><NextContinuationToken>t/1=</NextContinuationToken>
        <EncodingType>url</EncodingType>
        <Contents><Key>a+b%2Bc%0A</Key><ETag>&quot;e1&quot;</ETag><Size>7</Size><Owner><ID>x</ID></Owner></Contents>
        <Contents><Size>0</Size><Key>%C3%A9/%2525</Key></Contents>
        <CommonPrefixes><Prefix>p+1/</Prefix></CommonPrefixes></ListBucketResult>"#;

    #[test]
    fn parse_page_reads_objects_prefixes_and_token() {
        let page = parse_page(PAGE.as_bytes()).expect("a page");
        let object = |key: &str, size, etag: Option<&str>| ListedObject {
            key: key.to_owned(),
            size,
            etag: etag.map(str::to_owned),
        };
        assert_eq!(page.objects, [object("a b+c\n", 7, Some("\"e1\"")), object("é/%25", 0, None)]);
        assert_eq!(page.prefixes, ["p 1/"]);
        assert_eq!(page.next.as_deref(), Some("t/1="));
    }

    #[test]
    fn parse_page_of_something_else_is_none() {
        for text in ["", "{}", "<Error><Code>x</Code></Error>", "<ListBucketResult></ListBucketResult>"] {
            assert_eq!(parse_page(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn parse_page_of_half_a_page_does_not_panic(cut in 0..PAGE.len()) {
            parse_page(&PAGE.as_bytes()[..cut]);
        }
    }
}
