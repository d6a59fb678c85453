//! Counts each request that the SDK sends for a call.
//!
//! The SDK repeats requests by itself, and tells the caller neither that nor how often. Interceptors see each
//! request: so lzap distinguishes a lost response from a conflict, and counts `aws_calls` of the JSON
//! documents.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;

use crate::error::{AwsError, Kind};

/// Counts the requests of all clients, and logs each one without its body: bodies contain environment values.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls(Arc<AtomicUsize>);

impl Calls {
    /// Returns the number of requests so far.
    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Counted here, not per call: the SDK's own retries are requests too, and count against AWS's rate limits.
        self.0.fetch_add(1, Ordering::Relaxed);
        let (service, operation) = called_operation(config);
        tracing::debug!(aws.service = service, aws.operation = operation, "AWS call");
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (service, operation) = called_operation(config);
        let response = context.response();
        // S3 names its request id header differently from all other services.
        let id =
            response.headers().get("x-amzn-requestid").or_else(|| response.headers().get("x-amz-request-id"));
        tracing::debug!(
            aws.service = service,
            aws.operation = operation,
            aws.status = response.status().as_u16(),
            aws.request_id = id,
            "AWS answer"
        );
        Ok(())
    }
}

/// Returns service and operation of the call; empty if the SDK doesn't say.
fn called_operation(config: &ConfigBag) -> (&str, &str) {
    config.load::<Metadata>().map_or(("", ""), |metadata| (metadata.service(), metadata.name()))
}

/// Counts the requests of one call. If the call was sent twice and the second response is "exists", the first response
/// was lost and the write was applied.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attempts(Arc<AtomicUsize>);

impl Attempts {
    /// Treats "exists" as success if this call was sent more than once: `None`, since the first response is lost.
    pub(crate) fn accept_own_creation<T>(&self, outcome: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            // After one request "exists" means that another program created the resource, which stays an error.
            Err(error) if error.kind() == Kind::Exists && self.0.load(Ordering::Relaxed) > 1 => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Intercept for Attempts {
    fn name(&self) -> &'static str {
        "Attempts"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// The time of a response, by the server's clock and by this machine's. A refusal has a date too.
#[derive(Clone, Debug, Default)]
pub(crate) struct AnswerTime(Arc<std::sync::OnceLock<(i64, i64)>>);

impl AnswerTime {
    /// Returns the server's time in seconds since 1970; `None` without a response or without a date. The
    /// lock's age is measured with it.
    pub(crate) fn unix_secs(&self) -> Option<i64> {
        self.0.get().map(|(theirs, _)| *theirs)
    }

    /// Returns the number of seconds that this machine's clock is ahead of the server's. The time of the
    /// response on its way is in it.
    pub(crate) fn ahead_secs(&self) -> Option<i64> {
        self.0.get().map(|(theirs, ours)| ours - theirs)
    }
}

impl Intercept for AnswerTime {
    fn name(&self) -> &'static str {
        "AnswerTime"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let Some(date) = date {
            // The first response counts: a retry's is later and would not measure the same moment.
            let _ = self.0.set((date.secs(), DateTime::from(SystemTime::now()).secs()));
        }
        Ok(())
    }
}
