//! Ctrl-C and SIGTERM: the first one ends what can be ended, the second one ends everything.
//!
//! A command that writes nothing is dropped where it stands. One that holds a lock is asked to stop, through
//! the token, and ends in order: the calls that run complete, and the lock is released. `commands::run`
//! decides which of both it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The state of signals, as the commands see it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupts {
    /// Cancelled by the first signal, and never again reset.
    stop: CancellationToken,
    /// The number of holds that exist.
    holds: Arc<AtomicUsize>,
}

/// A sign that something must be brought to an end. While it lives, a first signal only cancels
/// [`Interrupts::stop`].
#[derive(Debug)]
pub(crate) struct Hold(Arc<AtomicUsize>);

impl Interrupts {
    /// Returns the token that the first signal cancels.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Returns a hold: while it lives, the command ends its work in order after the first signal.
    pub(crate) fn hold(&self) -> Hold {
        self.holds.fetch_add(1, Ordering::SeqCst);
        Hold(Arc::clone(&self.holds))
    }

    /// Returns whether a [`Hold`] exists.
    pub(crate) fn is_held(&self) -> bool {
        self.holds.load(Ordering::SeqCst) > 0
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The signals that end a command.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens from now on. The signals' default, which ends the process, is off from then on for good.
    ///
    /// # Errors
    /// The system has no more signal handlers to give.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next signal of either kind.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
