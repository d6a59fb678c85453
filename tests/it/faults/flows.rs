//! The commands that are disturbed, what was there before, and what they lead to when nothing disturbs them.

use std::collections::BTreeMap;
use std::time::Duration;

use lzap_testkit::{
    ACCOUNT, Account, Lzap, Outcome, Proxy, Recording, RememberedCargo, Running, TempProject,
};
use serde_json::Value;

use crate::support::{HOST, REGION, Result};

/// The `lzap.toml`s of an app's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Config {
    First,
    /// Another file in the zip: other code.
    Code,
    /// Every other setting that has a call of its own.
    Settings,
    /// A second function.
    Workers,
    /// Another front.
    Url,
}

const CONFIGS: [(Config, &str); 5] = [
    (Config::First, ""),
    (Config::Code, "include = [\"src/main.rs\"]"),
    (
        Config::Settings,
        "memory_mb = 1024\nlog_retention_days = 7\nkeep_warm = { every_mins = 10 }\nenvironment = { GREETING = \"hi\" }",
    ),
    (Config::Workers, "[stage.dev.workers]\nconcurrency = 4"),
    (Config::Url, "front = \"function-url\""),
];

/// A command, and the commands before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) name: &'static str,
    before: &'static [(&'static str, Config)],
    pub(super) command: &'static str,
    config: Config,
    /// Reads are disturbed too; without, only what no other flow disturbs.
    reads: bool,
}

const DEPLOYED: &[(&str, Config)] = &[("deploy", Config::First)];
const UPDATED: &[(&str, Config)] = &[("deploy", Config::First), ("update", Config::Settings)];
const MANNED: &[(&str, Config)] = &[("deploy", Config::Workers)];
const WITH_URL: &[(&str, Config)] = &[("deploy", Config::Url)];

pub(super) const FLOWS: [Flow; 10] = [
    Flow { name: "first deploy", before: &[], command: "deploy", config: Config::First, reads: true },
    Flow { name: "code update", before: DEPLOYED, command: "update", config: Config::Code, reads: true },
    Flow {
        name: "config update",
        before: DEPLOYED,
        command: "update",
        config: Config::Settings,
        reads: true,
    },
    Flow { name: "rollback", before: UPDATED, command: "rollback", config: Config::Settings, reads: true },
    Flow { name: "undeploy", before: UPDATED, command: "undeploy", config: Config::Settings, reads: true },
    Flow { name: "workers come", before: DEPLOYED, command: "deploy", config: Config::Workers, reads: false },
    Flow { name: "workers go", before: MANNED, command: "deploy", config: Config::First, reads: false },
    Flow { name: "url comes", before: DEPLOYED, command: "deploy", config: Config::Url, reads: false },
    Flow { name: "url goes", before: WITH_URL, command: "deploy", config: Config::First, reads: false },
    Flow { name: "url undeploy", before: WITH_URL, command: "undeploy", config: Config::Url, reads: false },
];

/// Whether an operation changes nothing.
pub(super) fn is_read(operation: &str) -> bool {
    let name = operation.split(':').next_back().unwrap_or_default();
    ["Get", "List", "Describe", "Head"].iter().any(|read| name.starts_with(read))
}

/// An app whose build is remembered, and its configurations: all that a thousand deploys have in common.
#[derive(Debug)]
pub(super) struct Workshop {
    app: TempProject,
    cargo: RememberedCargo,
    configs: BTreeMap<Config, TempProject>,
}

impl Workshop {
    pub(super) fn new(app: TempProject) -> Result<Self> {
        let configs = CONFIGS.iter().map(|(config, extra)| {
            let stage = format!("[stage.dev]\nregion = \"{REGION}\"\narchitecture = \"{HOST}\"\n{extra}\n");
            let text = format!("app = \"hello\"\n\n{stage}");
            Ok((*config, TempProject::with_files("settings", &[("lzap.toml", &text)])?))
        });
        // Outside of any repository: a version's description would tell of the checkout's state.
        Ok(Self { app, cargo: RememberedCargo::new()?, configs: configs.collect::<Result<_>>()? })
    }

    /// Starts a command against the cloud at `endpoint`.
    pub(super) fn spawn(&self, endpoint: &str, command: &str, config: Config) -> Result<Running> {
        // Waits take a hundredth of what they take with AWS, and so does patience.
        let lzap = Lzap::with_endpoint(endpoint, REGION)?.env("LZAP_TEST_TIME_SCALE", "0.005");
        let app = self.app.path().display().to_string();
        let config = self.configs[&config].path().join("lzap.toml").display().to_string();
        let mut args = vec![command, "dev", "--yes", "--project", &app, "--config", &config];
        if matches!(command, "deploy" | "update") {
            // The URLs that moto hands out lead to no server.
            args.push("--no-touch");
        }
        self.cargo.apply_to(lzap).spawn(self.app.path(), &args)
    }

    /// Runs a command to its end.
    pub(super) fn run(&self, endpoint: &str, command: &str, config: Config) -> Result<Outcome> {
        // The first one of all compiles the app.
        self.spawn(endpoint, command, config)?.wait_for_exit(Duration::from_mins(10))
    }
}

/// A call of an undisturbed run.
#[derive(Clone, Debug)]
pub(super) struct Point {
    /// `service:Operation`.
    pub(super) operation: String,
    /// See `Call::kind`.
    pub(super) kind: String,
    /// Which one of its kind, beginning with 1.
    pub(super) nth: usize,
}

/// A flow, ready to be disturbed.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) flow: Flow,
    /// The account before the command.
    pub(super) account: Account,
    /// The account after an undisturbed run.
    pub(super) done: Value,
    pub(super) points: Vec<Point>,
}

impl Prepared {
    pub(super) fn new(flow: Flow, empty: &Account, workshop: &Workshop) -> Result<Self> {
        let account = empty.start_copy()?;
        for (command, config) in flow.before {
            drop(workshop.run(account.url(), command, *config)?.expect_success());
        }
        let undisturbed = account.start_copy()?;
        let proxy = Proxy::start(undisturbed.url(), Duration::ZERO)?;
        drop(workshop.run(proxy.url(), flow.command, flow.config)?.expect_success());
        let recording = proxy.take_recording();
        every_call_names_the_owner(&recording);
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let points = recording.calls().iter().zip(recording.check_calls()?).map(|(call, checked)| {
            let nth = seen.entry(call.kind()).or_default();
            *nth += 1;
            Point { operation: checked.operation, kind: call.kind(), nth: *nth }
        });
        let points = points.filter(|point: &Point| flow.reads || !is_read(&point.operation)).collect();
        let done = undisturbed.dump_resources()?;
        drop(workshop.run(undisturbed.url(), "undeploy", flow.config)?.expect_success());
        assert_eq!(
            undisturbed.dump_resources()?,
            empty.dump_resources()?,
            "an undisturbed {} and an undeploy leave nothing",
            flow.name
        );
        Ok(Self { flow, account, done, points })
    }

    /// Starts the flow's command.
    pub(super) fn spawn(&self, endpoint: &str, workshop: &Workshop) -> Result<Running> {
        workshop.spawn(endpoint, self.flow.command, self.flow.config)
    }

    /// Whether this is how the command may end when it is typed again.
    ///
    /// A rollback that was carried out before its answer was lost has nowhere to go any more, and says so.
    pub(super) fn may_end_so(&self, again: &Outcome) -> bool {
        let nowhere =
            self.flow.command == "rollback" && again.stderr.contains("no version that was live before");
        again.code == Some(0) || (nowhere && again.code == Some(2))
    }

    /// Deletes the stage in `account`.
    pub(super) fn undeploy(&self, account: &Account, workshop: &Workshop) -> Result<Outcome> {
        workshop.run(account.url(), "undeploy", self.flow.config)
    }
}

/// Bucket names are global: whoever made the bucket first must not get the code. `CreateBucket` can't say it.
fn every_call_names_the_owner(recording: &Recording) {
    let owner = ("x-amz-expected-bucket-owner".to_owned(), ACCOUNT.to_owned());
    for call in recording.calls().iter().filter(|call| call.service == "s3") {
        let creates = call.method == "PUT" && call.kind().ends_with(&format!("{ACCOUNT}-{REGION}?"));
        assert!(
            creates || call.headers.contains(&owner),
            "{} {}: {:?}",
            call.method,
            call.target,
            call.headers
        );
    }
}
