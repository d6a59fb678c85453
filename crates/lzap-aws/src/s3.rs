//! S3: the bucket of the account and region, and the artifacts in it.
//!
//! Bucket names are global, so every call passes the expected owner: a squatter must not get the code.
//! AWS: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html>

mod bucket;
mod lifecycle;
mod lock;
mod object;

pub(crate) use bucket::{
    BucketState, block_public_access, bucket, create_bucket, delete_bucket, encrypt_bucket,
    get_public_access_block, is_encrypted, is_managed, tag_bucket,
};
pub(crate) use lifecycle::{add_expiry, missing_rules, put_lifecycle};
pub(crate) use lock::{InPlaceOf, delete_lock, get_lock, put_lock, put_mark};
pub(crate) use object::{Depth, delete_objects, get_object, is_empty, list_objects, put_object};
