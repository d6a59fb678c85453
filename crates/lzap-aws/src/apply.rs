//! Carrying out a plan: its graph, as wide as it goes.
//!
//! A step starts when all the steps that it waits for are done. At the first failure no new step starts; those that
//! run come to their end, since a call that was sent can't be taken back. The same happens when the plan is told to stop.
//! What was done stays: running the command again observes it and plans the rest.
//!
//! A plan may be carried out in parts: what is [`Applied`] of one counts for the next.
//!
//! One step is applied in [`crate::resource`]. Nothing here decides: what AWS names only now (an API's id, a version's
//! number) is put where the plan says.

mod error;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use lzap_core::event::Event;
use lzap_core::names::Names;
use lzap_core::plan::{Plan, Step};
use lzap_core::step::{ResourceId, StepId};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::clients::Clients;
use crate::resource;
use crate::resource::step::{Created, CreatedIds, StepContext, StepError};
use crate::retry::Progress;

pub use error::ApplyError;

/// What was carried out so far, and what AWS named on the way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    /// The steps that were applied: a later plan of the same command takes such steps as done.
    done: Vec<Step>,
    created: CreatedIds,
}

impl Applied {
    /// The version that was published, or that the alias was switched to.
    pub fn version(&self) -> Option<&str> {
        self.created.switched.as_deref().or(self.created.published_version())
    }

    /// The URL of the API that was made.
    pub fn endpoint(&self) -> Option<&str> {
        self.created.endpoint.as_deref()
    }

    /// Whether nothing was carried out.
    pub fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// The resources whose changes have begun.
    pub fn begun(&self) -> BTreeSet<&ResourceId> {
        self.done.iter().map(|step| &step.target.resource).collect()
    }

    fn has(&self, step: &Step) -> bool {
        self.done.iter().any(|done| done.does_the_same_as(step))
    }
}

/// Where a plan is carried out, and who is told.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The cloud.
    pub clients: &'a Clients,
    /// The stage's names there.
    pub names: &'a Names,
    /// Told of each step; that nobody listens is no reason to stop.
    pub events: &'a UnboundedSender<Event>,
    /// When it is cancelled, no new step starts, and those that wait end.
    pub stop: &'a CancellationToken,
}

/// Carries out `plan`, but for what is `applied` already, and adds to that what it does.
///
/// # Errors
/// A step failed: which, why, and how many are done. The new version didn't answer the probe; traffic was not
/// switched. It was told to stop.
pub async fn apply(site: Site<'_>, plan: &Plan, applied: &mut Applied) -> Result<(), ApplyError> {
    let total = plan.steps.len();
    let (mut done, mut waiting): (BTreeSet<StepId>, BTreeSet<StepId>) =
        (0..total).map(StepId).partition(|id| applied.has(plan.step(*id)));
    let mut failure: Option<StepError> = None;
    let mut running = FuturesUnordered::new();
    loop {
        if failure.is_none() && !site.stop.is_cancelled() {
            for id in ready(plan, &waiting, &done) {
                waiting.remove(&id);
                running.push(site.run(id, plan.step(id), applied.created.clone()));
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
                let _ = site.events.send(Event::StepDone(id));
            }
            // The first failure is the cause; what fails beside it mostly fails of the same.
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if site.stop.is_cancelled() && done.len() < total {
        return Err(ApplyError::Stopped { done: done.len(), total });
    }
    match failure {
        Some(error) => Err(ApplyError::new(error.explained(site.clients), done.len(), total)),
        None => Ok(()),
    }
}

fn ready(plan: &Plan, waiting: &BTreeSet<StepId>, done: &BTreeSet<StepId>) -> Vec<StepId> {
    let free = |id: &&StepId| plan.step(**id).after.iter().all(|before| done.contains(before));
    waiting.iter().filter(free).copied().collect()
}

impl Site<'_> {
    async fn run(self, id: StepId, step: &Step, created: CreatedIds) -> (StepId, Result<Created, StepError>) {
        let progress = Progress::of(id, self.events, self.stop);
        progress.tell(Event::StepStarted);
        let verb = step.operation.verb();
        let span = tracing::info_span!("step", stage = self.names.stage, step = id.0, verb);
        let names = self.names.of(step.part);
        let context = StepContext { clients: self.clients, names: &names, created: &created, progress };
        (id, resource::apply(context, &step.operation).instrument(span).await)
    }
}
