//! From AWS's error codes to kinds.
//!
//! The services have several codes for the same problem. A code that is missing here is `Refused`: such an
//! error is shown with AWS's own message, and never repeated. So a code has to be added only if lzap should
//! react to it.

use super::Kind;

/// Returns the kind of an error by its code; by the HTTP status if there is no code (answers to `HEAD` have no body), and
/// by the message only in [`classify_by_message`].
pub(crate) fn classify(code: Option<&str>, status: u16, message: &str) -> Kind {
    match code {
        Some(code) => classify_by_message(code, message).unwrap_or_else(|| classify_by_code(code)),
        None => classify_by_status(status),
    }
}

/// Returns the kind of a code that has only one meaning, or whose message doesn't tell more.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html>, and the "Errors" of each
/// operation.
fn classify_by_code(code: &str) -> Kind {
    match code {
        "ResourceNotFoundException"
        | "NoSuchEntity"
        | "NoSuchEntityException"
        | "NotFoundException"
        | "NotFound"
        | "404"
        | "NoSuchBucket"
        | "NoSuchKey"
        | "NoSuchTagSet"
        | "NoSuchPublicAccessBlockConfiguration" => Kind::NotFound,
        "EntityAlreadyExists"
        | "EntityAlreadyExistsException"
        | "ResourceAlreadyExistsException"
        | "BucketAlreadyOwnedByYou"
        | "ConflictException" => Kind::Exists,
        "ThrottlingException"
        | "ThrottledException"
        | "Throttling"
        | "TooManyRequestsException"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "SlowDown" => Kind::Throttled,
        "ResourceConflictException"
        | "ResourceNotReadyException"
        | "OperationAborted"
        | "OperationAbortedException"
        | "ConcurrentModificationException"
        | "ConcurrentModification"
        | "DeleteConflict"
        | "DeleteConflictException"
        | "ConditionalRequestConflict" => Kind::Conflict,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "ForbiddenException"
        | "Forbidden"
        | "403" => Kind::Denied,
        "LimitExceeded"
        | "LimitExceededException"
        | "CodeStorageExceededException"
        | "ServiceQuotaExceededException"
        | "PolicyLengthExceededException"
        | "TooManyBuckets" => Kind::Quota,
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => Kind::Expired,
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "AuthFailure"
        | "InvalidToken"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken" => Kind::BadCredentials,
        "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => Kind::ClockSkew,
        "KMSAccessDeniedException" => Kind::KmsDenied,
        "PreconditionFailed" | "412" => Kind::PreconditionFailed,
        _ => Kind::Refused,
    }
}

/// Returns the kind of a response without a code, by its HTTP status. `HEAD` has no body that could name one.
fn classify_by_status(status: u16) -> Kind {
    match status {
        401 | 403 => Kind::Denied,
        404 => Kind::NotFound,
        409 => Kind::Conflict,
        412 => Kind::PreconditionFailed,
        429 => Kind::Throttled,
        _ => Kind::Refused,
    }
}

/// Reads messages, and is the only function that does: AWS has the same code for different problems.
///
/// - `InvalidParameterValueException` is any wrong parameter; but also a role that IAM has not propagated yet, code that
///   isn't the published code (`PublishVersion` with `CodeSha256`), and a reservation that would leave too little
///   concurrency to the account's other functions.
/// - Lambda's `ResourceConflictException` and API Gateway's `ConflictException` mean "exists already" or "another change
///   is in progress".
/// - A signature doesn't match because of a wrong secret or of a wrong clock.
fn classify_by_message(code: &str, message: &str) -> Option<Kind> {
    match code {
        "InvalidParameterValueException" if message.contains("cannot be assumed by Lambda") => {
            Some(Kind::RoleNotReady)
        }
        "InvalidParameterValueException" if message.contains("different from current CodeSHA256") => {
            Some(Kind::Overtaken)
        }
        "InvalidParameterValueException" if message.contains("UnreservedConcurrentExecution") => {
            Some(Kind::NothingToReserve)
        }
        "ResourceConflictException" if message.contains("already exist") => Some(Kind::Exists),
        "ConflictException" if message.contains("concurrent modification") => Some(Kind::Conflict),
        "SignatureDoesNotMatch" | "InvalidSignatureException"
            if message.contains("Signature expired") || message.contains("Signature not yet current") =>
        {
            Some(Kind::ClockSkew)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes and messages as AWS sends them.
    #[test]
    fn classify_reads_the_message_if_a_code_has_two_meanings() {
        for (code, message, kind) in [
            (
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda.",
                Kind::RoleNotReady,
            ),
            ("InvalidParameterValueException", "Uploaded file must be a non-empty zip", Kind::Refused),
            (
                "InvalidParameterValueException",
                "CodeSHA256 (YQ==) is different from current CodeSHA256 in $LATEST (Yg==). Please try again with \
                 the CodeSHA256 in $LATEST.",
                Kind::Overtaken,
            ),
            (
                "InvalidParameterValueException",
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution \
                 below its minimum value of [100].",
                Kind::NothingToReserve,
            ),
            ("ResourceConflictException", "Function already exist: shop-dev", Kind::Exists),
            (
                "ResourceConflictException",
                "The statement id (lzap-http-api) provided already exists. Please provide a new statement id, or \
                 remove the existing statement.",
                Kind::Exists,
            ),
            (
                "ResourceConflictException",
                "The operation cannot be performed at this time. An update is in progress for resource: \
                 arn:aws:lambda:eu-central-1:123456789012:function:shop-dev",
                Kind::Conflict,
            ),
            (
                "ConflictException",
                "Unable to complete operation due to concurrent modification. Please try again later.",
                Kind::Conflict,
            ),
            (
                "InvalidSignatureException",
                "Signature expired: 20261101T100000Z is now earlier than 20261101T101000Z",
                Kind::ClockSkew,
            ),
            (
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match",
                Kind::BadCredentials,
            ),
        ] {
            assert_eq!(classify(Some(code), 400, message), kind, "{code}: {message}");
        }
    }

    #[test]
    fn classify_without_a_code_uses_the_status() {
        assert_eq!(classify(None, 404, ""), Kind::NotFound);
        assert_eq!(classify(None, 403, ""), Kind::Denied);
        assert_eq!(classify(None, 500, ""), Kind::Refused);
    }

    #[test]
    fn classify_knows_each_service_s_code_for_the_same_problem() {
        for code in ["ResourceNotFoundException", "NoSuchEntity", "NotFoundException", "NoSuchBucket"] {
            assert_eq!(classify(Some(code), 404, "gone"), Kind::NotFound);
        }
        for code in ["TooManyRequestsException", "ThrottlingException", "Throttling", "SlowDown"] {
            assert_eq!(classify(Some(code), 429, "Rate exceeded"), Kind::Throttled);
        }
    }
}
