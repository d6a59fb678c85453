//! The two clouds, seen alike.

use std::path::Path;

use lzap_testkit::{LocalCloud, Lzap, Moto, Outcome};
use serde_json::{Value, json};

use crate::support::{HOST, REGION, Result, hello, settings};

/// A cloud that the command set is run against.
pub(crate) trait Cloud {
    /// The stage that is deployed to.
    const STAGE: &'static str;
    /// The region that it is in.
    const REGION: &'static str;
    /// Options that every deploy and update needs here.
    const DEPLOY_OPTIONS: &'static [&'static str];

    /// The user's machine.
    fn lzap(&self) -> &Lzap;

    /// Called before each deploy or update that publishes a version.
    fn expect_probe(&self) -> Result;

    /// Called before a command that asks a version for its tasks.
    fn expect_tasks(&self, tasks: &[&str]) -> Result;

    /// Looks at the cloud past lzap, by boto3.
    fn aws(&self, calls: &[(&str, &str, Value)]) -> Result<Vec<Value>>;

    /// Runs `lzap COMMAND STAGE … --output json` for the hello app with `extra` lines for its stage.
    fn run(&self, command: &str, options: &[&str], extra: &str) -> Result<Outcome> {
        self.run_in(hello()?, command, options, extra)
    }

    /// The same for the crate in `folder`.
    fn run_in(&self, folder: &Path, command: &str, options: &[&str], extra: &str) -> Result<Outcome> {
        let stage = Self::STAGE;
        let place = match stage {
            "local" => String::new(),
            _ => format!("region = \"{}\"\narchitecture = \"{HOST}\"\n", Self::REGION),
        };
        let settings = settings(&format!("app = \"hello\"\n\n[stage.{stage}]\n{place}{extra}\n"))?;
        let config = settings.path().join("lzap.toml").display().to_string();
        let folder_text = folder.display().to_string();
        let mut args =
            vec![command, stage, "--output", "json", "--project", &folder_text, "--config", &config];
        if ["deploy", "update"].contains(&command) {
            args.extend(Self::DEPLOY_OPTIONS);
        }
        args.extend(options);
        self.lzap().run(settings.path(), &args)
    }

    /// A command that publishes a version.
    fn deploy(&self, command: &str, extra: &str) -> Result<Value> {
        self.expect_probe()?;
        Ok(self.run(command, &[], extra)?.expect_success().json())
    }
}

/// moto, and a machine whose AWS is moto.
pub(crate) struct MotoCloud {
    pub(crate) moto: Moto,
    lzap: Lzap,
}

impl MotoCloud {
    pub(crate) fn start() -> Result<Self> {
        let moto = Moto::start()?;
        let lzap = Lzap::with_endpoint(moto.url(), REGION)?;
        Ok(Self { moto, lzap })
    }

    /// The same cloud behind another endpoint.
    pub(crate) fn behind(moto: Moto, endpoint: &str) -> Result<Self> {
        Ok(Self { moto, lzap: Lzap::with_endpoint(endpoint, REGION)? })
    }
}

impl Cloud for MotoCloud {
    const STAGE: &'static str = "dev";
    const REGION: &'static str = REGION;
    // The URLs that moto hands out lead to no server.
    const DEPLOY_OPTIONS: &'static [&'static str] = &["--no-touch"];

    fn lzap(&self) -> &Lzap {
        &self.lzap
    }

    fn expect_probe(&self) -> Result {
        self.moto.queue_probe_answers(REGION, 1)
    }

    fn expect_tasks(&self, tasks: &[&str]) -> Result {
        let answer = json!({"lzap": {"v": 1, "kind": "probe", "runtime": "0.1.0", "tasks": tasks}});
        self.moto.queue_answers(REGION, &[answer])
    }

    fn aws(&self, calls: &[(&str, &str, Value)]) -> Result<Vec<Value>> {
        self.moto.call_aws(REGION, calls)
    }
}

impl Cloud for LocalCloud {
    const STAGE: &'static str = "local";
    const REGION: &'static str = "us-east-1";
    const DEPLOY_OPTIONS: &'static [&'static str] = &[];

    fn lzap(&self) -> &Lzap {
        Self::lzap(self)
    }

    fn expect_probe(&self) -> Result {
        // The function runs and answers by itself.
        Ok(())
    }

    fn expect_tasks(&self, _: &[&str]) -> Result {
        Ok(())
    }

    fn aws(&self, calls: &[(&str, &str, Value)]) -> Result<Vec<Value>> {
        Self::call_aws(self, Self::REGION, calls)
    }
}
