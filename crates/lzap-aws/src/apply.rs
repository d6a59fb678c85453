//! Carrying out a plan: its graph, as wide as it goes.
//!
//! A step starts when all the steps that it waits for are done. At the first failure no new step starts; those that
//! run come to their end, since a call that was sent can't be taken back. What was done stays: running the command
//! again observes it and plans the rest.
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
use lzap_core::event::Event;
use lzap_core::names::Names;
use lzap_core::step::{ApiRef, IntegrationRef, Plan, Step, StepId, VersionRef};
use tokio::sync::mpsc::UnboundedSender;
use tracing::Instrument;

use crate::clients::Clients;
use crate::error::AwsError;
use crate::lambda::Published;
use crate::retry::Progress;

pub use error::ApplyError;
use error::StepError;

/// What a plan left behind that has no name before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The version that was published, or that the alias was switched to.
    pub version: Option<String>,
    /// The URL of the API that was made.
    pub endpoint: Option<String>,
}

/// Carries out `plan`. Tells of each step in `events`; that nobody listens is no reason to stop.
///
/// # Errors
/// A step failed: which, why, and how many are done. The new version didn't answer the probe; traffic was not
/// switched.
pub async fn apply(
    clients: &Clients,
    names: &Names,
    plan: &Plan,
    events: &UnboundedSender<Event>,
) -> Result<Applied, ApplyError> {
    let cloud = Cloud { clients, names, events };
    let total = plan.steps.len();
    let mut late = Late::default();
    let mut waiting: BTreeSet<StepId> = (0..total).collect();
    let mut done: BTreeSet<StepId> = BTreeSet::new();
    let mut failure: Option<StepError> = None;
    let mut running = FuturesUnordered::new();
    loop {
        if failure.is_none() {
            for id in ready(plan, &waiting, &done) {
                waiting.remove(&id);
                running.push(cloud.run(id, &plan.steps[id], late.clone()));
            }
        }
        let Some((id, outcome)) = running.next().await else {
            break;
        };
        match outcome {
            Ok(made) => {
                late.take(made);
                done.insert(id);
                let _ = events.send(Event::StepDone(id));
            }
            // The first failure is the cause; what fails beside it mostly fails of the same.
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    match failure {
        Some(error) => Err(ApplyError::new(error.explained(clients), done.len(), total)),
        None => Ok(Applied { version: late.version(), endpoint: late.api.map(|(_, endpoint)| endpoint) }),
    }
}

fn ready(plan: &Plan, waiting: &BTreeSet<StepId>, done: &BTreeSet<StepId>) -> Vec<StepId> {
    let free = |id: &&StepId| plan.steps[**id].after.iter().all(|before| done.contains(before));
    waiting.iter().filter(free).copied().collect()
}

/// Where the steps are carried out.
#[derive(Clone, Copy)]
struct Cloud<'a> {
    clients: &'a Clients,
    names: &'a Names,
    events: &'a UnboundedSender<Event>,
}

impl Cloud<'_> {
    async fn run(self, id: StepId, step: &Step, late: Late) -> (StepId, Result<Made, StepError>) {
        let progress = Progress { step: id, events: self.events };
        progress.tell(Event::StepStarted(id));
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
    /// The alias points to this version now.
    Switched(String),
}

/// What AWS named while the plan was carried out.
#[derive(Clone, Debug, Default)]
struct Late {
    api: Option<(String, String)>,
    integration: Option<String>,
    published: Option<Published>,
    switched: Option<String>,
}

impl Late {
    fn take(&mut self, made: Made) {
        match made {
            Made::Nothing => {}
            Made::Api(id, endpoint) => self.api = Some((id, endpoint)),
            Made::Integration(id) => self.integration = Some(id),
            Made::Version(version) => self.published = Some(version),
            Made::Switched(version) => self.switched = Some(version),
        }
    }

    fn version(&self) -> Option<String> {
        self.switched.clone().or_else(|| self.published.as_ref().map(|published| published.number.clone()))
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

    fn published(&self) -> Result<&Published, AwsError> {
        self.published.as_ref().ok_or_else(|| too_early("lambda:PublishVersion"))
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
