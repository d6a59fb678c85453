//! A cloud of one's own for each test.

use std::path::Path;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts::config::Credentials;
use lzap_local::{AccessKey, CloudStatus, LocalError, ServeOptions, read_key, serve, status, stop};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// A cloud in this process, on a free port, in a temporary folder.
pub(crate) struct Cloud {
    pub(crate) dir: TempDir,
    running: JoinHandle<Result<(), LocalError>>,
}

impl Cloud {
    pub(crate) async fn start() -> Self {
        Self::limited(None).await
    }

    /// One that runs no more than this many invocations at once.
    pub(crate) async fn limited(concurrency: Option<u32>) -> Self {
        Self::with(concurrency, None).await
    }

    /// One whose environments have this many invocations at once.
    pub(crate) async fn with_environments(environment_concurrency: u32) -> Self {
        Self::with(None, Some(environment_concurrency)).await
    }

    async fn with(concurrency: Option<u32>, environment_concurrency: Option<u32>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let running = run(dir.path(), concurrency, environment_concurrency);
        let cloud = Self { dir, running };
        cloud.wait().await;
        cloud
    }

    /// Stops the cloud and starts another one on the same folder.
    pub(crate) async fn restart(&mut self) {
        self.pause().await;
        self.resume().await;
    }

    /// Stops the cloud; its folder stays.
    pub(crate) async fn pause(&self) {
        assert!(stop(self.dir.path()).await.expect("it can be stopped"));
    }

    /// Starts another cloud on the folder.
    pub(crate) async fn resume(&mut self) {
        self.running = run(self.dir.path(), None, None);
        self.wait().await;
    }

    pub(crate) async fn status(&self) -> CloudStatus {
        status(self.dir.path()).await.expect("it answers").expect("it runs")
    }

    /// What SDK clients of a region need.
    pub(crate) async fn config(&self, region: &'static str) -> SdkConfig {
        config(self.dir.path(), &self.status().await.endpoint, region).await
    }

    pub(crate) async fn stop(self) {
        assert!(stop(self.dir.path()).await.expect("it can be stopped"));
        self.running.await.expect("no panic").expect("it ended well");
    }

    async fn wait(&self) {
        for _ in 0..200 {
            if status(self.dir.path()).await.is_ok_and(|status| status.is_some()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the cloud does not answer");
    }
}

fn run(
    dir: &Path,
    concurrency: Option<u32>,
    environment_concurrency: Option<u32>,
) -> JoinHandle<Result<(), LocalError>> {
    let state_dir = dir.to_owned();
    tokio::spawn(serve(ServeOptions { state_dir, port: Some(0), concurrency, environment_concurrency }))
}

/// What SDK clients of a region need, with the key of the owner of the folder.
pub(crate) async fn config(dir: &Path, endpoint: &str, region: &'static str) -> SdkConfig {
    let key = owner_key(dir);
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new(key.id, key.secret, None, None, "test"))
        .load()
        .await
}

/// The key of the owner of a folder whose cloud was started before.
pub(crate) fn owner_key(dir: &Path) -> AccessKey {
    read_key(dir).expect("the keys can be read").expect("the cloud made them")
}

/// The S3 client: local endpoints need paths for buckets.
pub(crate) fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(true).build())
}

/// The error code of a call that must fail.
macro_rules! code {
    ($result:expr) => {{
        let error = $result.expect_err("the call must fail").into_service_error();
        error.meta().code().unwrap_or_default().to_owned()
    }};
}
pub(crate) use code;
