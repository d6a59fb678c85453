//! Carrying out a plan: its graph, as wide as it goes.
//!
//! A step starts when all the steps that it waits for are done. At the first failure no new step starts; those that
//! run come to their end, since a call that was sent can't be taken back. The same happens when the plan is told to stop.
//! What was done stays: running the command again observes it and plans the rest.
//!
//! A plan may be carried out in parts: what is [`Applied`] of one counts for the next.
//!
//! What one step makes is in [`call`]; the way of Lambda's steps, which wait for their effect, in [`settle`]. Nothing
//! here decides: what AWS names only now (an API's id, a version's number) is put where the plan says.

mod call;
mod error;
mod settle;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use lzap_core::desired::FunctionConfig;
use lzap_core::event::Event;
use lzap_core::names::Names;
use lzap_core::step::{ApiRef, Call, IntegrationRef, Plan, Share, Step, StepId, VersionRef};
use lzap_wire::limits::TIMEOUT_SECS;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::clients::Clients;
use crate::error::AwsError;
use crate::lambda::{Published, State};
use crate::retry::Progress;

pub use error::ApplyError;
use error::StepError;

/// What was carried out so far, and what AWS named on the way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    /// The calls that were made: a later plan that has them among its steps takes them as done.
    done: Vec<Call>,
    late: Late,
}

impl Applied {
    /// The version that was published, or that the alias was switched to.
    pub fn version(&self) -> Option<&str> {
        let published = self.late.published.as_ref().map(|published| published.number.as_str());
        self.late.switched.as_deref().or(published)
    }

    /// The URL of the API that was made.
    pub fn endpoint(&self) -> Option<&str> {
        self.late.api.as_ref().map(|(_, endpoint)| endpoint.as_str())
    }

    /// Whether nothing was carried out.
    pub fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// Which of the changes of `plan` were begun: their places.
    pub fn begun(&self, plan: &Plan) -> BTreeSet<usize> {
        plan.steps.iter().filter(|step| self.done.contains(&step.call)).map(|step| step.change).collect()
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
    let is_done = |id: &StepId| applied.done.contains(&plan.steps[*id].call);
    let mut done: BTreeSet<StepId> = (0..total).filter(is_done).collect();
    let mut waiting: BTreeSet<StepId> = (0..total).filter(|id| !done.contains(id)).collect();
    let mut failure: Option<StepError> = None;
    let mut running = FuturesUnordered::new();
    loop {
        if failure.is_none() && !site.stop.is_cancelled() {
            for id in ready(plan, &waiting, &done) {
                waiting.remove(&id);
                running.push(site.run(id, &plan.steps[id], applied.late.clone()));
            }
        }
        let Some((id, outcome)) = running.next().await else {
            break;
        };
        match outcome {
            Ok(made) => {
                applied.late.take(made);
                applied.done.push(plan.steps[id].call.clone());
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
    let free = |id: &&StepId| plan.steps[**id].after.iter().all(|before| done.contains(before));
    waiting.iter().filter(free).copied().collect()
}

impl Site<'_> {
    async fn run(self, id: StepId, step: &Step, late: Late) -> (StepId, Result<Made, StepError>) {
        let progress = Progress::of(id, self.events, self.stop);
        progress.tell(Event::StepStarted);
        let span = tracing::info_span!("step", stage = self.names.stage, step = id, verb = step.call.verb());
        (id, self.carry_out(&step.call, &late, progress).instrument(span).await)
    }
}

/// What a step made that later steps refer to.
enum Made {
    /// Nothing that isn't known by its name.
    Nothing,
    /// The API: id and endpoint.
    Api(String, String),
    /// The integration's id.
    Integration(String),
    /// The version.
    Version(Published),
    /// The version of the workers.
    Workers(Published),
    /// The alias points to this version now.
    Switched(String),
}

/// What AWS named while the plan was carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Late {
    api: Option<(String, String)>,
    integration: Option<String>,
    published: Option<Published>,
    workers: Option<Published>,
    switched: Option<String>,
}

impl Late {
    fn take(&mut self, made: Made) {
        match made {
            Made::Nothing => {}
            Made::Api(id, endpoint) => self.api = Some((id, endpoint)),
            Made::Integration(id) => self.integration = Some(id),
            Made::Version(version) => self.published = Some(version),
            Made::Workers(version) => self.workers = Some(version),
            Made::Switched(version) => self.switched = Some(version),
        }
    }

    fn api<'a>(&'a self, api: &'a ApiRef) -> Result<&'a str, AwsError> {
        match (api, &self.api) {
            (ApiRef::Known(id), _) | (ApiRef::Created, Some((id, _))) => Ok(id),
            (ApiRef::Created, None) => Err(too_early("apigateway:CreateApi")),
        }
    }

    fn integration<'a>(&'a self, integration: &'a IntegrationRef) -> Result<&'a str, AwsError> {
        match (integration, &self.integration) {
            (IntegrationRef::Known(id), _) | (IntegrationRef::Created, Some(id)) => Ok(id),
            (IntegrationRef::Created, None) => Err(too_early("apigateway:CreateIntegration")),
        }
    }

    /// The settings, with the number of the workers that were published meanwhile.
    fn named(&self, config: &FunctionConfig) -> Result<FunctionConfig, AwsError> {
        let workers = match (&config.workers, &self.workers) {
            (Some(VersionRef::Published), Some(published)) => {
                Some(VersionRef::Known(published.number.clone()))
            }
            (Some(VersionRef::Published), None) => return Err(too_early("lambda:PublishVersion")),
            (known, _) => known.clone(),
        };
        Ok(FunctionConfig { workers, ..config.clone() })
    }

    fn published(&self) -> Result<&Published, AwsError> {
        self.published.as_ref().ok_or_else(|| too_early("lambda:PublishVersion"))
    }

    /// The version to probe. Of one that serves already nobody knows here how long it may take.
    fn probed(&self, version: &VersionRef) -> Result<Published, AwsError> {
        match version {
            VersionRef::Published => self.published().cloned(),
            VersionRef::Known(number) => Ok(Published {
                number: number.clone(),
                timeout_secs: *TIMEOUT_SECS.end(),
                state: State::Settled,
            }),
        }
    }

    /// A canary's version and its share in percent.
    fn share(&self, share: Option<&Share>) -> Result<Option<(String, u8)>, AwsError> {
        share.map(|share| Ok((self.number(&share.version)?.to_owned(), share.percent))).transpose()
    }

    fn number<'a>(&'a self, version: &'a VersionRef) -> Result<&'a str, AwsError> {
        match version {
            VersionRef::Known(number) => Ok(number),
            VersionRef::Published => Ok(&self.published()?.number),
        }
    }
}

/// A plan whose steps don't wait for what they refer to: a mistake of the planner, not of the cloud.
fn too_early(operation: &'static str) -> AwsError {
    AwsError::broken(operation, "the plan uses what this call makes before it is made")
}
