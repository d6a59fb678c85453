//! The peer: zappa, as PyPI has it, deploying the Flask app of its own tutorial.

use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;
use lzap_testkit::{Python, target};
use serde_json::json;

use super::{Measured, REGION, Stand};
use crate::shell::Result;

const REQUIREMENTS: &str = "zappa==0.63.0\nflask==3.1.2\nsetuptools==80.9.0\n";

const APP: &str = "from flask import Flask

app = Flask(__name__)


@app.route('/')
def hello():
    return 'Hello'
";

/// First deploy, the same again, new code, undeploy.
pub(super) fn measure(stand: &Stand) -> Result<Vec<Measured>> {
    let python = Python::with_requirements(&target().join("venv-zappa"), REQUIREMENTS)?;
    let project = project()?;
    let zappa = |args: &[&str]| {
        let mut command = python.command("zappa");
        command.args(args).current_dir(&project);
        on_path(&mut command);
        command
    };
    let mut measured = vec![
        stand.measure("first deploy", &mut zappa(&["deploy", "dev"]))?,
        stand.measure("update, nothing changed", &mut zappa(&["update", "dev"]))?,
    ];
    fs::write(project.join("app.py"), APP.replace("Hello", "Hello again"))?;
    measured.push(stand.measure("update, new code", &mut zappa(&["update", "dev"]))?);
    measured.push(stand.measure("undeploy", &mut zappa(&["undeploy", "dev", "--yes"]))?);
    Ok(measured)
}

/// The settings that `zappa init` writes, and no request to a URL that moto doesn't serve.
fn project() -> Result<PathBuf> {
    let folder = target().join("bench/zappa-hello");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("app.py"), APP)?;
    let settings = json!({"dev": {
        "app_function": "app.app",
        "aws_region": REGION,
        "project_name": "zappa-hello",
        "runtime": "python3.11",
        "s3_bucket": "zappa-bench-bucket",
        "touch": false,
    }});
    fs::write(folder.join("zappa_settings.json"), settings.to_string())?;
    Ok(folder)
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
