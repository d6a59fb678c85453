//! Why no plan can be made.

use crate::ids::VersionNumber;
use crate::names::Names;

/// No plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The name is taken.
    #[error("{resource} `{name}` exists, but does not carry the tags of app `{app}`, stage `{stage}`")]
    NotOurs {
        /// The kind of resource.
        resource: &'static str,
        /// Its name.
        name: String,
        /// The app.
        app: String,
        /// The stage.
        stage: String,
    },
    /// The role is under another path.
    #[error("role `{role}` exists under the path `{live}`, and AWS can't move it to `{wanted}`")]
    RolePath {
        /// The role.
        role: String,
        /// The live location.
        live: String,
        /// The configured location.
        wanted: String,
        /// The stage.
        stage: String,
    },
    /// The stage isn't there.
    #[error("stage `{stage}` of `{app}` is not deployed")]
    NotDeployed {
        /// The app.
        app: String,
        /// The stage.
        stage: String,
    },
    /// Nothing was live before.
    #[error("no version that was live before version {live} still exists")]
    NothingBefore {
        /// The live version.
        live: VersionNumber,
        /// The versions that exist.
        existing: String,
    },
    /// A canary gets a part of the traffic, and isn't what is being deployed.
    #[error("version {version} gets {percent} % of the traffic as a canary")]
    CanaryRuns {
        /// The canary.
        version: VersionNumber,
        /// Its share.
        percent: u8,
        /// The stage.
        stage: String,
    },
    /// There is no canary to end.
    #[error("no canary runs: version {live} gets all of the traffic")]
    NoCanary {
        /// The stage.
        stage: String,
        /// The live version.
        live: VersionNumber,
    },
    /// The version isn't there.
    #[error("version {version} does not exist")]
    NoSuchVersion {
        /// The version asked for.
        version: VersionNumber,
        /// The versions that exist.
        existing: String,
    },
}

impl PlanError {
    pub(crate) fn not_deployed(names: &Names) -> Self {
        Self::NotDeployed { app: names.app.clone(), stage: names.stage.clone() }
    }
}
