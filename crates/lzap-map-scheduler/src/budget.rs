//! The budget of a map: dollars, and invocations.
//!
//! Lambda has no operation to stop an invocation, so one in flight counts as what it may cost at most: its timeout
//! times its memory. What it did cost counts from its end on. So the sum never exceeds the maximum, whatever the
//! workers do.

use crate::attempt::AttemptEnd;

/// The limits of a map's budget. By default there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BudgetLimits {
    /// In dollars, for the workers only; `None` for no limit.
    pub dollars: Option<f64>,
    /// The largest number of invocations, without throttled ones; `None` for no limit.
    pub invocations: Option<usize>,
    /// The largest cost of one invocation in dollars: its timeout times its memory, and its request.
    pub dollars_per_invocation: f64,
}

/// The limit that ended a map, for an error that names the option to raise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReachedLimit {
    /// Another invocation might have exceeded the maximum cost.
    Dollars,
    /// The invocations are used up, retries and hedged attempts included.
    Invocations,
}

/// The spent part of a budget, and the cost that invocations in flight may still have.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    limits: BudgetLimits,
    /// Dollars of ended invocations; those in flight are added at their maximum when a limit is checked.
    dollars: f64,
    /// Invocations that Lambda accepted, or that are in flight.
    invocations: usize,
    in_flight: usize,
}

impl Budget {
    pub(crate) fn new(limits: BudgetLimits) -> Self {
        Self { limits, dollars: 0.0, invocations: 0, in_flight: 0 }
    }

    /// The limit that another invocation might exceed now; `None` if it may start.
    pub(crate) fn reached_limit(&self) -> Option<ReachedLimit> {
        if self.limits.invocations.is_some_and(|most| self.invocations >= most) {
            return Some(ReachedLimit::Invocations);
        }
        let committed = self.dollars + to_f64(self.in_flight + 1) * self.limits.dollars_per_invocation;
        self.limits.dollars.is_some_and(|most| committed > most).then_some(ReachedLimit::Dollars)
    }

    /// True if there is enough for `needed` invocations beside another one.
    pub(crate) fn has_spare(&self, needed: usize) -> bool {
        let dollars = self.dollars + to_f64(self.in_flight + 1 + needed) * self.limits.dollars_per_invocation;
        self.limits.invocations.is_none_or(|most| self.invocations + needed < most)
            && self.limits.dollars.is_none_or(|most| dollars <= most)
    }

    /// Reserves the maximum cost of an invocation until its end.
    pub(crate) fn record_start(&mut self) {
        self.invocations += 1;
        self.in_flight += 1;
    }

    /// Replaces the reserved cost of an invocation by `dollars`, or by nothing where Lambda does not bill it.
    pub(crate) fn record_end(&mut self, end: &AttemptEnd, dollars: f64) {
        self.in_flight = self.in_flight.saturating_sub(1);
        match end {
            // The function did not run, so nothing is billed.
            AttemptEnd::Throttled { .. }
            | AttemptEnd::OutOfDescriptors
            | AttemptEnd::NotSent(_)
            | AttemptEnd::LambdaUnusable { .. }
            | AttemptEnd::TooLarge { ran: false, .. } => {
                self.invocations = self.invocations.saturating_sub(1);
            }
            // It may still run, until its timeout.
            AttemptEnd::ResponseLost(_) => self.dollars += self.limits.dollars_per_invocation,
            // The caller's clock measures the way there and back too, so it may show more than the timeout.
            _ => self.dollars += dollars.min(self.limits.dollars_per_invocation),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of invocations")]
fn to_f64(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use lzap_wire::invoke::ThrottleReason;

    use super::*;

    const LIMITS: BudgetLimits =
        BudgetLimits { dollars: Some(1.0), invocations: Some(4), dollars_per_invocation: 0.3 };

    fn started(count: usize) -> Budget {
        let mut budget = Budget::new(LIMITS);
        (0..count).for_each(|_| budget.record_start());
        budget
    }

    #[test]
    fn invocation_in_flight_counts_as_its_timeout_until_it_ends() {
        assert_eq!(started(2).reached_limit(), None);
        let mut budget = started(3);
        assert_eq!(budget.reached_limit(), Some(ReachedLimit::Dollars));
        budget.record_end(&AttemptEnd::Done { items: 1, failed: 0 }, 0.01);
        assert_eq!(budget.reached_limit(), None, "it took much less");
    }

    #[test]
    fn lost_response_keeps_counting_as_its_timeout() {
        let mut budget = started(3);
        budget.record_end(&AttemptEnd::ResponseLost(String::new()), 0.01);
        assert_eq!(budget.reached_limit(), Some(ReachedLimit::Dollars));
    }

    #[test]
    fn throttled_invocation_costs_nothing_and_is_not_counted() {
        let mut budget = started(4);
        assert_eq!(budget.reached_limit(), Some(ReachedLimit::Invocations));
        for _ in 0..3 {
            budget
                .record_end(&AttemptEnd::Throttled { reason: ThrottleReason::Rate, retry_after: None }, 0.0);
        }
        assert_eq!(budget.reached_limit(), None);
        assert!(
            budget.has_spare(1) && !budget.has_spare(2),
            "one in flight, another, and a third are 0.9 dollars"
        );
    }
}
