//! The same request gets the same answer under `cargo run` and behind every front, except for what the front's event
//! can't carry: those exceptions are the table in `docs/requests.md`, and `model` computes each exactly.

mod client;
mod echo;
mod events;
mod model;
mod requests;

pub(crate) use echo::echo;

use std::time::{Duration, Instant};

use client::Exchange;
use model::Front;
use requests::Sent;
use serde_json::Value;

use crate::{app::App, local::free_port, runtime_api::Function};

const REQUESTS: usize = 600;
const FRONTS: [Front; 8] = [
    Front::HttpApi20,
    Front::HttpApi20Stage,
    Front::HttpApi10,
    Front::HttpApi10Stage,
    Front::RestApi,
    Front::FunctionUrl,
    Front::LoadBalancer,
    Front::LoadBalancerMulti,
];

/// Sends every request to the app under `cargo run`.
fn send_to_local_server(requests: &[Sent]) -> Vec<Exchange> {
    let address = format!("127.0.0.1:{}", free_port());
    let _app = App::start_named("echo", &[("LZAP_ADDR", &address), ("RUST_LOG", "off")]);
    let start = Instant::now();
    while std::net::TcpStream::connect(&address).is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "the app does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
    requests.iter().map(|sent| client::send(&address, sent)).collect()
}

/// Hands the app every request as an event, twice.
async fn invoke_behind(front: Front, requests: &[Sent]) -> Vec<Option<Exchange>> {
    let mut function = Function::start_named("echo", &[("RUST_LOG", "off")]).await;
    let mut exchanges = Vec::with_capacity(requests.len());
    for sent in requests {
        let Some(event) = events::build(front, sent) else {
            exchanges.push(None);
            continue;
        };
        let answer = function.invoke_text(event.clone()).await.response();
        assert_eq!(function.invoke_text(event).await.response(), answer, "the same event again: {sent:?}");
        exchanges.push(Some(events::response(front, sent.method, &answer)));
    }
    exchanges
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_behind_every_front_gets_the_answer_of_cargo_run() {
    let requests = requests::generate(REQUESTS);
    let direct = send_to_local_server(&requests);
    for (sent, direct) in requests.iter().zip(&direct) {
        if let Some(seen) = &direct.seen {
            assert_eq!(model::comparable(seen), model::seen_directly(sent));
        }
    }
    let tasks = FRONTS.map(|front| {
        let requests = requests.clone();
        (front, tokio::spawn(async move { invoke_behind(front, &requests).await }))
    });
    for (front, task) in tasks {
        let exchanges = task.await.expect("the app answers every event");
        for ((sent, direct), behind) in requests.iter().zip(&direct).zip(&exchanges) {
            let expected = model::seen_behind(front, sent, events::CLIENT);
            assert_eq!(behind.is_some(), expected.is_some(), "{front:?} {sent:?}");
            let (Some(behind), Some(expected)) = (behind, expected) else { continue };
            let expected = direct.seen.is_some().then_some(expected);
            assert_eq!(behind.seen.as_ref().map(model::comparable), expected, "{front:?} {sent:?}");
            assert_eq!(behind.got, model::got_behind(front, direct), "{front:?} {sent:?}");
        }
    }
}

#[test]
fn http_api_path_of_the_model_equals_the_captured_paths() {
    let captured: Value =
        serde_json::from_str(include_str!("../../../../tests/data/captured-on-aws.json")).expect("JSON");
    for path in captured["http_api_paths"].as_array().expect("a list") {
        let sent = path["sent"].as_str().expect("a path");
        assert_eq!(model::http_api_path(sent).as_deref(), path["arrives"].as_str(), "{sent}");
    }
    let query = &captured["query"];
    let sent = query["sent"].as_str().expect("a query");
    for (pairs, front) in
        [(model::decoded_pairs(sent), "rest_api"), (model::raw_pairs(sent), "load_balancer")]
    {
        let pairs: serde_json::Map<String, Value> =
            model::group(&pairs).into_iter().map(|(name, values)| (name, values.into())).collect();
        assert_eq!(Value::Object(pairs), query[front]);
    }
}
