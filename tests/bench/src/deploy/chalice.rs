//! Chalice: the app and the configuration that `chalice new-project` writes.

use std::process::Command;

use fs_err as fs;
use serde_json::json;

use super::{Stand, Step, Tool};
use crate::peer::Peer;
use lzap_testkit::shell::Result;

const REQUIREMENTS: &str = "chalice==1.34.0\nsetuptools==80.9.0\n";

const APP: &str = "from chalice import Chalice

app = Chalice(app_name='chalice-hello')


@app.route('/')
def hello():
    return {'hello': 'world'}
";

pub(super) struct Chalice(Peer);

impl Chalice {
    pub(super) fn new() -> Result<Self> {
        Ok(Self(Peer::new("chalice", REQUIREMENTS)?))
    }

    /// The project without any record of an earlier deploy.
    fn start_anew(&self) -> Result {
        let state = self.0.project.join(".chalice");
        if state.exists() {
            fs::remove_dir_all(state)?;
        }
        let config = json!({
            "version": "2.0",
            "app_name": "chalice-hello",
            "stages": {"dev": {"api_gateway_stage": "api"}},
        });
        self.0.write(".chalice/config.json", &config.to_string())?;
        self.0.write("requirements.txt", "")?;
        self.0.write("app.py", APP)
    }
}

impl Tool for Chalice {
    fn name(&self) -> &'static str {
        "chalice"
    }

    fn version(&self) -> Result<String> {
        Ok(format!("Chalice {}", self.0.version("chalice")?))
    }

    fn command(&self, step: Step, _stand: &Stand) -> Result<Option<Command>> {
        match step {
            Step::First => self.start_anew()?,
            Step::Code => self.0.write("app.py", &APP.replace("world", "again"))?,
            Step::Unchanged | Step::Delete => {}
        }
        let verb = if step == Step::Delete { "delete" } else { "deploy" };
        Ok(Some(self.0.command("chalice", &[verb, "--stage", "dev"])))
    }
}
