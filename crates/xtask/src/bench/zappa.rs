//! The peer: zappa, as PyPI has it, deploying a Flask app of five lines.

use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;
use lzap_testkit::{Python, target};
use serde_json::json;

use super::{Measured, REGION, Stand};
use crate::shell::{Result, quiet_output};

const REQUIREMENTS: &str = "zappa==0.63.0\nflask==3.1.2\nsetuptools==80.9.0\n";

const APP: &str = "from flask import Flask

app = Flask(__name__)


@app.route('/')
def hello():
    return 'Hello'
";

/// A Python environment with zappa, and a project beside it.
pub(super) struct Zappa {
    python: Python,
    project: PathBuf,
}

impl Zappa {
    pub(super) fn new() -> Result<Self> {
        let python = Python::with_requirements(&target().join("venv-zappa"), REQUIREMENTS)?;
        let project = target().join("bench/zappa-hello");
        if project.exists() {
            fs::remove_dir_all(&project)?;
        }
        fs::create_dir_all(&project)?;
        Ok(Self { python, project })
    }

    /// First deploy, the same again, new code, undeploy.
    pub(super) fn measure(&self, stand: &Stand) -> Result<Vec<Measured>> {
        fs::write(self.project.join("app.py"), APP)?;
        fs::write(self.project.join("zappa_settings.json"), self.settings()?)?;
        let mut measured = vec![
            stand.measure("first deploy", &mut self.zappa(&["deploy", "dev"]))?,
            stand.measure("again, nothing changed", &mut self.zappa(&["update", "dev"]))?,
        ];
        fs::write(self.project.join("app.py"), APP.replace("Hello", "Hello again"))?;
        measured.push(stand.measure("new code", &mut self.zappa(&["update", "dev"]))?);
        measured.push(stand.measure("undeploy", &mut self.zappa(&["undeploy", "dev", "--yes"]))?);
        Ok(measured)
    }

    /// What the figures depend on, in words.
    pub(super) fn versions(&self) -> Result<String> {
        let of = |python: &Python, package: &str| {
            let script = format!("import importlib.metadata as it; print(it.version('{package}'))");
            quiet_output(python.command("python").args(["-c", &script])).map(|text| text.trim().to_owned())
        };
        Ok(format!(
            "lzap {}, zappa {} with flask {} on Python {}, moto {}",
            env!("CARGO_PKG_VERSION"),
            of(&self.python, "zappa")?,
            of(&self.python, "flask")?,
            self.python_version()?,
            of(&Python::ready()?, "moto")?,
        ))
    }

    /// What `zappa init` writes, and no request to a URL that moto doesn't serve.
    fn settings(&self) -> Result<String> {
        let settings = json!({"dev": {
            "app_function": "app.app",
            "aws_region": REGION,
            "exclude": ["boto3", "dateutil", "botocore", "s3transfer", "concurrent"],
            "project_name": "zappa-hello",
            "runtime": format!("python{}", self.python_version()?),
            "s3_bucket": "zappa-bench-bucket",
            "touch": false,
        }});
        Ok(settings.to_string())
    }

    /// As in Lambda's names of its runtimes.
    fn python_version(&self) -> Result<String> {
        let script = "import sys; print('%d.%d' % sys.version_info[:2])";
        Ok(quiet_output(self.python.command("python").args(["-c", script]))?.trim().to_owned())
    }

    fn zappa(&self, args: &[&str]) -> Command {
        let mut command = self.python.command("zappa");
        command.args(args).current_dir(&self.project);
        on_path(&mut command);
        command
    }
}

/// zappa calls the programs of its own environment by name.
fn on_path(command: &mut Command) {
    let program = Path::new(command.get_program());
    let folder = program.parent().unwrap_or(program).to_owned();
    let rest = std::env::var_os("PATH").unwrap_or_default();
    if let Ok(path) = std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&rest))) {
        command.env("PATH", path);
    }
}
