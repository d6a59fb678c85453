//! The kinds of [`AwsError`](super::AwsError), with code, likely cause and exit code.

use lzap_core::exit::Exit;

/// The meaning of an AWS error for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AwsErrorKind {
    /// The SDK found no credentials in any of its sources.
    NoCredentials,
    /// The credentials have expired, or the sign-on that they come from has. Repeating the call doesn't help.
    Expired,
    /// AWS doesn't know the credentials, or the signature is wrong. The request reached AWS.
    BadCredentials,
    /// The profile isn't in the AWS configuration. Found before any call: the SDK itself would only miss
    /// credentials.
    NoProfile,
    /// Neither the stage nor the environment nor the profile has a region. Found before any call.
    NoRegion,
    /// This machine's clock differs from AWS's by more than AWS accepts. A wrong secret has the same code:
    /// the message distinguishes them.
    ClockSkew,
    /// There was no answer: the request may have been applied.
    Unreachable,
    /// A permission is missing; the error's subject is the action that a policy must allow.
    Denied,
    /// A quota of the account is used up. Waiting doesn't help, in contrast to throttling.
    Quota,
    /// Too many requests; AWS rejected this one before it did anything.
    Throttled,
    /// The resource doesn't exist; for reads and deletions mostly no error.
    NotFound,
    /// The resource exists already. A success if this very call has created it and the response was lost.
    Exists,
    /// Another change of the resource is in progress, so that the same call can succeed later.
    Conflict,
    /// The condition of a write doesn't hold, as of the lock's: another process was first.
    PreconditionFailed,
    /// IAM hasn't propagated the role yet. Lambda has no code of its own for that: see `classify`.
    RoleNotReady,
    /// The function's role may not use the KMS key of its environment variables. Passes for a new role; a
    /// role that was created again under the same name needs a new grant.
    KmsDenied,
    /// The bucket's name belongs to another account, which must not receive the code.
    BucketTaken,
    /// The function's code was changed between upload and publication, by another deploy or by hand.
    Overtaken,
    /// The account hasn't enough concurrency left to reserve: Lambda keeps 100 for functions without a
    /// reservation.
    NothingToReserve,
    /// A change of a function failed inside Lambda, after Lambda had accepted the request.
    Failed,
    /// A change of a function didn't take effect in time. It goes on, and usually succeeds.
    NotReady,
    /// The request could not be made, or its answer could not be used. Also an error of lzap's planner.
    Broken,
    /// The artifact could not be read.
    Artifact,
    /// Any other error code; the cause has AWS's message.
    Refused,
}

impl AwsErrorKind {
    /// Every kind. A test compares it with the codes below.
    pub const ALL: [Self; 24] = [
        Self::NoCredentials,
        Self::Expired,
        Self::BadCredentials,
        Self::NoProfile,
        Self::NoRegion,
        Self::ClockSkew,
        Self::Unreachable,
        Self::Denied,
        Self::Quota,
        Self::Throttled,
        Self::NotFound,
        Self::Exists,
        Self::Conflict,
        Self::PreconditionFailed,
        Self::RoleNotReady,
        Self::KmsDenied,
        Self::BucketTaken,
        Self::Overtaken,
        Self::NothingToReserve,
        Self::Failed,
        Self::NotReady,
        Self::Broken,
        Self::Artifact,
        Self::Refused,
    ];

    /// Returns the exit code of a command that ends with this kind.
    pub(super) fn exit(self) -> Exit {
        match self {
            // Settings of lzap.toml or of the AWS configuration; nothing was sent.
            Self::NoProfile | Self::NoRegion => Exit::Usage,
            _ => Exit::Aws,
        }
    }

    /// Returns the code.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::NoCredentials => "lzap::aws::no_credentials",
            Self::Expired => "lzap::aws::expired",
            Self::BadCredentials => "lzap::aws::bad_credentials",
            Self::NoProfile => "lzap::aws::no_profile",
            Self::NoRegion => "lzap::aws::no_region",
            Self::ClockSkew => "lzap::aws::clock_skew",
            Self::Unreachable => "lzap::aws::unreachable",
            Self::Denied => "lzap::aws::denied",
            Self::Quota => "lzap::aws::quota",
            Self::Throttled => "lzap::aws::throttled",
            Self::NotFound => "lzap::aws::not_found",
            Self::Exists => "lzap::aws::exists",
            Self::Conflict => "lzap::aws::conflict",
            Self::PreconditionFailed => "lzap::aws::precondition_failed",
            Self::RoleNotReady => "lzap::aws::role_not_ready",
            Self::KmsDenied => "lzap::aws::kms_denied",
            Self::BucketTaken => "lzap::aws::bucket_taken",
            Self::Overtaken => "lzap::aws::overtaken",
            Self::NothingToReserve => "lzap::aws::concurrency",
            Self::Failed => "lzap::aws::failed",
            Self::NotReady => "lzap::aws::not_ready",
            Self::Broken => "lzap::aws::broken_call",
            Self::Artifact => "lzap::aws::artifact",
            Self::Refused => "lzap::aws::refused",
        }
    }

    /// Returns when the error occurs.
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::NoCredentials => {
                "The AWS SDK found credentials neither in the environment nor in the profile, in a sign-on, or in the \
                 metadata of the machine."
            }
            Self::Expired => {
                "Temporary credentials last for hours. These have expired, or the single sign-on behind them has."
            }
            Self::BadCredentials => {
                "The access key was deleted or deactivated, belongs to another partition, or the secret is wrong."
            }
            Self::NoProfile => {
                "`profile` in lzap.toml, or AWS_PROFILE, names a profile that the AWS configuration doesn't have."
            }
            Self::NoRegion => "The stage has no `region`, and neither AWS_REGION nor the profile sets one.",
            Self::ClockSkew => {
                "AWS refuses a request whose signature is more than a few minutes old or from the future."
            }
            Self::Unreachable => {
                "There is no network, the region doesn't exist, or the endpoint is not running."
            }
            Self::Denied => {
                "The policies of the deploying user or role don't allow the action, or a boundary or an organization \
                 forbids it."
            }
            Self::Quota => "The account has as many resources, or as much stored code, as its quota allows.",
            Self::Throttled => {
                "The account sends more requests per second than AWS allows. lzap had repeated this one for a while."
            }
            Self::NotFound => {
                "Another program deleted the resource meanwhile, or AWS has not propagated its creation yet."
            }
            Self::Exists => {
                "Another program created a resource of this name after lzap had read the deployed resources."
            }
            Self::Conflict => {
                "Another change of the same resource was in progress for longer than lzap waits."
            }
            Self::PreconditionFailed => {
                "Another command wrote the same object in S3 after this one had read it."
            }
            Self::RoleNotReady => {
                "IAM is eventually consistent: Lambda can use a new role only after a propagation delay."
            }
            Self::KmsDenied => {
                "Lambda's grant for the key belongs to a role that was deleted. A role of the same name that was created \
                 later is a different role to KMS."
            }
            Self::BucketTaken => {
                "The names of buckets are global. Another account has created the bucket that lzap would use."
            }
            Self::Overtaken => {
                "The function's code is no longer the uploaded code, so another deploy or the console changed it."
            }
            Self::NothingToReserve => {
                "The reservation would leave less than 100 concurrent executions to the account's other functions."
            }
            Self::Failed => {
                "Lambda accepted the change, and failed while it carried the change out; the cause has its reason."
            }
            Self::NotReady => "Lambda took longer than lzap waits. The change goes on, and usually succeeds.",
            Self::Broken => {
                "The answer lacks a field or is not what the API documents, or the connection broke while it was read."
            }
            Self::Artifact => "The zip was deleted or changed between build and upload.",
            Self::Refused => {
                "AWS answered with an error code that has no special meaning to lzap; the cause has code and message."
            }
        }
    }
}
