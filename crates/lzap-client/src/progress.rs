//! The stage of a call, so that the error of a missed deadline can name it.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::error::{ClientError, ErrorKind};

/// The stages of a call, in order: from [`Stage::Waiting`] on, AWS may have carried out the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Stage {
    Queueing,
    Resolving,
    Connecting,
    AskingProxy,
    Handshaking,
    Sending,
    Waiting,
    Reading,
}

impl Stage {
    const ALL: [Self; 8] = [
        Self::Queueing,
        Self::Resolving,
        Self::Connecting,
        Self::AskingProxy,
        Self::Handshaking,
        Self::Sending,
        Self::Waiting,
        Self::Reading,
    ];

    /// The stage as a phrase that follows "while".
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Queueing => "waiting to open a connection",
            Self::Resolving => "looking up the host's name",
            Self::Connecting => "connecting",
            Self::AskingProxy => "waiting for the proxy's connection",
            Self::Handshaking => "in the TLS handshake",
            Self::Sending => "sending the request",
            Self::Waiting => "waiting for the answer",
            Self::Reading => "reading the answer",
        }
    }
}

/// The stage of one call. Shared with the code outside its future, which is dropped when the deadline passes.
///
/// Atomic, so that futures of calls are `Send`; one task writes and reads it, so that the order is of no importance.
#[derive(Debug, Default)]
pub(crate) struct Progress(AtomicU8);

impl Progress {
    /// Notes that the call has come to `stage`. It may go back: a call on a dead connection opens another one.
    pub(crate) fn enter_stage(&self, stage: Stage) {
        self.0.store(stage as u8, Ordering::Relaxed);
    }

    /// The stage that the call has come to.
    pub(crate) fn stage(&self) -> Stage {
        Stage::ALL.get(usize::from(self.0.load(Ordering::Relaxed))).copied().unwrap_or(Stage::Reading)
    }

    /// The error of a deadline that passed in this stage. A request that was not sent to its end can't have run.
    pub(crate) fn timed_out(&self) -> ClientError {
        let stage = self.stage();
        let text = format!("was not done by its deadline: the time ran out while {}", stage.describe());
        ClientError::new(ErrorKind::TimedOut, text).with_may_have_run(stage >= Stage::Waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timed_out_may_have_run_only_after_the_whole_request() {
        for stage in Stage::ALL {
            let progress = Progress::default();
            progress.enter_stage(stage);
            let error = progress.timed_out();
            assert_eq!(error.may_have_run(), matches!(stage, Stage::Waiting | Stage::Reading), "{stage:?}");
            assert!(error.to_string().contains(stage.describe()), "{error}");
        }
    }
}
