//! `[stage.NAME.async]`: what Lambda would refuse.

use lzap_wire::limits;

use super::Place;
use crate::asynchronous::{AsyncConfig, action};
use crate::config::{AsyncTable, ConfigError};
use toml::Spanned;

impl Place<'_> {
    pub(super) fn asynchronous(&self, config: Option<&AsyncConfig>) -> Result<(), ConfigError> {
        let Some(AsyncConfig { retries, max_age_secs, on_failure }) = config else {
            return Ok(());
        };
        if *retries > limits::ASYNC_RETRIES {
            return Err(ConfigError {
                message: format!("async.retries = {retries} is out of range"),
                help: format!("AWS allows 0 to {}", limits::ASYNC_RETRIES),
                span: self.async_span(|t| t.retries.as_ref()),
            });
        }
        if !limits::ASYNC_MAX_AGE_SECS.contains(max_age_secs) {
            let (first, last) = (limits::ASYNC_MAX_AGE_SECS.start(), limits::ASYNC_MAX_AGE_SECS.end());
            return Err(ConfigError {
                message: format!("async.max_age_secs = {max_age_secs} is out of range"),
                help: format!("AWS allows {first} to {last} seconds"),
                span: self.async_span(|t| t.max_age_secs.as_ref()),
            });
        }
        match on_failure {
            Some(arn) if action(arn).is_none() => Err(ConfigError {
                message: format!("async.on_failure = \"{arn}\" is not the ARN of a destination"),
                help: "write the ARN of an SQS queue, an SNS topic, an EventBridge bus or a Lambda function"
                    .to_owned(),
                span: self.async_span(|t| t.on_failure.as_ref()),
            }),
            _ => Ok(()),
        }
    }

    fn async_span<T>(
        &self,
        get: impl Fn(&AsyncTable) -> Option<&Spanned<T>>,
    ) -> Option<std::ops::Range<usize>> {
        self.span(|table| get(table.asynchronous.as_ref()?))
    }
}
