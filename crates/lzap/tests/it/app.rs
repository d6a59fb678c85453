//! The app under test, and how it is started.
//!
//! It is a test of this binary: with the environment variable [`APP_NAME`], the test [`app_under_test`] runs the app;
//! without it, the test passes at once. So the app is always built from the code under test.

use std::{
    process::{Child, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Request},
    http::{HeaderValue, Response, StatusCode, header},
    response::{AppendHeaders, IntoResponse},
    routing::{get, post},
};
use futures_util::{StreamExt as _, stream};
use lambda_http::{RequestExt as _, request::RequestContext};
use serde_json::Value;
use tower::{BoxError, ServiceExt as _, service_fn};

/// The environment variable that names the app to run: `echo`, `meetings`, or `routes`.
const APP_NAME: &str = "LZAP_TEST_APP";

/// The environment variable with the number of threads of the app's tokio runtime. Without it, the runtime has one thread and
/// is a current-thread runtime.
pub(crate) const THREADS: &str = "LZAP_TEST_THREADS";

#[test]
fn app_under_test() {
    let Some(name) = std::env::var_os(APP_NAME) else { return };
    let threads = std::env::var(THREADS).ok().map(|count| count.parse().expect("a number"));
    let mut runtime = match threads {
        None => tokio::runtime::Builder::new_current_thread(),
        Some(_) => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = runtime.worker_threads(threads.unwrap_or(1)).enable_all().build().expect("a runtime");
    let app = match name.to_str() {
        Some("echo") => lzap::App::new(service_fn(crate::answers::echo)),
        Some("meetings") => crate::concurrency::app(),
        _ => lzap::App::new(service_fn(answer_or_fail)),
    };
    if let Err(error) = runtime.block_on(app.run()) {
        panic!("{error:?}");
    }
}

/// The router, behind a service that can fail.
async fn answer_or_fail(request: Request) -> Result<Response<Body>, BoxError> {
    if request.uri().path() == "/fail" {
        return Err("the password is 123".into());
    }
    let Ok(response) = router().oneshot(request).await;
    Ok(response)
}

fn router() -> Router {
    Router::new()
        .route("/", get(async || "ok"))
        .route(
            "/echo",
            post(async |body: Bytes| ([(header::CONTENT_TYPE, "application/octet-stream")], body)),
        )
        .route("/uri", get(async |request: Request| request.uri().to_string()))
        .route("/cookies", get(cookies))
        .route("/headers", get(headers))
        .route("/binary", get(async || [0xff_u8, 0xd8, 0x00]))
        .route("/text", get(async || ([(header::CONTENT_TYPE, "text/plain; charset=iso-8859-1")], [0xe9_u8])))
        .route("/big", get(async || vec![b'x'; 7 * 1024 * 1024]))
        .route("/bytes/{count}", get(async |Path(count): Path<usize>| vec![0xff_u8; count]))
        .route("/quotes/{count}", get(async |Path(count): Path<usize>| "\"".repeat(count)))
        .route("/context", get(read_context))
        .route("/print", get(print_text))
        .route("/failing", get(failing_body))
        .route("/log", get(log))
        .route("/panic", get(panics))
        .route("/panic/body", get(panicking_body))
        .route("/slow", get(slow))
}

async fn cookies(request: Request) -> impl IntoResponse {
    let sent = request.headers().get(header::COOKIE).cloned().unwrap_or(HeaderValue::from_static(""));
    (
        AppendHeaders([(header::SET_COOKIE, "a=1; Path=/"), (header::SET_COOKIE, "b=2")]),
        Body::from(sent.as_bytes().to_vec()),
    )
}

/// Headers that payload 2.0 can't carry unchanged: a name with two values, and a value that isn't UTF-8.
async fn headers() -> impl IntoResponse {
    let latin_1 = HeaderValue::from_bytes(b"caf\xe9").expect("a header");
    AppendHeaders([
        (header::VARY, HeaderValue::from_static("origin")),
        (header::VARY, HeaderValue::from_static("accept")),
        (header::WARNING, latin_1),
    ])
}

async fn log() -> StatusCode {
    tracing::info!(order = 17, requestId = "forged", "shipped");
    StatusCode::NO_CONTENT
}

async fn panics() {
    panic!("the secret is 42");
}

/// Answers with what `lambda_http::RequestExt` reads.
async fn read_context(request: Request) -> String {
    let extensions = request.extensions();
    let domain = match extensions.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.domain_name.clone(),
        Some(RequestContext::ApiGatewayV1(context)) => context.domain_name.clone(),
        Some(RequestContext::Alb(context)) => context.elb.target_group_arn.clone(),
        _ => None,
    };
    let query = extensions.query_string_parameters();
    format!(
        "{} {} {:?} {:?} {:?} {}",
        domain.unwrap_or_default(),
        extensions.raw_http_path(),
        query.all("q").unwrap_or_default(),
        extensions.path_parameters().first("proxy"),
        extensions.stage_variables().first("color"),
        extensions.lambda_context_ref().map_or("", |context| &context.request_id),
    )
}

#[expect(clippy::print_stdout, reason = "apps print")]
async fn print_text() {
    print!("half a line");
}

/// A body that ends with an error after its first bytes.
async fn failing_body() -> Body {
    let first = stream::once(async { Ok(Bytes::from_static(b"first")) });
    let failure = stream::once(async {
        // The server sends the first chunk meanwhile.
        tokio::time::sleep(Duration::from_millis(100)).await;
        Err(std::io::Error::other("the disk is full"))
    });
    Body::from_stream(first.chain(failure))
}

async fn panicking_body() -> Body {
    Body::from_stream(stream::once(async { broken("half-way") }))
}

fn broken(why: &str) -> Result<Bytes, BoxError> {
    panic!("{why}")
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(600)).await;
    "done"
}

/// The app in a process of its own. Dropped, it is killed.
pub(crate) struct App {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
}

impl App {
    /// Starts the app of [`router`].
    pub(crate) fn start(environment: &[(&str, &str)]) -> Self {
        Self::start_named("routes", environment)
    }

    /// Starts the app of this name.
    pub(crate) fn start_named(name: &str, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["app::app_under_test", "--exact", "--nocapture", "--test-threads=1"])
            .env_clear()
            .env(APP_NAME, name)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the app starts");
        let mut stdout = child.stdout.take().expect("piped");
        let mut stderr = child.stderr.take().expect("piped");
        Self {
            child,
            stdout: Some(thread::spawn(move || read(&mut stdout))),
            stderr: Some(thread::spawn(move || read(&mut stderr))),
        }
    }

    /// Sends a signal, as `kill -SIGNAL` does.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for the end; fails after ten seconds.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the app still runs");
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Kills the app and gives what it wrote to stderr.
    pub(crate) fn stderr(mut self) -> String {
        self.end();
        self.stderr.take().expect("read once").join().expect("read")
    }

    /// Kills the app and gives what it wrote to stdout.
    pub(crate) fn stdout(mut self) -> String {
        self.end();
        self.stdout.take().expect("read once").join().expect("read")
    }

    /// Kills the app and gives its JSON log lines.
    pub(crate) fn log(self) -> Vec<Value> {
        self.stdout()
            .lines()
            // The test harness writes to stdout as well, even on the first line of the log.
            .filter_map(|line| line.find("{\"timestamp\"").map(|start| &line[start..]))
            .map(|line| serde_json::from_str(line).expect("each line is JSON"))
            .collect()
    }

    fn end(&mut self) {
        // Already gone is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.end();
    }
}

fn read(from: &mut impl std::io::Read) -> String {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).expect("a pipe");
    String::from_utf8_lossy(&bytes).into_owned()
}
