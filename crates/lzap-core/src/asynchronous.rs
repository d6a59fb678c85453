//! Settings for asynchronous invocations: maximum retry attempts, maximum event age and failure destination.
//!
//! Lambda keeps these settings per alias. They are read only where the function's tag says that a deploy has set them, so
//! that a stage without them costs no call.

use lzap_wire::limits;
use serde_json::{Value, json};

/// The settings of the alias for asynchronous invocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsyncConfig {
    /// Maximum retry attempts.
    pub retries: u32,
    /// Maximum event age, in seconds.
    pub max_age_secs: u32,
    /// The ARN of the failure destination.
    pub on_failure: Option<String>,
}

/// Lambda's own maximum retry attempts, which is the largest value too.
pub(crate) const DEFAULT_RETRIES: u32 = limits::ASYNC_RETRIES;
/// A failure destination that [`action`] knows.
pub(crate) const DESTINATION: &str = r"^arn:aws[a-z-]*:(sqs:[^:]*:[^:]*:.|sns:[^:]*:[^:]*:.|events:[^:]*:[^:]*:event-bus/|lambda:[^:]*:[^:]*:function:)";

/// The action that the function's role needs to send to the destination with this ARN; `None` if the ARN can't be a
/// destination.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
pub(crate) fn send_action(arn: &str) -> Option<&'static str> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, service, _, _, resource] = parts.as_slice() else {
        return None;
    };
    if !partition.starts_with("aws") || resource.is_empty() {
        return None;
    }
    match *service {
        "sqs" => Some("sqs:SendMessage"),
        "sns" => Some("sns:Publish"),
        "events" if resource.starts_with("event-bus/") => Some("events:PutEvents"),
        "lambda" if resource.starts_with("function:") => Some("lambda:InvokeFunction"),
        _ => None,
    }
}

impl AsyncConfig {
    /// The statement of the function's role that allows it to send to the failure destination.
    pub(crate) fn destination_statement(&self) -> Option<Value> {
        let arn = self.on_failure.as_deref()?;
        Some(json!({ "Effect": "Allow", "Action": [send_action(arn)?], "Resource": arn }))
    }

    /// Each setting, for people.
    pub(crate) fn rows(&self) -> [(&'static str, String); 3] {
        [
            ("retries", self.retries.to_string()),
            ("max age", format!("{} s", self.max_age_secs)),
            ("on failure", self.on_failure.clone().unwrap_or_else(|| "(none)".to_owned())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_one_of_four_kinds() {
        for (arn, expected) in [
            ("arn:aws:sqs:eu-central-1:123456789012:dead", Some("sqs:SendMessage")),
            ("arn:aws-cn:sns:cn-north-1:123456789012:dead", Some("sns:Publish")),
            ("arn:aws:events:eu-central-1:123456789012:event-bus/default", Some("events:PutEvents")),
            ("arn:aws:lambda:eu-central-1:123456789012:function:other:live", Some("lambda:InvokeFunction")),
            ("arn:aws:events:eu-central-1:123456789012:rule/x", None),
            ("arn:aws:s3:::bucket", None),
            ("dead", None),
        ] {
            assert_eq!(send_action(arn), expected, "{arn}");
            assert_eq!(crate::settings::matches(DESTINATION, arn), expected.is_some(), "{arn}");
        }
    }
}
