//! One request to the live URL, after the switch.
//!
//! TLS is the SDK's own: its HTTP client, without the SDK.

use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

use crate::clients::Clients;

/// The response of the live URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Something that isn't a server's error: the status. A 404 is the app's own business.
    Answered(u16),
    /// A 5xx: the app, or the way to it, is broken.
    ServerError(u16),
    /// Nothing; the text says why. The network between here and there may be at fault.
    Unreachable(String),
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A first request may meet a cold start, and API Gateway waits 30 s at most.
const WHOLE_TIMEOUT: Duration = Duration::from_secs(30);

/// One `GET` of `path` below `url`; redirects are answers.
pub async fn touch(clients: &Clients, url: &str, path: &str) -> Touch {
    let url = join_url(url, path);
    match tokio::time::timeout(WHOLE_TIMEOUT, request_status(clients, &url)).await {
        Err(_) => Touch::Unreachable(format!("no answer within {} s", WHOLE_TIMEOUT.as_secs())),
        Ok(Err(reason)) => Touch::Unreachable(reason),
        Ok(Ok(status)) if status >= 500 => Touch::ServerError(status),
        Ok(Ok(status)) => Touch::Answered(status),
    }
}

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
        builder.tls_provider(provider).build()
    };
    let response = connector.call(request).await.map_err(|error| innermost_text(&error))?;
    Ok(response.status().as_u16())
}

fn join_url(url: &str, path: &str) -> String {
    format!("{}/{}", url.trim_end_matches('/'), path.trim_start_matches('/'))
}

/// The last text of the chain: the outer ones say "connector error" only.
fn innermost_text(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}
