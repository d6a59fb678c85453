//! The reasons that Lambda gives for an invocation without a result.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

/// Why Lambda throttled an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleReason {
    /// The concurrency limit of the function or the account is reached.
    Concurrency,
    /// The function or the account has too many requests per second.
    Rate,
}

/// How an invoked function failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionFailure {
    /// Its process ended, for example because it ran out of memory.
    Exit,
    /// It exceeded its timeout.
    Timeout,
    /// It returned an error instead of a reply.
    Error,
}
