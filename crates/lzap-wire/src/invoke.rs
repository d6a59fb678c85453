//! The reasons that Lambda gives for an invocation without a result.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

/// The reason why Lambda throttled an invocation. Throttled invocations don't run and aren't billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleReason {
    /// The concurrency limit of the function or the account is reached: fewer invocations in flight help.
    Concurrency,
    /// The function or the account has too many requests per second: waiting between requests helps.
    Rate,
}

/// The way in which an invoked function failed. In each case it ran, so the invocation is billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionFailure {
    /// Its process ended, for example because it ran out of memory.
    Exit,
    /// It exceeded its timeout, so any part of its work may be done.
    Timeout,
    /// It returned an error instead of a reply.
    Error,
}
