//! What an error code of AWS means to a deploy.

/// What an error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The thing isn't there.
    NotFound,
    /// The thing is there already.
    Exists,
    /// Too many requests; rejected before anything was done.
    Throttled,
    /// The role is too new to be assumed.
    RoleNotReady,
    /// Another change is under way.
    Conflict,
    /// A permission is missing.
    Denied,
    /// A quota is used up.
    Quota,
    /// No credentials.
    NoCredentials,
    /// The credentials are too old.
    Expired,
    /// The credentials are unknown or wrong.
    BadCredentials,
    /// The clock is wrong.
    Skew,
    /// The function's key grant is another role's.
    KmsDenied,
    /// The code isn't the one that was uploaded.
    Overtaken,
    /// The account hasn't so much concurrency left to reserve.
    NothingToReserve,
    /// Nobody answered.
    Unreachable,
    /// The condition of a write doesn't hold.
    Unmet,
    /// A wait isn't over.
    Unsettled,
    /// The answer makes no sense.
    Broken,
    /// Anything else.
    Other,
}

/// The kind of an error, by its code; by the HTTP status where there is no code (answers to `HEAD` have no body), and
/// by the message only where [`told_by_message`] must.
pub(crate) fn classify(code: Option<&str>, status: u16, message: &str) -> Kind {
    match code {
        Some(code) => told_by_message(code, message).unwrap_or_else(|| by_code(code)),
        None => by_status(status),
    }
}

/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html>, and the "Errors" of each operation.
fn by_code(code: &str) -> Kind {
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
        "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => Kind::Skew,
        "KMSAccessDeniedException" => Kind::KmsDenied,
        "PreconditionFailed" | "412" => Kind::Unmet,
        _ => Kind::Other,
    }
}

fn by_status(status: u16) -> Kind {
    match status {
        401 | 403 => Kind::Denied,
        404 => Kind::NotFound,
        409 => Kind::Conflict,
        412 => Kind::Unmet,
        429 => Kind::Throttled,
        _ => Kind::Other,
    }
}

/// The only place that reads messages: where AWS answers two different things with the same code.
///
/// - A role that IAM has not spread yet is an `InvalidParameterValueException`, as any wrong parameter is.
/// - So is code that isn't the published one (`PublishVersion` with `CodeSha256`).
/// - Lambda's `ResourceConflictException` means "exists already" or "a change is under way".
/// - API Gateway's `ConflictException` likewise.
/// - And so is a reservation that would leave the account's other functions too little.
/// - A signature that doesn't match is a wrong secret, or a wrong clock.
fn told_by_message(code: &str, message: &str) -> Option<Kind> {
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
            Some(Kind::Skew)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes and messages as AWS sends them.
    #[test]
    fn where_one_code_means_two_things_the_message_tells() {
        for (code, message, kind) in [
            (
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda.",
                Kind::RoleNotReady,
            ),
            ("InvalidParameterValueException", "Uploaded file must be a non-empty zip", Kind::Other),
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
                Kind::Skew,
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
    fn an_answer_without_a_body_is_told_by_its_status() {
        assert_eq!(classify(None, 404, ""), Kind::NotFound);
        assert_eq!(classify(None, 403, ""), Kind::Denied);
        assert_eq!(classify(None, 500, ""), Kind::Other);
    }

    #[test]
    fn codes_of_each_service_mean_the_same() {
        for code in ["ResourceNotFoundException", "NoSuchEntity", "NotFoundException", "NoSuchBucket"] {
            assert_eq!(classify(Some(code), 404, "gone"), Kind::NotFound);
        }
        for code in ["TooManyRequestsException", "ThrottlingException", "Throttling", "SlowDown"] {
            assert_eq!(classify(Some(code), 429, "Rate exceeded"), Kind::Throttled);
        }
    }
}
