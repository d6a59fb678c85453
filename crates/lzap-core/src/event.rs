//! The events of a plan's execution, as one typed stream; terminal, plain lines and JSON are its sinks.

use std::time::Duration;

use crate::step::StepId;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A step began.
    StepStarted(StepId),
    /// A step waits for AWS.
    StepWaiting {
        /// The step that starts.
        step: StepId,
        /// For what: a fragment such as "for the new role to be usable".
        reason: &'static str,
        /// For how long already.
        elapsed: Duration,
    },
    /// So many bytes of the artifact are up.
    Uploaded {
        /// The step that this is about.
        step: StepId,
        /// Bytes so far.
        bytes: u64,
    },
    /// A step is done.
    StepDone(StepId),
}
