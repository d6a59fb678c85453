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

use crate::clients::Clients;

/// The response of the live URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Any status below 500. A 404 may be what the app means.
    Answered(u16),
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

/// Sends one `GET` for `path` below `url`. A redirect counts as a response, and isn't followed.
pub async fn touch(clients: &Clients, url: &str, path: &str) -> Touch {
    let url = join_url(url, path);
    // The client's own timeouts cover single phases; this one covers the whole request.
    match tokio::time::timeout(WHOLE_TIMEOUT, request_status(clients, &url)).await {
        Err(_) => Touch::Unreachable(format!("no answer within {} s", WHOLE_TIMEOUT.as_secs())),
        Ok(Err(reason)) => Touch::Unreachable(reason),
        Ok(Ok(status)) if status >= 500 => Touch::ServerError(status),
        Ok(Ok(status)) => Touch::Answered(status),
    }
}

/// Sends the request, and returns the status of the response; the body isn't read. The error is a text for
/// people.
async fn request_status(clients: &Clients, url: &str) -> Result<u16, String> {
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
    Ok(response.status().as_u16())
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
