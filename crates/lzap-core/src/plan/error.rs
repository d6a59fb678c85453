//! Why no plan can be made.

use crate::names::Names;

/// No plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum PlanError {
    /// The name is taken.
    #[error("{resource} `{name}` exists, but does not carry the tags of app `{app}`, stage `{stage}`")]
    #[diagnostic(
        code(lzap::plan::not_ours),
        help(
            "lzap touches nothing that it did not make: rename the app or the stage in lzap.toml, or take it over with `--adopt`"
        )
    )]
    NotOurs {
        /// Which kind of resource.
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
    #[diagnostic(
        code(lzap::plan::role_path),
        help(
            "write `role_path = \"{live}\"` into lzap.toml, or make it anew: `lzap undeploy {stage}`, then deploy again"
        )
    )]
    RolePath {
        /// The role.
        role: String,
        /// Where it is.
        live: String,
        /// Where it should be.
        wanted: String,
        /// The stage.
        stage: String,
    },
    /// The stage isn't there.
    #[error("stage `{stage}` of `{app}` is not deployed")]
    #[diagnostic(code(lzap::plan::not_deployed), help("type `lzap deploy {stage}`"))]
    NotDeployed {
        /// The app.
        app: String,
        /// The stage.
        stage: String,
    },
    /// Nothing was live before.
    #[error("no version that was live before version {live} still exists")]
    #[diagnostic(
        code(lzap::plan::nothing_before),
        help("name one with `lzap rollback --to VERSION`; these exist: {existing}")
    )]
    NothingBefore {
        /// The live version.
        live: String,
        /// The versions that exist.
        existing: String,
    },
    /// A canary gets a part of the traffic, and isn't what is being deployed.
    #[error("version {version} gets {percent} % of the traffic as a canary")]
    #[diagnostic(
        code(lzap::plan::canary_runs),
        help("end it first: `lzap deploy {stage} --promote` or `lzap deploy {stage} --abort`")
    )]
    CanaryRuns {
        /// The canary.
        version: String,
        /// Its share.
        percent: u8,
        /// The stage.
        stage: String,
    },
    /// There is no canary to end.
    #[error("no canary runs: version {live} gets all of the traffic")]
    #[diagnostic(code(lzap::plan::no_canary), help("begin one with `lzap deploy {stage} --canary 10%`"))]
    NoCanary {
        /// The stage.
        stage: String,
        /// The live version.
        live: String,
    },
    /// The version isn't there.
    #[error("version {version} does not exist")]
    #[diagnostic(code(lzap::plan::no_such_version), help("these exist: {existing}"))]
    NoSuchVersion {
        /// The version asked for.
        version: String,
        /// The versions that exist.
        existing: String,
    },
}

impl PlanError {
    pub(crate) fn not_deployed(names: &Names) -> Self {
        Self::NotDeployed { app: names.app.clone(), stage: names.stage.clone() }
    }
}
