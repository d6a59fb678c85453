//! The traits of the parts of the cloud that the Lambda service uses.
//!
//! The machine in `lambda` knows neither S3 nor IAM nor `CloudWatch` Logs: it asks for an object's bytes, a role's
//! trust policy, the time, and hands log lines over. `passive` and `clock` implement these; tests implement them in a
//! few lines.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

/// One log line, as `CloudWatch` Logs stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogEvent {
    /// Unix time in milliseconds.
    pub(crate) timestamp_ms: i64,
    /// The line, without its line break.
    pub(crate) message: String,
}

/// The destination of function logs.
pub(crate) trait Logs: Send + Sync {
    /// Appends events; makes the group and the stream when they are missing.
    fn put<'a>(
        &'a self,
        region: &'a str,
        group: &'a str,
        stream: &'a str,
        events: Vec<LogEvent>,
    ) -> BoxFuture<'a, ()>;
}

/// The source of code that isn't sent inline.
pub(crate) trait Objects: Send + Sync {
    /// The object's bytes; `None` when there is no such bucket or key.
    fn get<'a>(&'a self, bucket: &'a str, key: &'a str) -> BoxFuture<'a, Option<Bytes>>;
}

/// The trust policies of roles.
pub(crate) trait Roles: Send + Sync {
    /// The role's trust policy as JSON text; `None` when there is no such role.
    fn trust_policy<'a>(&'a self, role_arn: &'a str) -> BoxFuture<'a, Option<String>>;
}

/// The source of the time.
pub(crate) trait Clock: Send + Sync {
    /// Unix time in milliseconds.
    fn now_ms(&self) -> i64;
}

/// All of them together.
#[derive(Clone)]
pub(crate) struct Ports {
    /// Function logs.
    pub(crate) logs: Arc<dyn Logs>,
    /// Code bundles.
    pub(crate) objects: Arc<dyn Objects>,
    /// Execution roles.
    pub(crate) roles: Arc<dyn Roles>,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
}
