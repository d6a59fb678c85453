//! What can happen to a call: every refusal that AWS documents for its operation, and what the network and the machine
//! can do.

use std::collections::BTreeMap;

use lzap_testkit::{Fault, Python, Refusal, Trigger};
use serde_json::Value;

use super::flows::Point;
use crate::support::Result;

/// One thing that happens to one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Harm {
    Refused(Refusal),
    ThrottledOnce,
    ThrottledForEver,
    ResetBefore,
    AnswerLost,
    KilledBefore,
    KilledAfter,
}

/// Everything but the refusals.
pub(super) const ACCIDENTS: [Harm; 6] = [
    Harm::ThrottledOnce,
    Harm::ThrottledForEver,
    Harm::ResetBefore,
    Harm::AnswerLost,
    Harm::KilledBefore,
    Harm::KilledAfter,
];

impl Harm {
    /// For the count.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::ThrottledOnce => "throttled once",
            Self::ThrottledForEver => "throttled for ever",
            Self::ResetBefore => "reset before the call",
            Self::AnswerLost => "answer lost",
            Self::KilledBefore => "killed before the call",
            Self::KilledAfter => "killed after the call",
        }
    }

    /// For the list of failures.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Refused(Refusal { status, code, message, .. }) => {
                format!("refused: {status} {code} {message}")
            }
            other => other.name().to_owned(),
        }
    }

    pub(super) fn kills(&self) -> bool {
        matches!(self, Self::KilledBefore | Self::KilledAfter)
    }

    /// Whether nobody can tell if the call was carried out.
    pub(super) fn hides(&self) -> bool {
        matches!(self, Self::AnswerLost | Self::KilledAfter)
    }

    /// What the proxy has to do to the call at `point`.
    pub(super) fn at(&self, point: &Point) -> (Trigger, Fault) {
        let throttled = || Refusal::throttled(service(&point.operation));
        let fault = match self {
            Self::Refused(refusal) => Fault::Refused(refusal.clone()),
            Self::ThrottledOnce => Fault::RefusedOnce(throttled()),
            Self::ThrottledForEver => Fault::Refused(throttled()),
            Self::ResetBefore => Fault::ResetBefore,
            Self::AnswerLost => Fault::ResetAfter,
            Self::KilledBefore => Fault::HoldBefore,
            Self::KilledAfter => Fault::HoldAfter,
        };
        (Trigger::of_kind(&point.kind, point.nth), fault)
    }
}

fn service(operation: &str) -> &str {
    operation.split(':').next().unwrap_or_default()
}

/// What AWS may answer instead, by operation: what its models document, what every operation may answer, and the cases
/// where the text of the message counts.
pub(super) fn refusals(operations: &[String]) -> Result<BTreeMap<String, Vec<Refusal>>> {
    let documented = Python::ready()?.run_script("errors.py", &serde_json::json!(operations).to_string())?;
    let documented: Value = serde_json::from_str(&documented)?;
    let of = |operation: &String| {
        let mut all = common(operation);
        all.extend(special(operation));
        let documented = documented[operation].as_array().into_iter().flatten();
        for error in documented {
            let status =
                error["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(400);
            all.push(Refusal::new(status, error["code"].as_str().unwrap_or_default(), "Refused by a test."));
        }
        (operation.clone(), all)
    };
    Ok(operations.iter().map(of).collect())
}

/// AWS: <https://docs.aws.amazon.com/awssupport/latest/APIReference/CommonErrors.html>, and S3's own list:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.
fn common(operation: &str) -> Vec<Refusal> {
    let who = format!("User: arn:aws:iam::123456789012:user/ci is not authorized to perform: {operation}");
    match service(operation) {
        "s3" => vec![
            Refusal::new(403, "AccessDenied", "Access Denied"),
            Refusal::new(404, "NoSuchBucket", "The specified bucket does not exist"),
            Refusal::new(
                409,
                "OperationAborted",
                "A conflicting conditional operation is currently in progress",
            ),
            Refusal::new(500, "InternalError", "We encountered an internal error. Please try again."),
        ],
        "iam" => vec![Refusal::new(403, "AccessDenied", &who)],
        "sts" => vec![
            Refusal::new(
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
            ),
            Refusal::new(403, "ExpiredToken", "The security token included in the request is expired"),
            Refusal::new(
                403,
                "SignatureDoesNotMatch",
                "Signature expired: 20261101T100000Z is now earlier than …",
            ),
        ],
        "lambda" | "apigateway" => vec![Refusal::new(403, "AccessDeniedException", &who)],
        _ => vec![
            Refusal::new(400, "AccessDeniedException", &who),
            Refusal::new(500, "InternalFailure", "The request processing has failed."),
        ],
    }
}

/// Where one code means several things, or an answer of success says that it isn't one.
fn special(operation: &str) -> Vec<Refusal> {
    let cannot_assume = || {
        let message = "The role defined for the function cannot be assumed by Lambda.";
        Refusal::new(400, "InvalidParameterValueException", message)
    };
    let busy = || {
        let message =
            "The operation cannot be performed at this time. An update is in progress for resource: x";
        Refusal::new(409, "ResourceConflictException", message)
    };
    let exists = |message: &str| Refusal::new(409, "ResourceConflictException", message);
    let concurrent = || {
        let message = "Unable to complete operation due to concurrent modification. Please try again later.";
        Refusal::new(409, "ConflictException", message)
    };
    match operation {
        "lambda:CreateFunction" => {
            vec![cannot_assume(), busy(), exists("Function already exist: hello-dev")]
        }
        "lambda:UpdateFunctionConfiguration" => vec![cannot_assume(), busy()],
        "lambda:UpdateFunctionCode" | "lambda:DeleteFunction" | "lambda:Invoke" => vec![busy()],
        "lambda:CreateAlias" => vec![exists("Alias already exists: hello-dev:live")],
        "lambda:AddPermission" => vec![exists("The statement id (x) provided already exists.")],
        "lambda:PublishVersion" => {
            let message = "CodeSHA256 (YQ==) is different from current CodeSHA256 in $LATEST (Yg==).";
            vec![busy(), Refusal::new(400, "InvalidParameterValueException", message)]
        }
        "apigateway:CreateIntegration"
        | "apigateway:CreateRoute"
        | "apigateway:CreateStage"
        | "apigateway:DeleteApi" => vec![concurrent()],
        "s3:PutObject" => vec![
            Refusal::new(412, "PreconditionFailed", "At least one of the pre-conditions did not hold"),
            Refusal::new(
                409,
                "ConditionalRequestConflict",
                "A conflicting operation occurred during the request",
            ),
        ],
        "s3:DeleteBucket" => vec![Refusal::new(409, "BucketNotEmpty", "The bucket is not empty")],
        "s3:DeleteObjects" => {
            let error = "<Error><Key>hello/dev/x</Key><Code>AccessDenied</Code><Message>no</Message></Error>";
            vec![Refusal::within_success("AccessDenied", &format!("<DeleteResult>{error}</DeleteResult>"))]
        }
        "events:PutTargets" | "events:RemoveTargets" => vec![Refusal::within_success(
            "ConcurrentModificationException",
            r#"{"FailedEntryCount":1,"FailedEntries":[{"TargetId":"live","ErrorCode":"ConcurrentModificationException",
                "ErrorMessage":"try again"}]}"#,
        )],
        _ => Vec::new(),
    }
}
