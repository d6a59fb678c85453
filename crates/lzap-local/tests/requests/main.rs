//! The same request gets the same answer under `cargo run` and in the embedded cloud, except for what an HTTP API or a
//! function URL does to it (`docs/requests.md`).
//!
//! The app is this binary: the function's `bootstrap` is a script that runs it again. Requests, app and the model of AWS
//! are those of the runtime crate's own test, which has the other fronts.

#[path = "../../../lzap/tests/it/answers/client.rs"]
mod client;
mod control;
#[path = "../../../lzap/tests/it/answers/echo.rs"]
mod echo;
#[path = "../../../lzap/tests/it/answers/model.rs"]
#[expect(dead_code, reason = "the embedded cloud has no REST APIs and no load balancers")]
mod model;
#[path = "../../../lzap/tests/it/answers/requests.rs"]
mod requests;
#[path = "../it/signing.rs"]
mod signing;

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use client::Exchange;
use control::Control;
use lzap_local::{AccessKey, ServeOptions, read_key, serve, status, stop};
use model::{Front, STAGE};
use requests::Sent;

const REQUESTS: usize = 600;
/// The environment variable that makes [`app_under_test`] run the app.
const RUN_APP: &str = "LZAP_TEST_APP";

#[test]
fn app_under_test() {
    if std::env::var_os(RUN_APP).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    if let Err(error) = runtime.block_on(lzap::App::new(tower::service_fn(echo::echo)).run()) {
        panic!("{error:?}");
    }
}

/// The app under `cargo run`. Dropped, it is killed.
struct LocalServer {
    child: Child,
    address: String,
}

impl LocalServer {
    fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(["app_under_test", "--exact", "--nocapture"])
            .env_clear()
            .envs([(RUN_APP, "1"), ("LZAP_ADDR", &free.to_string()), ("RUST_LOG", "off")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the app starts");
        let server = Self { child, address: free.to_string() };
        let start = Instant::now();
        while TcpStream::connect(&server.address).is_err() {
            assert!(start.elapsed() < Duration::from_secs(10), "the app does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        // Already ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The function's `bootstrap`.
fn bootstrap() -> String {
    let program = std::env::current_exe().expect("this program");
    let program = program.to_str().expect("UTF-8").replace('\'', r"'\''");
    format!("#!/bin/sh\n{RUN_APP}=1 RUST_LOG=off exec '{program}' app_under_test --exact --nocapture\n")
}

/// The address of a cloud that runs in this process.
async fn wait_for_cloud(dir: &Path) -> String {
    for _ in 0..500 {
        if let Ok(Some(status)) = status(dir).await {
            return status.endpoint.trim_start_matches("http://").trim_end_matches('/').to_owned();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the cloud does not answer");
}

/// Each front of the embedded cloud, with its address.
fn create_fronts(address: String, key: AccessKey) -> Vec<(Front, String)> {
    let control = Control { address, key };
    let function = control.create_function(&bootstrap());
    let fronts =
        [Front::HttpApi20, Front::HttpApi20Stage, Front::HttpApi10, Front::HttpApi10Stage].into_iter();
    let apis = fronts.map(|front| {
        let version = if front.is_payload_2() { "2.0" } else { "1.0" };
        (front, control.create_api(&function, version, front.stage()))
    });
    apis.chain([(Front::FunctionUrl, control.create_url(&function))]).collect()
}

fn check(front: Front, address: &str, requests: &[Sent], direct: &[Exchange]) {
    for (sent, direct) in requests.iter().zip(direct) {
        let staged = if front.stage() == STAGE {
            Sent { path: format!("/{STAGE}{}", sent.path), ..sent.clone() }
        } else {
            sent.clone()
        };
        let behind = client::send(address, &staged);
        let Some(expected) = model::seen_behind(front, sent, "127.0.0.1") else {
            assert_eq!(behind.got.status, 400, "{front:?} {sent:?}");
            continue;
        };
        let expected = direct.seen.is_some().then_some(expected);
        assert_eq!(behind.seen.as_ref().map(model::comparable), expected, "{front:?} {sent:?}");
        assert_eq!(behind.got, model::got_behind(front, direct), "{front:?} {sent:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn request_in_the_embedded_cloud_gets_the_answer_of_cargo_run() {
    let requests = requests::generate(REQUESTS);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let state_dir = dir.path().to_owned();
    let options = ServeOptions { state_dir, port: Some(0), concurrency: None, environment_concurrency: None };
    let cloud = tokio::spawn(serve(options));
    let address = wait_for_cloud(dir.path()).await;
    let key = read_key(dir.path()).expect("the keys can be read").expect("the cloud made them");
    tokio::task::spawn_blocking(move || {
        let local = LocalServer::start();
        let direct: Vec<Exchange> = requests.iter().map(|sent| client::send(&local.address, sent)).collect();
        for (front, address) in create_fronts(address, key) {
            check(front, &address, &requests, &direct);
        }
    })
    .await
    .expect("every answer is right");
    assert!(stop(dir.path()).await.expect("it can be stopped"));
    cloud.await.expect("no panic").expect("it ended well");
}
