//! cargo-lambda: a function on `lambda_http` with a function URL, as its own template has it.

use std::path::PathBuf;
use std::process::Command;

use lzap_testkit::target;

use super::{Kind, Stand, Step, Tool};
use crate::peer::Peer;
use lzap_testkit::shell::{Result, quiet_output};

const REQUIREMENTS: &str = "cargo-lambda==1.9.2\nziglang==0.17.1\n";
const NAME: &str = "cargo-lambda-hello";

const MANIFEST: &str = r#"[package]
name = "cargo-lambda-hello"
version = "0.1.0"
edition = "2024"

[dependencies]
lambda_http = "1.3"
tokio = { version = "1", features = ["macros"] }

[workspace]
"#;

const MAIN: &str = r#"use lambda_http::{Body, Error, Request, Response, run, service_fn};

async fn hello(_: Request) -> Result<Response<Body>, Error> {
    Ok(Response::new("Hello".into()))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    run(service_fn(hello)).await
}
"#;

pub(super) struct CargoLambda(Peer);

impl CargoLambda {
    /// The app, compiled in both forms.
    pub(super) fn new() -> Result<Self> {
        let this = Self(Peer::new("cargo-lambda", REQUIREMENTS)?);
        this.0.write("Cargo.toml", MANIFEST)?;
        for (step, main) in [(Step::First, MAIN), (Step::Code, &MAIN.replace("Hello", "Hello again"))] {
            this.0.write("src/main.rs", main)?;
            let mut build = this.cargo_lambda("build", step);
            quiet_output(build.arg("--release"))?;
        }
        Ok(this)
    }

    fn cargo_lambda(&self, verb: &str, step: Step) -> Command {
        let mut command = self.0.command("cargo-lambda", &["lambda", verb]);
        command.arg("--lambda-dir").arg(built(step));
        command
            .env("CARGO_TARGET_DIR", target().join("bench/build-cargo-lambda"))
            .env("RUSTUP_AUTO_INSTALL", "0");
        command
    }
}

/// The folder of what is deployed in a step.
fn built(step: Step) -> PathBuf {
    let form = if step == Step::Code { "new" } else { "old" };
    target().join("bench/cargo-lambda-built").join(form)
}

impl Tool for CargoLambda {
    fn name(&self) -> &'static str {
        "cargo-lambda"
    }

    fn version(&self) -> Result<String> {
        Ok(format!("cargo-lambda {}", self.0.version("cargo-lambda")?))
    }

    fn kind(&self) -> Kind {
        Kind::Function
    }

    fn command(&self, step: Step, _stand: &Stand) -> Result<Option<Command>> {
        if step == Step::Delete {
            return Ok(None);
        }
        let mut deploy = self.cargo_lambda("deploy", step);
        deploy.args(["--enable-function-url", NAME]);
        Ok(Some(deploy))
    }
}
