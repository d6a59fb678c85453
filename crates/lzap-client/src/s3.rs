//! S3: the operations on objects.
//!
//! Multipart uploads would be another module beside `object`; they need no other transport.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>

mod bucket;
mod list;
mod object;

pub use bucket::{AccountId, Bucket};
pub use list::{ListOptions, ListPage, ListedObject};
pub use object::{GetOptions, Object, ObjectHead, PutCondition, PutDone, PutObject};
