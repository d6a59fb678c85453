//! A person's consent to a plan that deletes or replaces something.
//!
//! A plan can be applied only as a [`ConsentedPlan`], whose fields are private to this module: so a command
//! can't forget to ask. Whether a change deletes something is for the planner to say
//! (`Plan::destructive_changes`).

use std::collections::BTreeSet;

use lzap_core::plan::Plan;
use lzap_core::step::ResourceId;

use crate::context::Context;
use crate::error::CliError;
use crate::ui::{ask, plan_view};

/// A plan that may be applied: its deletions were confirmed, or it has none.
pub(crate) struct ConsentedPlan {
    plan: Plan,
    /// The resources whose deletion or replacement was confirmed. By resource and not by step, because a new
    /// plan has other steps.
    confirmed: BTreeSet<ResourceId>,
}

impl ConsentedPlan {
    /// Asks before a plan that deletes or replaces something. Shows the plan first if it asks.
    ///
    /// # Errors
    /// There is no terminal to ask on, or the answer is no.
    pub(crate) fn ask(context: &Context, plan: Plan) -> Result<Self, CliError> {
        Self::ask_again(context, plan, BTreeSet::new())
    }

    /// Returns the consent to a plan that takes the place of one that was confirmed. Asks only about what it
    /// deletes beyond that.
    pub(crate) fn replace_plan(self, context: &Context, plan: Plan) -> Result<Self, CliError> {
        Self::ask_again(context, plan, self.confirmed)
    }

    /// Shows the plan, with `--yes` too, and asks unless it is empty. `what` completes the error if there is
    /// no terminal: a clause that says why an answer is needed.
    pub(crate) fn ask_always(
        context: &Context,
        plan: Plan,
        question: &str,
        what: &'static str,
    ) -> Result<Self, CliError> {
        plan_view::show_plan(context.printer, &plan);
        let confirmed = plan.changes().into_iter().map(|change| change.resource).collect();
        if !plan.is_empty() {
            ask::ask_to_confirm(question, what, context.yes)?;
        }
        Ok(Self { plan, confirmed })
    }

    /// Asks only if the plan deletes or replaces a resource that is not in `confirmed`.
    fn ask_again(
        context: &Context,
        plan: Plan,
        mut confirmed: BTreeSet<ResourceId>,
    ) -> Result<Self, CliError> {
        // A new plan often deletes what was confirmed before; only a further deletion needs a question.
        let destroyed: BTreeSet<ResourceId> =
            plan.destructive_changes().into_iter().map(|change| change.resource).collect();
        if !context.yes && !destroyed.is_subset(&confirmed) {
            plan_view::show_plan(context.printer, &plan);
            let what = "the plan deletes or replaces something";
            ask::ask_to_confirm("Delete and replace these?", what, context.yes)?;
        }
        confirmed.extend(destroyed);
        Ok(Self { plan, confirmed })
    }

    /// Returns the part that creates prerequisites. It deletes nothing, so it needs no consent of its own.
    pub(crate) fn prerequisites(&self) -> Self {
        Self { plan: self.plan.prerequisites(), confirmed: BTreeSet::new() }
    }

    /// Returns the plan that was consented to.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }
}
