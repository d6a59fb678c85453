//! What becomes of an event that nobody waits for: how often it is tried again, for how long it is kept, and who is told
//! when it is given up.
//!
//! Lambda keeps these settings per alias. They are read only where the function's tag says that a deploy has set them, so
//! that a stage without them costs no call.

use serde_json::{Value, json};

/// The settings of the alias for asynchronous invocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsyncConfig {
    /// How often a failed event is tried again.
    pub retries: u32,
    /// How long an event is kept, in seconds.
    pub max_age_secs: u32,
    /// The ARN of what is told of an event that is given up.
    pub on_failure: Option<String>,
}

/// What Lambda does with nothing set.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html>
pub(crate) const DEFAULT_RETRIES: u32 = 2;
/// Six hours, likewise.
pub(crate) const DEFAULT_MAX_AGE_SECS: u32 = 21_600;

/// What the function's role needs, to tell the destination with this ARN; `None` where it can't be one.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
pub(crate) fn action(arn: &str) -> Option<&'static str> {
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
    /// What the function's role needs for it.
    pub(crate) fn statement(&self) -> Option<Value> {
        let arn = self.on_failure.as_deref()?;
        Some(json!({ "Effect": "Allow", "Action": [action(arn)?], "Resource": arn }))
    }

    /// Each setting, for people.
    pub(crate) fn rows(&self) -> [(&'static str, String); 3] {
        [
            ("retries", self.retries.to_string()),
            ("max age", format!("{} s", self.max_age_secs)),
            ("on failure", self.on_failure.clone().unwrap_or_else(|| "(nobody)".to_owned())),
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
            assert_eq!(action(arn), expected, "{arn}");
        }
    }
}
