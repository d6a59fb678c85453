//! One request to the live URL after the switch.
//!
//! Also how a new front is tested before the old one is deleted, in `resource/front.rs`. The request goes
//! from this machine through the public front, so that DNS, the front and its permission are tested with the
//! app.
//!
//! Uses the SDK's HTTP client without the SDK, so that there is one TLS implementation in the binary.

use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use lzap_core::event::Event;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::clients::Clients;
use crate::retry::{Progress, scaled};

/// The response of the live URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Any status below 500. A 404 may be what the app means.
    Answered(u16),
    /// A 403 or 404 of the front itself, which hasn't propagated yet, or lacks its route or its permission.
    Refused(u16),
    /// A 5xx: the app fails, or the front can't invoke it.
    ServerError(u16),
    /// No response; the text has the cause. The network of this machine may be at fault, so this isn't an
    /// error by itself.
    Unreachable(String),
}

/// Time for TCP and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A first request may meet a cold start, and API Gateway waits 30 s at most.
const WHOLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum time until a new front answers: for some seconds it refuses requests, until it has propagated everywhere.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time between two requests.
const WAIT: Duration = Duration::from_secs(1);

/// As [`touch`], for a front that was created a moment ago: repeats the request every second until the app answers, for
/// 20 s at most, and returns the last response.
pub async fn touch_new(clients: &Clients, url: &str, path: &str) -> Touch {
    touch_until_ready(clients, url, path, Progress::silent()).await
}

/// As [`touch_new`]. The waits are shown as those of the step, and end at an interrupt.
pub(crate) async fn touch_until_ready(
    clients: &Clients,
    url: &str,
    path: &str,
    progress: Progress<'_>,
) -> Touch {
    // The limit counts from the first request, and includes the time of the requests themselves.
    let started = Instant::now();
    loop {
        let response = touch(clients, url, path).await;
        let elapsed = started.elapsed();
        if matches!(response, Touch::Answered(_)) || elapsed >= scaled(PATIENCE) {
            return response;
        }
        let reason = "for the new front to answer";
        progress.tell(|step| Event::StepWaiting { step, reason, elapsed });
        if !progress.wait(scaled(WAIT)).await {
            return response;
        }
    }
}

/// Sends one `GET` for `path` below `url`. A redirect counts as a response, and isn't followed.
pub async fn touch(clients: &Clients, url: &str, path: &str) -> Touch {
    let url = join_url(url, path);
    // The client's own timeouts cover single phases; this one covers the whole request.
    match tokio::time::timeout(WHOLE_TIMEOUT, request(clients, &url)).await {
        Err(_) => Touch::Unreachable(format!("no answer within {} s", WHOLE_TIMEOUT.as_secs())),
        Ok(Err(reason)) => Touch::Unreachable(reason),
        Ok(Ok(response)) => response,
    }
}

/// Sends the request. The body is read only where it tells who refuses. The error is a text for people.
async fn request(clients: &Clients, url: &str) -> Result<Touch, String> {
    let request = http::Request::get(url).header("user-agent", "lzap").body(SdkBody::empty());
    let request = request.map_err(|error| error.to_string())?;
    let request = HttpRequest::try_from(request).map_err(|error| error.to_string())?;
    let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
    let builder = Connector::builder().connector_settings(settings).sleep_impl(TokioSleep::new());
    // The embedded cloud's URLs are plain HTTP: no certificates to load.
    let connector = if clients.is_local() {
        builder.build_http()
    } else {
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
        builder.tls_provider(provider).proxy_config(ProxyConfig::from_env()).build()
    };
    let response = connector.call(request).await.map_err(|error| innermost_text(&error))?;
    let status = response.status().as_u16();
    Ok(match status {
        500.. => Touch::ServerError(status),
        403 | 404 => {
            let body = ByteStream::new(response.into_body()).collect().await;
            let body = body.map_err(|error| innermost_text(&error))?.into_bytes();
            if is_from_front(&body) { Touch::Refused(status) } else { Touch::Answered(status) }
        }
        _ => Touch::Answered(status),
    })
}

/// Returns whether this is the body of an error of the front itself: `{"message":"Not Found"}` of an HTTP API,
/// `{"Message":"Forbidden…"}` of a function URL.
fn is_from_front(body: &[u8]) -> bool {
    let body: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let message = body.get("message").or(body.get("Message")).and_then(Value::as_str).unwrap_or_default();
    body.len() == 1 && (message == "Not Found" || message.starts_with("Forbidden"))
}

/// Joins both with exactly one slash: the URLs of fronts may end in one, and `touch_path` begins with one.
fn join_url(url: &str, path: &str) -> String {
    format!("{}/{}", url.trim_end_matches('/'), path.trim_start_matches('/'))
}

/// Returns the innermost error's text: the outer ones only say "connector error".
fn innermost_text(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::testing::answering;

    /// Answers one request after the other, and returns the URL.
    async fn serve(answers: &'static [(u16, &'static str)]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let head = format!(
                    "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all(format!("{head}{body}").as_bytes()).await.expect("a reader");
            }
        });
        url
    }

    #[tokio::test]
    async fn a_new_front_is_requested_until_the_app_answers() {
        let (clients, _) = answering(&[]);
        let url = serve(&[
            (404, r#"{"message":"Not Found"}"#),
            (403, r#"{"Message":"Forbidden. For troubleshooting, see the documentation"}"#),
            (500, r#"{"message":"Internal Server Error"}"#),
            (404, "the app has no such page"),
        ])
        .await;
        assert_eq!(touch_new(&clients, &url, "/").await, Touch::Answered(404));
    }

    #[tokio::test]
    async fn an_old_front_is_requested_once() {
        let (clients, _) = answering(&[]);
        let url = serve(&[(403, r#"{"message":"Forbidden"}"#), (200, "")]).await;
        assert_eq!(touch(&clients, &url, "/").await, Touch::Refused(403));
        let url = serve(&[(404, r#"{"message":"no such cart"}"#)]).await;
        assert_eq!(touch(&clients, &url, "/").await, Touch::Answered(404));
    }
}
