//! The answers to requests whose signature isn't one of the cloud's keys, in the words and shapes of AWS.

use serde_json::json;

use crate::answer::{self, Answer};

/// Why a signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The key isn't the cloud's, or the session token isn't the key's.
    UnknownKey,
    /// The signature was made with another secret, or of another request.
    WrongSignature,
    /// The signature is from another time than now.
    WrongTime,
    /// The lifetime of the presigned URL is over.
    ExpiredUrl,
    /// The body isn't the one whose hash is signed.
    WrongPayload,
}

impl Refusal {
    /// The answer, in the protocol of the service that was asked.
    pub(crate) fn answer(self, service: &str) -> Answer {
        let (status, code, message) = self.describe(service);
        match service {
            "s3" => answer::s3_error(status, code, message, ""),
            "iam" | "sts" => answer::query_error(status, code, message),
            _ => build_refusal(status, code, message),
        }
    }

    /// AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>,
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
    fn describe(self, service: &str) -> (u16, &'static str, &'static str) {
        let is_s3 = service == "s3";
        let is_query = matches!(service, "iam" | "sts");
        match self {
            Self::UnknownKey => {
                let code = match service {
                    "s3" => "InvalidAccessKeyId",
                    "iam" | "sts" => "InvalidClientTokenId",
                    _ => "UnrecognizedClientException",
                };
                (
                    403,
                    code,
                    "The access key is not one of this embedded cloud; `lzap local env` prints its key.",
                )
            }
            Self::WrongSignature => {
                let code =
                    if is_s3 || is_query { "SignatureDoesNotMatch" } else { "InvalidSignatureException" };
                (
                    403,
                    code,
                    "The signature does not match; `lzap local env` prints the key of this embedded cloud.",
                )
            }
            Self::WrongTime => {
                let code = match service {
                    "s3" => "RequestTimeTooSkewed",
                    "iam" | "sts" => "SignatureDoesNotMatch",
                    _ => "InvalidSignatureException",
                };
                (
                    403,
                    code,
                    "Signature expired or not yet valid: it differs by more than 15 minutes from now.",
                )
            }
            Self::ExpiredUrl => (403, "AccessDenied", "Request has expired"),
            Self::WrongPayload => (
                400,
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            ),
        }
    }
}

/// An error whose code clients of both JSON protocols find.
pub(crate) fn build_refusal(status: u16, code: &'static str, message: &str) -> Answer {
    let mut answer = answer::json_error(status, code, message);
    *answer.body_mut() = json!({ "__type": code, "message": message }).to_string().into();
    answer
}
