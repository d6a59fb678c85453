//! Faults of one call: an error response, throttling, a connection reset before or after the call, a held call.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::refusal::Refusal;

/// The fault of the call that a [`Trigger`] selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The proxy answers with an error, and the cloud doesn't receive the call. Later calls pass.
    RefusedOnce(Refusal),
    /// As [`Fault::RefusedOnce`], for every later call of the same kind too.
    Refused(Refusal),
    /// The connection is reset before the cloud receives the call.
    ResetBefore,
    /// The response is lost: the connection is reset after the cloud has applied the call.
    ResetAfter,
    /// The call is held before the cloud receives it; see [`super::Proxy::is_held`].
    HoldBefore,
    /// The response is held after the cloud has applied the call.
    HoldAfter,
}

/// Selects the call that gets the fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    kind: Option<String>,
    nth: usize,
}

impl Trigger {
    /// The `nth` call of all kinds, counted from 1.
    pub fn nth_call(nth: usize) -> Self {
        Self { kind: None, nth }
    }

    /// The `nth` call of one kind (see [`crate::Call::kind`]), counted from 1. Concurrent calls arrive in any order, so
    /// only this trigger selects the same call in every run.
    pub fn of_kind(kind: &str, nth: usize) -> Self {
        Self { kind: Some(kind.to_owned()), nth }
    }

    fn matches_kind(&self, kind: &str) -> bool {
        self.kind.as_deref().is_none_or(|wanted| wanted == kind)
    }
}

/// The decision that a held call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HoldState {
    /// The call is held, or will be when it arrives.
    On,
    /// The call continues.
    Over,
    /// The connection is reset, and the call ends.
    Dropped,
}

/// The armed fault, at most one, and its state.
#[derive(Debug)]
pub(super) struct Armed {
    state: Mutex<ArmedState>,
    hold: watch::Sender<HoldState>,
}

#[derive(Debug, Default)]
struct ArmedState {
    fault: Option<(Trigger, Fault)>,
    /// The number of calls so far that the trigger counts.
    seen: usize,
    /// The kind of the first call that got the fault.
    kind: Option<String>,
    /// The number of calls that got the fault.
    met: usize,
    held: bool,
}

impl Default for Armed {
    fn default() -> Self {
        Self { state: Mutex::default(), hold: watch::Sender::new(HoldState::On) }
    }
}

impl Armed {
    pub(super) fn arm(&self, trigger: Trigger, fault: Fault) {
        // The decision about a call of the previous fault must not apply to a call of this one.
        self.hold.send_replace(HoldState::On);
        *self.lock_state() = ArmedState { fault: Some((trigger, fault)), ..ArmedState::default() };
    }

    pub(super) fn disarm(&self) {
        self.lock_state().fault = None;
    }

    pub(super) fn count_hits(&self) -> usize {
        self.lock_state().met
    }

    pub(super) fn is_held(&self) -> bool {
        self.lock_state().held
    }

    /// Counts a call of this kind and returns its fault, if it gets one.
    pub(super) fn take_fault(&self, kind: &str) -> Option<Fault> {
        let mut state = self.lock_state();
        let (trigger, fault) = state.fault.clone()?;
        // A permission that is missing stays missing; the other faults happen to one call only.
        let again = matches!(fault, Fault::Refused(_)) && state.kind.as_deref() == Some(kind);
        if trigger.matches_kind(kind) {
            state.seen += 1;
        }
        if !again && (state.met > 0 || !trigger.matches_kind(kind) || state.seen < trigger.nth) {
            return None;
        }
        state.met += 1;
        state.kind = Some(kind.to_owned());
        Some(fault)
    }

    /// Waits for the decision about the held call; returns true when the call continues.
    pub(super) async fn hold_call(&self) -> bool {
        self.lock_state().held = true;
        let mut hold = self.hold.subscribe();
        // An error is impossible: it means that the sender was dropped, and `self` owns it.
        let end =
            hold.wait_for(|hold| *hold != HoldState::On).await.is_ok_and(|hold| *hold == HoldState::Over);
        self.lock_state().held = false;
        end
    }

    pub(super) fn release(&self) {
        self.hold.send_replace(HoldState::Over);
    }

    pub(super) fn drop_held(&self) {
        self.hold.send_replace(HoldState::Dropped);
    }

    fn lock_state(&self) -> std::sync::MutexGuard<'_, ArmedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(fault: Fault, trigger: Trigger, kinds: &[&str]) -> Vec<bool> {
        let armed = Armed::default();
        armed.arm(trigger, fault);
        kinds.iter().map(|kind| armed.take_fault(kind).is_some()).collect()
    }

    #[test]
    fn take_fault_selects_the_nth_call_and_refusals_repeat() {
        let refusal = Refusal::new(403, "AccessDenied", "no");
        let kinds = ["a", "b", "b", "a", "b"];
        let second_b = || Trigger::of_kind("b", 2);
        assert_eq!(met(Fault::ResetAfter, second_b(), &kinds), [false, false, true, false, false]);
        assert_eq!(
            met(Fault::Refused(refusal.clone()), second_b(), &kinds),
            [false, false, true, false, true]
        );
        assert_eq!(
            met(Fault::RefusedOnce(refusal.clone()), second_b(), &kinds),
            [false, false, true, false, false]
        );
        // The fourth call of any kind, then each call of that kind.
        assert_eq!(
            met(Fault::Refused(refusal), Trigger::nth_call(4), &["a", "b", "b", "a", "b", "a"]),
            [false, false, false, true, false, true]
        );
    }
}
