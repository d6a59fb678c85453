//! What can go wrong with one call: refused, throttled, cut off before or after it was carried out, held.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::refusal::Refusal;

/// What happens to the call that a [`Trigger`] meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The proxy answers, and the cloud never hears of the call. What comes after it is let through.
    RefusedOnce(Refusal),
    /// The same for every further call of its kind, too.
    Refused(Refusal),
    /// The connection is reset before the cloud hears of the call.
    ResetBefore,
    /// The connection is reset after the cloud has carried the call out: its answer is lost.
    ResetAfter,
    /// The call is held before the cloud hears of it; see [`super::Proxy::is_held`].
    HoldBefore,
    /// The call is held after the cloud has carried it out, with its answer.
    HoldAfter,
}

/// Which call a fault meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    kind: Option<String>,
    nth: usize,
}

impl Trigger {
    /// The `nth` call of all, beginning with 1.
    pub fn nth_call(nth: usize) -> Self {
        Self { kind: None, nth }
    }

    /// The `nth` call of one kind (see [`crate::Call::kind`]), beginning with 1. Calls at the same time come in any
    /// order, so this is the one to use for a call that was seen in another run.
    pub fn of_kind(kind: &str, nth: usize) -> Self {
        Self { kind: Some(kind.to_owned()), nth }
    }

    fn matches_kind(&self, kind: &str) -> bool {
        self.kind.as_deref().is_none_or(|wanted| wanted == kind)
    }
}

/// What a held call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HoldState {
    /// It is held, or will be.
    On,
    /// It may go on.
    Over,
    /// Its connection is reset, and nothing more is done for it.
    Dropped,
}

/// The one fault that is armed, and what became of it.
#[derive(Debug)]
pub(super) struct Armed {
    state: Mutex<ArmedState>,
    hold: watch::Sender<HoldState>,
}

#[derive(Debug, Default)]
struct ArmedState {
    fault: Option<(Trigger, Fault)>,
    /// Calls that concern the trigger, so far.
    seen: usize,
    /// The kind of the call that was met, and how often the fault happened.
    kind: Option<String>,
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

    /// What happens to a call of this kind.
    pub(super) fn take_fault(&self, kind: &str) -> Option<Fault> {
        let mut state = self.lock_state();
        let (trigger, fault) = state.fault.clone()?;
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

    /// Waits until the held call may go on; whether it may.
    pub(super) async fn hold_call(&self) -> bool {
        self.lock_state().held = true;
        let mut hold = self.hold.subscribe();
        // The sender lives as long as `self`.
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
    fn a_fault_meets_the_nth_call_of_its_kind_and_a_refusal_stays() {
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
        // Whatever comes fourth; then what is of its kind.
        assert_eq!(
            met(Fault::Refused(refusal), Trigger::nth_call(4), &["a", "b", "b", "a", "b", "a"]),
            [false, false, false, true, false, true]
        );
    }
}
