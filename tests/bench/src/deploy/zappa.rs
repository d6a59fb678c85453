//! zappa: a Flask app of five lines, and the settings that `zappa init` writes.

use std::process::Command;

use serde_json::json;

use super::{Stand, Step, Tool};
use crate::REGION;
use crate::peer::Peer;
use lzap_testkit::shell::Result;

const REQUIREMENTS: &str = "zappa==0.63.0\nflask==3.1.2\nsetuptools==80.9.0\n";

pub(crate) const APP: &str = "from flask import Flask

app = Flask(__name__)


@app.route('/')
def hello():
    return 'Hello'
";

pub(super) struct Zappa(Peer);

impl Zappa {
    pub(super) fn new() -> Result<Self> {
        let this = Self(Peer::new("zappa", REQUIREMENTS)?);
        this.0.write("zappa_settings.json", &this.settings()?)?;
        Ok(this)
    }

    /// The settings that `zappa init` writes, but with `touch` off: it would request a URL that moto does not
    /// serve.
    fn settings(&self) -> Result<String> {
        let settings = json!({"dev": {
            "app_function": "app.app",
            "aws_region": REGION,
            "exclude": ["boto3", "dateutil", "botocore", "s3transfer", "concurrent"],
            "project_name": "zappa-hello",
            "runtime": format!("python{}", self.0.python_version()?),
            "s3_bucket": "zappa-bench-bucket",
            "touch": false,
        }});
        Ok(settings.to_string())
    }
}

impl Tool for Zappa {
    fn name(&self) -> &'static str {
        "zappa"
    }

    fn version(&self) -> Result<String> {
        let (zappa, flask) = (self.0.version("zappa")?, self.0.version("flask")?);
        Ok(format!("zappa {zappa} with flask {flask} on Python {}", self.0.python_version()?))
    }

    fn api_is_in_a_stack(&self) -> bool {
        true
    }

    fn command(&self, step: Step, _stand: &Stand) -> Result<Option<Command>> {
        match step {
            Step::First => self.0.write("app.py", APP)?,
            Step::Code => self.0.write("app.py", &APP.replace("Hello", "Hello again"))?,
            Step::Unchanged | Step::Delete => {}
        }
        let args: &[&str] = match step {
            Step::First => &["deploy", "dev"],
            Step::Unchanged | Step::Code => &["update", "dev"],
            Step::Delete => &["undeploy", "dev", "--yes"],
        };
        Ok(Some(self.0.command("zappa", args)))
    }
}
