//! The client's requests against what AWS publishes: botocore's signatures, models and endpoints, and moto's S3 with
//! its authentication on. These tests need Python.

mod endpoints;
mod moto;
mod signatures;

use std::time::Duration;

use lzap_client::{AwsCredentials, Client, Deadline, Settings};
use tokio::runtime::{Builder, Runtime};

const REGION: &str = "eu-central-1";

/// A client of these keys, whose Lambda and S3 are at `url`.
fn client_at(url: &str, key_id: &str, secret: &str, token: Option<&str>) -> Client {
    let settings = Settings::new(REGION, AwsCredentials::new(key_id, secret, token));
    Client::new(&settings.with_lambda_endpoint(url).with_s3_endpoint(url)).expect("usable settings")
}

/// The testkit is blocking: only the client's calls run in here.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_mins(1))
}
