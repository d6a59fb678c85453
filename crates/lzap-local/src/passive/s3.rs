//! S3: `winterbaume-s3` behind the checks that a bucket and an object get on AWS.
//!
//! Answered or checked here: `aws-chunked` bodies and checksums, the expected bucket owner, regions and location
//! constraints (bucket names are one namespace; `winterbaume` keeps one per region), the defaults of a new bucket,
//! conditional writes that race, metadata of `HeadObject`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, Method, Request};
use winterbaume_core::StatefulService as _;
use winterbaume_s3::S3Service;

use super::blobs::Blobs;
use super::forward;
use super::s3_request::{
    Target, find_home_region, has_parameter, insert_header, is_bucket_name, is_create_bucket, name_keys,
    prepare_request, query_is_plain, remove_body, render_location, tagging_body,
};
use crate::answer::{self, Answer};
use crate::error::LocalError;
use crate::ports::Objects;
use crate::{ACCOUNT, REGION, percent};

/// Every request goes to one region of the service behind, whatever the bucket's: bucket names are global.
const HOST: &str = "s3.us-east-1.amazonaws.com";

/// New buckets block public access.
/// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html>
const BLOCKED: &str = "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>";

/// S3.
pub(crate) struct S3 {
    service: S3Service,
    /// The region of each bucket.
    regions: Mutex<BTreeMap<String, String>>,
    /// Held while an object or bucket is written: "put if absent" reads before it writes.
    writing: tokio::sync::Mutex<()>,
}

impl S3 {
    /// Takes up what lies in the folder.
    ///
    /// # Errors
    /// [`LocalError::StateIo`] when the folder can't be used.
    pub(crate) async fn open(folder: &Path, regions: BTreeMap<String, String>) -> Result<Self, LocalError> {
        let blobs = Blobs::open(folder).map_err(LocalError::io("create", folder))?;
        let service = S3Service::recover_with_vfs(Arc::new(blobs))
            .await
            .map_err(|error| LocalError::Part { part: "S3", why: error.to_string() })?;
        forget_old_versions(&service).await?;
        Ok(Self { service, regions: Mutex::new(regions), writing: tokio::sync::Mutex::default() })
    }

    /// Returns the region of each bucket, for the store.
    pub(crate) fn regions(&self) -> BTreeMap<String, String> {
        self.regions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers one request.
    pub(crate) async fn handle(&self, region: &str, request: Request<Bytes>) -> Answer {
        let target = Target::of(&request);
        let request = match prepare_request(request, &target) {
            Ok(request) => request,
            Err(refusal) => return *refusal,
        };
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let _writing = if reads { None } else { Some(self.writing.lock().await) };
        match self.refuse(region, &request, &target).await {
            Some(refusal) => remove_body(request.method(), refusal),
            None => self.answer(region, request, &target).await,
        }
    }

    /// Returns AWS's refusal of a request, before its operation is looked at.
    async fn refuse(&self, region: &str, request: &Request<Bytes>, target: &Target) -> Option<Answer> {
        let owner = request.headers().get("x-amz-expected-bucket-owner");
        if target.bucket.is_empty() || is_create_bucket(request, target) || !self.exists(&target.bucket).await
        {
            return None;
        }
        if owner.is_some_and(|owner| owner != ACCOUNT) {
            return Some(answer::s3_error(403, "AccessDenied", "Access Denied", &target.resource));
        }
        let home = self.region_of(&target.bucket);
        if home == region || has_parameter(request.uri().query().unwrap_or_default(), "location") {
            return None;
        }
        let message =
            "The bucket you are attempting to access must be addressed using the specified endpoint.";
        let mut answer = answer::s3_error(301, "PermanentRedirect", message, &target.resource);
        insert_header(answer.headers_mut(), "x-amz-bucket-region", &home);
        Some(answer)
    }

    async fn answer(&self, region: &str, request: Request<Bytes>, target: &Target) -> Answer {
        if is_create_bucket(&request, target) {
            return self.create_bucket(region, request, target).await;
        }
        let method = request.method().clone();
        let query = request.uri().query().unwrap_or_default().to_owned();
        let tagging =
            request.headers().get("x-amz-tagging").and_then(|tags| tagging_body(tags.to_str().ok()?));
        let path = request.uri().path().to_owned();
        let answer = name_keys(&method, &query, target, forward(&self.service, HOST, request).await);
        let is_put = method == Method::PUT && !target.key.is_empty() && query_is_plain(&query);
        if let Some(body) = tagging.filter(|_| is_put && answer.status().is_success()) {
            self.put(&format!("{path}?tagging"), &body).await;
        }
        match (method, target.key.is_empty()) {
            (Method::GET, true) if answer.status().is_success() && has_parameter(&query, "location") => {
                render_location(&self.region_of(&target.bucket))
            }
            (Method::GET, true) if answer.status() == 404 && has_parameter(&query, "encryption") => {
                self.default_encryption(target, answer).await
            }
            (Method::HEAD, true) => self.with_region(target, answer),
            (Method::HEAD, false) => self.with_metadata(target, answer).await,
            (Method::DELETE, true) if answer.status().is_success() && query_is_plain(&query) => {
                self.forget(&target.bucket);
                answer
            }
            _ => answer,
        }
    }

    /// `CreateBucket`. AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>
    async fn create_bucket(&self, region: &str, request: Request<Bytes>, target: &Target) -> Answer {
        let constraint = answer::xml_text(&String::from_utf8_lossy(request.body()), "LocationConstraint");
        let home = match find_home_region(region, constraint) {
            Ok(home) => home,
            Err((code, message)) => return answer::s3_error(400, code, &message, &target.resource),
        };
        if !is_bucket_name(&target.bucket) {
            let message = "The specified bucket is not valid.";
            return answer::s3_error(400, "InvalidBucketName", message, &target.resource);
        }
        if self.exists(&target.bucket).await {
            return self.created_again(region, target);
        }
        let tags = tags_at_creation(request.body());
        let answer = forward(&self.service, HOST, request).await;
        if answer.status().is_success() {
            self.regions.lock().unwrap_or_else(PoisonError::into_inner).insert(target.bucket.clone(), home);
            self.set(target, "publicAccessBlock", BLOCKED).await;
            if let Some(tags) = tags {
                self.set(target, "tagging", &tags).await;
            }
        }
        answer
    }

    /// In us-east-1 a second create answers 200, anywhere else it is an error.
    fn created_again(&self, region: &str, target: &Target) -> Answer {
        if region == REGION && self.region_of(&target.bucket) == REGION {
            let mut answer = answer::build_empty(200);
            insert_header(answer.headers_mut(), "location", &target.resource);
            return answer;
        }
        let message = "Your previous request to create the named bucket succeeded and you already own it.";
        answer::s3_error(409, "BucketAlreadyOwnedByYou", message, &target.resource)
    }

    /// A setting that a new bucket has from its first moment on.
    async fn set(&self, target: &Target, setting: &str, body: &str) {
        self.put(&format!("/{}?{setting}", target.bucket), body).await;
    }

    async fn put(&self, path: &str, body: &str) {
        let mut request = Request::new(Bytes::copy_from_slice(body.as_bytes()));
        *request.method_mut() = Method::PUT;
        if let Ok(uri) = path.parse() {
            *request.uri_mut() = uri;
            forward(&self.service, HOST, request).await;
        }
    }

    /// Every bucket is encrypted with S3's own keys unless told otherwise.
    /// AWS: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html>
    async fn default_encryption(&self, target: &Target, answer: Answer) -> Answer {
        if !self.exists(&target.bucket).await {
            return answer;
        }
        let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ServerSideEncryptionConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>";
        answer::build_answer(200, "application/xml", body)
    }

    fn with_region(&self, target: &Target, mut answer: Answer) -> Answer {
        if answer.status().is_success() {
            insert_header(answer.headers_mut(), "x-amz-bucket-region", &self.region_of(&target.bucket));
        }
        answer
    }

    /// `HeadObject` with the metadata that `GetObject` gives.
    async fn with_metadata(&self, target: &Target, mut answer: Answer) -> Answer {
        if !answer.status().is_success() {
            return answer;
        }
        // No range of an empty object can be satisfied.
        let full = match self.read(&target.bucket, &target.key, true).await {
            Some(full) => Some(full),
            None => self.read(&target.bucket, &target.key, false).await,
        };
        let Some(full) = full else { return answer };
        for (name, value) in full.headers() {
            if name.as_str().starts_with("x-amz-meta-") {
                answer.headers_mut().insert(name.clone(), value.clone());
            }
        }
        answer
    }

    /// `GetObject`; one byte only when it is about the headers.
    async fn read(&self, bucket: &str, key: &str, headers_only: bool) -> Option<Answer> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = format!("/{bucket}/{}", percent::encode(key)).parse().ok()?;
        if headers_only {
            request.headers_mut().insert("range", HeaderValue::from_static("bytes=0-0"));
        }
        Some(forward(&self.service, HOST, request).await).filter(|answer| answer.status().is_success())
    }

    async fn exists(&self, bucket: &str) -> bool {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = Method::HEAD;
        let Ok(uri) = format!("/{bucket}").parse() else {
            return false;
        };
        *request.uri_mut() = uri;
        forward(&self.service, HOST, request).await.status().is_success()
    }

    fn region_of(&self, bucket: &str) -> String {
        let regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        regions.get(bucket).cloned().unwrap_or_else(|| REGION.to_owned())
    }

    fn forget(&self, bucket: &str) {
        self.regions.lock().unwrap_or_else(PoisonError::into_inner).remove(bucket);
    }
}

/// The tags of a `CreateBucket`, as `PutBucketTagging` wants them.
fn tags_at_creation(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let (_, tags) = text.split_once("<Tags>")?;
    let (tags, _) = tags.split_once("</Tags>")?;
    Some(format!("<Tagging><TagSet>{tags}</TagSet></Tagging>"))
}

/// Removes the history of objects that have no versions. The emulated service recovers one for every object, and a
/// bucket with a history can't be deleted.
async fn forget_old_versions(service: &S3Service) -> Result<(), LocalError> {
    let mut view = service.snapshot(ACCOUNT, REGION).await;
    for bucket in view.buckets.values_mut().filter(|bucket| bucket.versioning_status.is_none()) {
        bucket.object_history.clear();
    }
    let restored = service.restore(ACCOUNT, REGION, view).await;
    restored.map_err(|error| LocalError::Part { part: "S3", why: error.to_string() })
}

impl Objects for S3 {
    fn get<'a>(&'a self, bucket: &'a str, key: &'a str) -> BoxFuture<'a, Option<Bytes>> {
        Box::pin(async move { self.read(bucket, key, false).await.map(http::Response::into_body) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: &'static str) -> Request<Bytes> {
        let put = Request::put(path).header("if-none-match", "*");
        put.body(Bytes::from_static(b"x")).expect("a request")
    }

    #[tokio::test]
    async fn if_match_write_requires_matching_object() {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let s3 = S3::open(temp.path(), BTreeMap::new()).await.expect("the folder can be used");
        assert_eq!(s3.handle(REGION, put("/shop")).await.status(), 200);
        let first = s3.handle(REGION, put("/shop/lock")).await;
        let etag = first.headers().get("etag").expect("an ETag").clone();
        let replace = |method: Method, etag: HeaderValue| {
            let request = Request::builder().method(method).uri("/shop/lock").header("if-match", etag);
            request.body(Bytes::from_static(b"y")).expect("a request")
        };
        let wrong = HeaderValue::from_static("\"0123456789abcdef0123456789abcdef\"");
        for method in [Method::PUT, Method::DELETE] {
            assert_eq!(
                s3.handle(REGION, replace(method.clone(), wrong.clone())).await.status(),
                412,
                "{method}"
            );
        }
        assert_eq!(s3.handle(REGION, replace(Method::PUT, etag.clone())).await.status(), 200);
        assert_eq!(
            s3.handle(REGION, replace(Method::DELETE, etag)).await.status(),
            412,
            "it is another by now"
        );
    }

    #[tokio::test]
    async fn a_bucket_has_the_tags_of_its_creation() {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let s3 = S3::open(temp.path(), BTreeMap::new()).await.expect("the folder can be used");
        let body = "<CreateBucketConfiguration><Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags></CreateBucketConfiguration>";
        let create = Request::put("/shop").body(Bytes::from_static(body.as_bytes())).expect("a request");
        assert_eq!(s3.handle(REGION, create).await.status(), 200);
        let get = Request::get("/shop?tagging").body(Bytes::new()).expect("a request");
        let answer = s3.handle(REGION, get).await;
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        assert!(text.contains("<Key>a</Key><Value>b</Value>"), "{text}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn conditional_puts_do_not_race() {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let s3 = Arc::new(S3::open(temp.path(), BTreeMap::new()).await.expect("the folder can be used"));
        assert_eq!(s3.handle(REGION, put("/shop")).await.status(), 200);
        let puts = (0..50).map(|_| {
            let s3 = s3.clone();
            tokio::spawn(async move { s3.handle(REGION, put("/shop/lock")).await.status() })
        });
        let answers = futures::future::join_all(puts).await;
        let won = answers.into_iter().flatten().filter(http::StatusCode::is_success).count();
        assert_eq!(won, 1);
    }
}
