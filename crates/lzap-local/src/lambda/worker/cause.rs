//! The causes for which an invocation has no result, and the error that its caller gets.

use std::time::Duration;

use bytes::Bytes;

use super::process::Exit;
use super::report::Failure;
use crate::clock::timestamp;
use crate::lambda::runtime_api::RESPONSE_BYTES;

/// The cause for which a worker gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// There is nothing to execute, or the system can't.
    Entrypoint(String),
    /// The process ended.
    Exit(Exit),
    /// It reported that it can't initialize.
    Init(Bytes),
    /// Its handler reported an error: a failure that leaves the environment usable.
    Own(Bytes),
    /// Its answer was too large.
    ResponseTooLarge,
    /// It ran out of its time.
    Timeout,
    /// It took more memory than the function has.
    Memory,
    /// The cloud is shutting down.
    Stopped,
}

impl Cause {
    /// As the caller and the log learn of it.
    pub(crate) fn failure(self, request_id: &str, now_ms: i64, timeout: Duration) -> Failure {
        let now = format!("{:.3}", timestamp(now_ms));
        match self {
            Self::Own(body) | Self::Init(body) => Failure::own(body),
            Self::ResponseTooLarge => Failure::response_too_large(RESPONSE_BYTES),
            Self::Timeout => Failure::timeout(request_id, &now, timeout),
            Self::Entrypoint(why) => Failure::platform("Runtime.InvalidEntrypoint", request_id, &why),
            Self::Exit(exit) => {
                let sentence = format!("Runtime exited {}", exit.describe());
                Failure::platform("Runtime.ExitError", request_id, &sentence)
            }
            Self::Memory => {
                let sentence = "Runtime exited with error: signal: killed";
                Failure::platform("Runtime.OutOfMemory", request_id, sentence)
            }
            Self::Stopped => {
                Failure::platform("Sandbox.Stopped", request_id, "the embedded cloud is stopping")
            }
        }
    }
}
