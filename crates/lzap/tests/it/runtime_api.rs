//! A Runtime API for one function: it sends events, as many at once as the app asks for, and receives answers.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

mod server;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, time::timeout};

use self::server::{Api, router};
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

/// The reaction of the Runtime API to an answer that it has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reception {
    Accept,
    /// Answers 410, as for an invocation that has timed out.
    Refuse,
    /// Cuts the connection.
    Cut,
}

/// An event, and what the Runtime API says about it.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) request_id: String,
    /// The id that the answer must repeat; older Runtime APIs send none.
    pub(crate) invocation_id: Option<String>,
    pub(crate) trace_id: Option<String>,
    /// In milliseconds since 1970.
    pub(crate) deadline_ms: u64,
    pub(crate) reception: Reception,
    pub(crate) event: String,
}

impl Sent {
    /// An invocation with no end in sight and the ids of the number `n`.
    pub(crate) fn numbered(n: usize, event: &Value) -> Self {
        Self {
            request_id: format!("8f5e0d3a-0000-4000-8000-{n:012}"),
            invocation_id: Some(format!("invocation-{n}")),
            trace_id: Some(format!("Root=1-5759e988-{n:024};Sampled=0")),
            deadline_ms: 4_102_444_800_000,
            reception: Reception::Accept,
            event: event.to_string(),
        }
    }
}

/// An answer with its ids: that of the path, and the one that a header repeats.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) request_id: String,
    pub(crate) invocation_id: Option<String>,
    pub(crate) answer: Answer,
}

/// The app, running behind this Runtime API.
pub(crate) struct Function {
    pub(crate) api: Arc<Api>,
    server: JoinHandle<()>,
    pub(crate) app: App,
}

impl Function {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(environment: &[(&str, &str)]) -> Self {
        Self::start_named("routes", environment).await
    }

    /// The app of this name. A value `{api}` is replaced by the URL of this Runtime API, which answers as S3 and Lambda too.
    pub(crate) async fn start_named(name: &str, environment: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let url = format!("http://{address}");
        let api = Arc::new(Api::default());
        let served = router(Arc::clone(&api));
        let server = tokio::spawn(async move {
            axum::serve(listener, served).await.expect("never fails");
        });
        let mut all = vec![
            ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "shop-dev"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ];
        all.extend(
            environment.iter().map(|(name, value)| (*name, if *value == "{api}" { &url } else { *value })),
        );
        let app = App::start_named(name, &all);
        Self { api, server, app }
    }

    /// Queues an invocation. The future is its answer.
    pub(crate) fn send(&self, sent: Sent) -> impl Future<Output = Answered> + use<> {
        wait_for_answer(self.api.queue(sent))
    }

    /// Hands the app one event and waits for its answer.
    pub(crate) async fn invoke(&mut self, event: Value) -> Answer {
        self.invoke_text(event.to_string()).await
    }

    /// The same, for an event whose text counts.
    pub(crate) async fn invoke_text(&mut self, event: String) -> Answer {
        let sent = Sent { invocation_id: None, trace_id: None, event, ..Sent::numbered(1, &Value::Null) };
        self.send(sent).await.answer
    }

    /// `GET path` as an HTTP API sends it.
    pub(crate) async fn get(&mut self, path: &str) -> Value {
        self.invoke(http_api_event("GET", path)).await.response()
    }

    /// Stops everything and gives the app's log. Fails if an answer arrived that no invocation waited for.
    pub(crate) fn log(self) -> Vec<Value> {
        assert_eq!(self.api.stray_answers(), Vec::<String>::new());
        self.server.abort();
        self.app.log()
    }
}

async fn wait_for_answer(answer: oneshot::Receiver<Answered>) -> Answered {
    timeout(Duration::from_secs(30), answer).await.expect("an answer in time").expect("the server runs")
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
