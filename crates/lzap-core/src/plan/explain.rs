//! The table of [`PlanError`]: code, likely cause, help.

use std::borrow::Cow;

use crate::exit::Exit;
use crate::explain::{CommandContext, Explained};
use crate::ids::VersionNumber;
use crate::plan::error::PlanError;

impl PlanError {
    /// Returns the code and the likely cause.
    fn row(&self) -> (&'static str, &'static str) {
        match self {
            Self::NotOurs { .. } => (
                "lzap::plan::not_ours",
                "A resource with the name that lzap would use exists, and lzap did not create it for this app and stage. \
                 lzap changes and deletes only resources with its own tags.",
            ),
            Self::RolePath { .. } => (
                "lzap::plan::role_path",
                "`role_path` was changed after the role was created. AWS can't move a role to another path.",
            ),
            Self::NotDeployed { .. } => (
                "lzap::plan::not_deployed",
                "The command needs a deployed stage, and the stage has no function or no live version in this account and \
                 region.",
            ),
            Self::NothingBefore { .. } => (
                "lzap::plan::nothing_before",
                "The live version is the first one, or the versions before it were deleted (`keep_versions`).",
            ),
            Self::CanaryRuns { .. } => (
                "lzap::plan::canary_runs",
                "A canary has a share of the traffic. Another deploy would replace it before it was promoted or aborted.",
            ),
            Self::NoCanary { .. } => (
                "lzap::plan::no_canary",
                "`--promote` and `--abort` end a canary, and no version has a share of the traffic.",
            ),
            Self::NoSuchVersion { .. } => (
                "lzap::plan::no_such_version",
                "The version was never published, or was deleted by a later deploy (`keep_versions`).",
            ),
        }
    }

    /// Returns one error of each kind, for the reference.
    pub fn examples() -> Vec<Self> {
        let (app, stage) = (|| "APP".to_owned(), || "STAGE".to_owned());
        vec![
            Self::NotOurs { resource: "function", name: "APP-STAGE".to_owned(), app: app(), stage: stage() },
            Self::RolePath {
                role: "ROLE".to_owned(),
                live: "/".to_owned(),
                wanted: "/team/".to_owned(),
                stage: stage(),
            },
            Self::NotDeployed { app: app(), stage: stage() },
            Self::NothingBefore { live: VersionNumber::new("1"), existing: "1".to_owned() },
            Self::CanaryRuns { version: VersionNumber::new("8"), percent: 10, stage: stage() },
            Self::NoCanary { stage: stage(), live: VersionNumber::new("7") },
            Self::NoSuchVersion { version: VersionNumber::new("9"), existing: "6 7 8".to_owned() },
        ]
    }
}

impl Explained for PlanError {
    fn code(&self) -> Cow<'static, str> {
        self.row().0.into()
    }

    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn why(&self) -> Cow<'static, str> {
        self.row().1.into()
    }

    fn help(&self, command: &CommandContext) -> String {
        match self {
            Self::NotOurs { stage, .. } => format!(
                "rename the app or the stage in lzap.toml, or let lzap manage the resource from now on: `lzap deploy \
                 {stage} --adopt`"
            ),
            Self::RolePath { live, stage, .. } => format!(
                "write `role_path = \"{live}\"` into lzap.toml, or create the role again: `lzap undeploy {stage}`, then \
                 `{}`",
                command.again()
            ),
            Self::NotDeployed { stage, .. } => format!("type `lzap deploy {stage}`"),
            Self::NothingBefore { existing, .. } | Self::NoSuchVersion { existing, .. } => format!(
                "type `{} --to VERSION` with one of these versions: {existing}",
                command.for_stage("rollback")
            ),
            Self::CanaryRuns { stage, .. } => {
                format!("end it first: `lzap deploy {stage} --promote` or `lzap deploy {stage} --abort`")
            }
            Self::NoCanary { stage, .. } => format!("start one with `lzap deploy {stage} --canary 10%`"),
        }
    }
}
