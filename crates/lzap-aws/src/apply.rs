//! Applies a plan: its graph of steps, with as many steps at once as the graph allows.
//!
//! A step starts when all its prerequisites are done. At the first failure, and when the user stops the plan, no new
//! step starts; the steps in flight complete, since a request that was sent can't be undone. Applied steps stay:
//! running the command again observes them and plans the rest.
//!
//! A plan may be applied in parts: [`Applied`] carries the results of one part to the next.
//!
//! [`crate::resource`] applies a single step. This module makes no decisions: it only passes on the ids that AWS
//! assigns (an API's id, a version's number) to the steps that need them.

mod error;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use lzap_core::event::Event;
use lzap_core::ids::VersionNumber;
use lzap_core::names::Names;
use lzap_core::plan::{Plan, Step};
use lzap_core::resource::alias::Canary;
use lzap_core::step::{ResourceId, StepId};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::clients::Clients;
use crate::resource;
use crate::resource::step::{Created, CreatedIds, StepContext, StepError};
use crate::retry::Progress;

pub use error::ApplyError;

/// The steps that were applied so far, and the ids that AWS assigned on the way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    /// The steps that were applied: a later plan of the same command takes such steps as done.
    done: Vec<Step>,
    /// The ids that AWS assigned, for the steps that name them by reference.
    created: CreatedIds,
}

impl Applied {
    /// Returns the version that was published, or that the alias was switched to; `None` for a plan that did
    /// neither.
    pub fn version(&self) -> Option<&VersionNumber> {
        self.created.switched.as_ref().or(self.created.published_version())
    }

    /// Returns the canary that the plan has given a share of the requests; `None` if it began none.
    pub fn canary(&self) -> Option<&Canary> {
        self.created.canary.as_ref()
    }

    /// Returns the URL of the front that was created; `None` if the plan created none.
    pub fn endpoint(&self) -> Option<&str> {
        self.created.endpoint.as_deref()
    }

    /// True if no step was applied.
    pub fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// Returns the resources whose changes have begun: at least one step of each was applied.
    pub fn begun(&self) -> BTreeSet<&ResourceId> {
        self.done.iter().map(|step| &step.target.resource).collect()
    }

    /// Returns whether a step of an earlier plan of this command has done the same.
    fn has_step(&self, step: &Step) -> bool {
        self.done.iter().any(|done| done.does_the_same_as(step))
    }
}

/// The context of an execution: the clients, the names and the receiver of the events.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The clients of the account and region.
    pub clients: &'a Clients,
    /// The stage's names in that account and region.
    pub names: &'a Names,
    /// Receives the events of each step; a receiver that was dropped doesn't stop the plan.
    pub events: &'a UnboundedSender<Event>,
    /// When it is cancelled, no new step starts, and the waits of running steps end.
    pub stop: &'a CancellationToken,
}

/// Applies `plan` except for the steps in `applied`, and adds each applied step to `applied`.
///
/// # Errors
/// A step failed; the error says which, why, and how many steps were applied. The new version failed its probe: traffic
/// was not switched. The user stopped the plan.
pub async fn apply(site: Site<'_>, plan: &Plan, applied: &mut Applied) -> Result<(), ApplyError> {
    let total = plan.steps.len();
    // Steps of an earlier part of the same plan count as done, so that later steps don't wait for them.
    let (mut done, mut waiting): (BTreeSet<StepId>, BTreeSet<StepId>) =
        (0..total).map(StepId).partition(|id| applied.has_step(plan.step(*id)));
    let mut failure: Option<StepError> = None;
    let mut running = FuturesUnordered::new();
    loop {
        // A failure or a stop only keeps new steps from starting. The loop goes on until the steps in flight have
        // ended: dropping their futures would leave requests whose results are unknown.
        if failure.is_none() && !site.stop.is_cancelled() {
            for id in find_ready_steps(plan, &waiting, &done) {
                waiting.remove(&id);
                // Each step gets the ids that are known now; it can only refer to those of its prerequisites.
                running.push(site.run_step(id, plan.step(id), applied.created.clone()));
            }
        }
        let Some((id, outcome)) = running.next().await else {
            break;
        };
        match outcome {
            Ok(created) => {
                applied.created.add(created);
                applied.done.push(plan.step(id).clone());
                done.insert(id);
                // The receiver may have been dropped; the plan continues without it.
                let _ = site.events.send(Event::StepDone(id));
            }
            // The first failure is the cause: later ones mostly fail for the same reason.
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    // A stop counts only if steps are missing: Ctrl-C during the last step must not turn a complete deploy into an
    // error.
    if site.stop.is_cancelled() && done.len() < total {
        return Err(ApplyError::Stopped { done: done.len(), total });
    }
    match failure {
        Some(error) => Err(ApplyError::new(error.explained(site.clients), done.len(), total)),
        None => Ok(()),
    }
}

/// Returns the waiting steps whose prerequisites are all done.
fn find_ready_steps(plan: &Plan, waiting: &BTreeSet<StepId>, done: &BTreeSet<StepId>) -> Vec<StepId> {
    let free = |id: &&StepId| plan.step(**id).after.iter().all(|before| done.contains(before));
    waiting.iter().filter(free).copied().collect()
}

impl Site<'_> {
    /// Applies one step with the ids that are known when it starts; returns the ids that it adds. Its id
    /// comes along, because the results arrive in any order.
    async fn run_step(
        self,
        id: StepId,
        step: &Step,
        created: CreatedIds,
    ) -> (StepId, Result<Created, StepError>) {
        let progress = Progress::of(id, self.events, self.stop);
        progress.tell(Event::StepStarted);
        let verb = step.operation.verb();
        // The span has names and ids only; operations hold environment values, which are never logged.
        let span = tracing::info_span!("step", stage = self.names.stage, step = id.0, verb);
        let names = self.names.of(step.part);
        let context = StepContext { clients: self.clients, names: &names, created: &created, progress };
        (id, resource::apply_operation(context, &step.operation).instrument(span).await)
    }
}
