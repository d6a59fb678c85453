//! The events of a plan's execution, as one typed stream; terminal, plain lines and JSON are its sinks.

use std::time::Duration;

use crate::step::StepId;

/// An event of a plan's execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A step starts.
    StepStarted(StepId),
    /// A step waits for AWS.
    StepWaiting {
        /// The step that waits.
        step: StepId,
        /// The reason: a fragment such as "for the new role to be usable".
        reason: &'static str,
        /// Time since the step's first attempt.
        elapsed: Duration,
    },
    /// A part of the artifact has been uploaded.
    Uploaded {
        /// The step that uploads.
        step: StepId,
        /// Number of bytes uploaded so far.
        bytes: u64,
    },
    /// A step was applied.
    StepDone(StepId),
}
