//! The app on a port of its own, until a signal stops it: under `cargo run`, and where Lambda itself speaks HTTP.
//!
//! A request is handled as in Lambda (500 on panic, request id, access line): see `request.rs`.

use std::{
    convert::Infallible,
    env,
    hash::{BuildHasher as _, RandomState},
    io::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{ServiceExt as _, body::Body};
use http::{HeaderMap, HeaderName, Request, Response};
use http_body_util::BodyExt as _;
use lzap_invocation::{Invocation, SPAN_TARGET};
use lzap_wire::env::{AWS_LAMBDA_HTTP_ENDPOINT, AWS_LAMBDA_INITIALIZATION_TYPE};
use tower::service_fn;
use tracing::{Instrument as _, Span};

use crate::{
    ServeError,
    erase::ErasedService,
    listener::{Address, Sockets},
    request::{Access, answer, log_body_error},
    signals::Signals,
};

/// The time that requests in flight have to finish after the first signal.
const GRACE: Duration = Duration::from_secs(10);

/// The value of `AWS_LAMBDA_INITIALIZATION_TYPE` where Lambda sends requests over HTTP instead of through the Runtime API.
const NATIVE_HTTP: &str = "native-http";

/// The header of AWS X-Ray. Without the Runtime API, the request itself is the only source of the trace.
const TRACE_HEADER: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// True if Lambda started this process to serve HTTP by itself, as it does for Web Functions: the initialization type is
/// `native-http`, and `AWS_LAMBDA_HTTP_ENDPOINT` names an address.
///
/// Not verified on AWS: Web Functions accept Node.js only (2026-11), so no Rust program can run there yet.
pub fn is_native_http() -> bool {
    env::var_os(AWS_LAMBDA_INITIALIZATION_TYPE).is_some_and(|kind| kind == NATIVE_HTTP)
        && env::var_os(AWS_LAMBDA_HTTP_ENDPOINT).is_some()
}

/// Serves on `localhost:5000`, or where `PORT` or `LZAP_ADDR` say, until Ctrl-C or SIGTERM. Requests in flight then have ten
/// seconds to finish, and a second signal ends them at once. Prints the URL on stderr.
///
/// # Errors
/// When a variable can't be understood, the address is taken, or the signals can't be awaited.
pub async fn serve_local(http: ErasedService) -> Result<(), ServeError> {
    let address = Address::from_env()?;
    let sockets = Sockets::bind(&address).await?;
    print_notice(&format!("serving http://{} (Ctrl-C stops)", address.display_with_port(sockets.port())));
    serve(sockets, http, None).await
}

/// Serves on `AWS_LAMBDA_HTTP_ENDPOINT` as many requests at once as Lambda sends, until SIGTERM. See [`is_native_http`].
///
/// # Errors
/// When the variable is no address and port, or the address is taken.
pub async fn serve_native_http(http: ErasedService) -> Result<(), ServeError> {
    let sockets = Sockets::bind(&Address::of_lambda()?).await?;
    serve(sockets, http, Some(Arc::new(AtomicBool::new(true)))).await
}

/// Serves until a signal. `is_cold` is set where log lines have a cold start flag.
async fn serve(
    sockets: Sockets,
    http: ErasedService,
    is_cold: Option<Arc<AtomicBool>>,
) -> Result<(), ServeError> {
    let (mut stop, mut quit) = (Signals::listen()?, Signals::listen()?);
    let is_lambda = is_cold.is_some();
    let notify = if is_lambda { log_notice } else { print_notice };
    let app = service_fn(move |request| answer_request(http.clone(), request, is_cold.clone()));
    let server = axum::serve(sockets, app.into_make_service())
        .with_graceful_shutdown(async move { stop.next().await });
    let stop_early = async {
        quit.next().await;
        let hint = if is_lambda { "" } else { " (Ctrl-C again: at once)" };
        notify(&format!("stopping when the requests in flight are done{hint}"));
        tokio::select! {
            () = quit.next() => {}
            () = tokio::time::sleep(GRACE) => notify("stopped with requests in flight"),
        }
    };
    tokio::select! {
        // `axum::serve` only ever ends by its signal, and never with an error.
        _ = server => {}
        () = stop_early => {}
    }
    Ok(())
}

async fn answer_request(
    http: ErasedService,
    request: Request<Body>,
    is_cold: Option<Arc<AtomicBool>>,
) -> Result<Response<Body>, Infallible> {
    let request_id = new_request_id();
    let span = tracing::error_span!(
        target: SPAN_TARGET,
        "request",
        requestId = request_id,
        coldStart = is_cold.map(|is_cold| is_cold.swap(false, Ordering::Relaxed)),
    );
    let invocation = Invocation {
        request_id: request_id.as_str().into(),
        trace_id: read_trace(request.headers()),
        ..Invocation::default()
    };
    let answered = async {
        let access = Access::begin(&request);
        let response = answer(http, request, &request_id).await;
        access.end(response.status());
        Ok(response.map(log_failure))
    };
    invocation.scope(answered.instrument(span)).await
}

/// The trace of a request that came through AWS; `None` for others, and for a header that is not text.
fn read_trace(headers: &HeaderMap) -> Option<Arc<str>> {
    headers.get(TRACE_HEADER)?.to_str().ok().map(Arc::from)
}

/// Logs the error of a body that fails. Its status is sent by then: hyper cuts the connection and says nothing.
fn log_failure(body: Body) -> Body {
    let span = Span::current();
    Body::new(body.map_err(move |error| {
        span.in_scope(|| log_body_error(&error));
        error
    }))
}

/// 64 random bits in hex: enough to tell the requests of one terminal apart. Each `RandomState` has other keys.
fn new_request_id() -> String {
    format!("{:016x}", RandomState::new().hash_one(()))
}

/// Prints a line for the person at the terminal. It is not a log line: `RUST_LOG=off` must not hide the URL.
fn print_notice(line: &str) {
    // With stderr closed there is no reader.
    let _ = writeln!(io::stderr(), "lzap: {line}");
}

/// Logs a line where no person watches: in Lambda each line of the log is JSON.
fn log_notice(line: &str) {
    tracing::info!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_request_id_called_twice_differs() {
        assert_ne!(new_request_id(), new_request_id());
    }
}
