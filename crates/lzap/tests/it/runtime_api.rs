//! A Runtime API for one function: it sends events and receives answers.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
    task::JoinHandle,
    time::timeout,
};

use crate::app::App;

/// An answer that the Runtime API received.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Response(Value),
    Error(Value),
}

impl Answer {
    pub(crate) fn response(self) -> Value {
        match self {
            Self::Response(value) => value,
            Self::Error(error) => panic!("the invocation failed: {error}"),
        }
    }

    pub(crate) fn error(self) -> Value {
        match self {
            Self::Error(value) => value,
            Self::Response(response) => panic!("the invocation did not fail: {response}"),
        }
    }
}

/// The app, running behind this Runtime API.
pub(crate) struct Function {
    events: mpsc::Sender<String>,
    answers: mpsc::Receiver<Answer>,
    server: JoinHandle<()>,
    pub(crate) app: App,
}

struct Api {
    events: Mutex<mpsc::Receiver<String>>,
    answers: mpsc::Sender<Answer>,
}

impl Function {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(environment: &[(&str, &str)]) -> Self {
        Self::start_named("routes", environment).await
    }

    /// The app of this name.
    pub(crate) async fn start_named(name: &str, environment: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let (events, next) = mpsc::channel(1);
        let (answer, answers) = mpsc::channel(1);
        let api = Arc::new(Api { events: Mutex::new(next), answers: answer });
        let server = tokio::spawn(async move {
            axum::serve(listener, router(api)).await.expect("never fails");
        });
        let mut all = vec![
            ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "shop-dev"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ];
        all.extend(environment);
        let app = App::start_named(name, &all);
        Self { events, answers, server, app }
    }

    /// Hands the app one event and waits for its answer.
    pub(crate) async fn invoke(&mut self, event: Value) -> Answer {
        self.invoke_text(event.to_string()).await
    }

    /// The same, for an event whose text counts.
    pub(crate) async fn invoke_text(&mut self, event: String) -> Answer {
        self.events.send(event).await.expect("the server runs");
        timeout(Duration::from_secs(10), self.answers.recv())
            .await
            .expect("an answer in time")
            .expect("the server runs")
    }

    /// `GET path` as an HTTP API sends it.
    pub(crate) async fn get(&mut self, path: &str) -> Value {
        self.invoke(http_api_event("GET", path)).await.response()
    }

    /// Stops everything and gives the app's log.
    pub(crate) fn log(self) -> Vec<Value> {
        self.server.abort();
        self.app.log()
    }
}

fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .layer(DefaultBodyLimit::disable())
        .with_state(api)
}

async fn next(State(api): State<Arc<Api>>) -> impl IntoResponse {
    let Some(event) = api.events.lock().await.recv().await else {
        // The test is over: like Lambda, the Runtime API keeps the app waiting.
        return std::future::pending().await;
    };
    let headers = [
        ("lambda-runtime-aws-request-id", "8f5e0d3a-0000-4000-8000-000000000001"),
        ("lambda-runtime-deadline-ms", "4102444800000"),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-west-1:000000000000:function:shop-dev:live",
        ),
        ("content-type", "application/json"),
    ];
    (headers, event)
}

async fn response(State(api): State<Arc<Api>>, Path(_id): Path<String>, body: Bytes) -> StatusCode {
    pass_answer(&api, Answer::Response, &body).await
}

async fn error(State(api): State<Arc<Api>>, Path(_id): Path<String>, body: Bytes) -> StatusCode {
    pass_answer(&api, Answer::Error, &body).await
}

async fn pass_answer(api: &Api, kind: fn(Value) -> Answer, body: &[u8]) -> StatusCode {
    let answer = kind(serde_json::from_slice(body).expect("an answer is JSON"));
    api.answers.send(answer).await.expect("the test waits");
    StatusCode::ACCEPTED
}

/// A request as an HTTP API sends it (payload 2.0, stage `$default`).
///
/// AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
pub(crate) fn http_api_event(method: &str, path_and_query: &str) -> Value {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": { "host": "abc123.execute-api.eu-west-1.amazonaws.com", "x-forwarded-proto": "https" },
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "abc123",
            "domainName": "abc123.execute-api.eu-west-1.amazonaws.com",
            "domainPrefix": "abc123",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "test"
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "22/Nov/2026:20:15:04 +0000",
            "timeEpoch": 1_795_378_504_000_u64
        },
        "isBase64Encoded": false
    })
}
