//! The inputs of a step's execution, and the ids that AWS assigns on the way.
//!
//! A plan is made before anything is created, so its steps name some resources by reference: "the API that
//! this plan creates". The functions `resolve_…` turn a reference into the id that an earlier step got from
//! AWS.

use std::collections::BTreeMap;

use lzap_core::ids::{ApiId, VersionNumber};
use lzap_core::names::{Names, Part};
use lzap_core::resource::alias::Canary;
use lzap_core::resource::function::FunctionConfig;
use lzap_core::resource::reference::{ApiRef, IntegrationRef, VersionRef};

use crate::clients::Clients;
use crate::error::AwsError;
use crate::retry::Progress;

/// The inputs of a step's execution.
#[derive(Clone, Copy)]
pub(crate) struct StepContext<'a> {
    /// Those of the stage's account and region.
    pub(crate) clients: &'a Clients,
    /// The stage's names, of the function that the step is for.
    pub(crate) names: &'a Names,
    /// The ids that were known when the step started, which are all that it may refer to.
    pub(crate) created: &'a CreatedIds,
    /// Reports the step's waits, and ends them when the plan is stopped.
    pub(crate) progress: Progress<'a>,
}

/// A resource that a step created and that later steps refer to.
pub(crate) enum Created {
    /// A resource with a name of its own, which later steps know.
    Nothing,
    /// A front: its URL, and its id if it is an API. Permissions and rules of an API need the id.
    Front { url: String, api_id: Option<ApiId> },
    /// The id of the integration.
    Integration(String),
    /// A version of one of the functions.
    Version(Part, Published),
    /// The alias points to this version now, and gives the canary a share of the requests.
    Switched { version: VersionNumber, canary: Option<Canary> },
}

/// A version that was just published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) number: VersionNumber,
    /// The function's timeout in this version, for how long its probe may take.
    pub(crate) timeout_secs: u32,
}

/// The ids that AWS has assigned since the plan began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CreatedIds {
    /// Of the API that the plan created; `None` for a function URL.
    pub(crate) api_id: Option<ApiId>,
    /// The URL of the front that the plan created.
    pub(crate) endpoint: Option<String>,
    integration: Option<String>,
    /// One version at most for each of the two functions.
    published: BTreeMap<Part, Published>,
    /// The version that the alias was pointed to.
    pub(crate) switched: Option<VersionNumber>,
    /// The canary that the alias was given; `None` also after a write that ended one.
    pub(crate) canary: Option<Canary>,
}

/// The cause of a failed step.
#[derive(Debug)]
pub(crate) enum StepError {
    /// AWS refused the call, or didn't respond.
    Aws(AwsError),
    /// The version failed its probe. The reason is a clause; the log is what Lambda returned with the
    /// response.
    Probe { version: VersionNumber, reason: String, log_tail: Vec<String> },
    /// The new front doesn't respond, after as long as a front may take to propagate.
    Front { url: String, reason: String },
    /// The version doesn't have a task that a schedule calls. `known` are those that it has.
    NoTask { version: VersionNumber, task: String, known: Vec<String> },
}

impl From<AwsError> for StepError {
    fn from(error: AwsError) -> Self {
        Self::Aws(error)
    }
}

impl CreatedIds {
    /// Adds the result of a step.
    pub(crate) fn add(&mut self, created: Created) {
        match created {
            Created::Nothing => {}
            Created::Front { url, api_id } => {
                self.api_id = api_id;
                self.endpoint = Some(url);
            }
            Created::Integration(id) => self.integration = Some(id),
            Created::Version(part, version) => {
                self.published.insert(part, version);
            }
            Created::Switched { version, canary } => {
                self.switched = Some(version);
                self.canary = canary;
            }
        }
    }

    /// Returns the number of the version of the app that was published; `None` before that.
    pub(crate) fn published_version(&self) -> Option<&VersionNumber> {
        self.published.get(&Part::App).map(|published| &published.number)
    }
}

impl<'a> StepContext<'a> {
    /// Returns the API's id: the observed one, or that of the API that the plan created.
    pub(crate) fn resolve_api(self, api: &'a ApiRef) -> Result<&'a ApiId, AwsError> {
        match api {
            ApiRef::Known(id) => Ok(id),
            ApiRef::Created => self.created.api_id.as_ref().ok_or_else(|| too_early("apigateway:CreateApi")),
        }
    }

    /// Returns the integration's id: the observed one, or that of the integration that the plan created.
    pub(crate) fn resolve_integration(self, integration: &'a IntegrationRef) -> Result<&'a str, AwsError> {
        match integration {
            IntegrationRef::Known(id) => Ok(id),
            IntegrationRef::Created => {
                self.created.integration.as_deref().ok_or_else(|| too_early("apigateway:CreateIntegration"))
            }
        }
    }

    /// Returns the version of the step's function that the plan published.
    pub(crate) fn resolve_published(self) -> Result<&'a Published, AwsError> {
        self.resolve_published_of(self.names.part)
    }

    /// The same for the function `part`, which may be another than the step's.
    fn resolve_published_of(self, part: Part) -> Result<&'a Published, AwsError> {
        self.created.published.get(&part).ok_or_else(|| too_early("lambda:PublishVersion"))
    }

    /// Returns the version's number: the observed one, or that of the version that the plan published.
    pub(crate) fn resolve_version(self, version: &'a VersionRef) -> Result<&'a VersionNumber, AwsError> {
        match version {
            VersionRef::Known(number) => Ok(number),
            VersionRef::Published => Ok(&self.resolve_published()?.number),
        }
    }

    /// Returns the settings, with the number of the worker function's version in the place of the reference.
    pub(crate) fn resolve_workers(self, config: &FunctionConfig) -> Result<FunctionConfig, AwsError> {
        let workers = match &config.workers {
            Some(VersionRef::Published) => {
                Some(VersionRef::Known(self.resolve_published_of(Part::Workers)?.number.clone()))
            }
            known => known.clone(),
        };
        Ok(FunctionConfig { workers, ..config.clone() })
    }
}

/// Returns the error for a step that runs before the one that creates its resource: an error of the planner,
/// not of AWS.
pub(crate) fn too_early(operation: &'static str) -> AwsError {
    AwsError::broken(operation, "the plan uses what this call creates before it is created")
}
