//! One call of an AWS API: signs and sends the request, reads an error answer, and repeats what may be repeated.
//!
//! Side effect: a refusal because of a wrong clock corrects the clock for all later calls of the client.

use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use bytes::Bytes;
use http::header::{DATE, HOST, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::clock::SigningClock;
use crate::config::{AwsCredentials, Settings};
use crate::connect::Connector;
use crate::connection::Answer;
use crate::deadline::Deadline;
use crate::endpoint::{Endpoint, Origin};
use crate::error::{ClientError, ErrorKind};
use crate::error_body::{ErrorFormat, classify, parse_error};
use crate::proxy::ProxyRules;
use crate::retry::{FailedAttempt, RetryPolicy, detect_skew, plan_retry};
use crate::sign::{Scope, Signable, SigningStyle, sign_request};
use crate::tls;
use crate::transport::{Limits, Outgoing, Transport};

// AWS counts requests by it; the SDK sends more, which no service needs.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("lzap/", env!("CARGO_PKG_VERSION")));

/// The common properties of the calls of one service.
#[derive(Debug)]
pub(crate) struct Service {
    /// The name in hosts and signatures.
    pub(crate) name: &'static str,
    pub(crate) style: SigningStyle,
    pub(crate) errors: ErrorFormat,
    /// See [`Limits::silence`]. Per service, since only some services are silent while they work.
    pub(crate) silence: Option<Duration>,
}

/// One call, before it is signed.
pub(crate) struct ApiCall {
    pub(crate) service: &'static Service,
    /// As `service:Operation`, the form of IAM's actions: a denied call names the permission to give.
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) origin: Origin,
    /// The path with its query, encoded.
    pub(crate) target: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Attempts share the bytes: a retry copies nothing.
    pub(crate) body: Bytes,
    /// The limit for the body of a success, which is kept in memory.
    pub(crate) max_bytes: u64,
    pub(crate) retry: RetryPolicy,
}

impl ApiCall {
    /// Adds a header, which the signature covers if the value is ASCII.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when `value` has bytes that a header can't carry, such as the newline of a media type.
    ///
    /// # Panics
    /// When `name` has an uppercase letter (`HeaderName::from_static`).
    pub(crate) fn add_header(&mut self, name: &'static str, value: &str) -> Result<(), ClientError> {
        let value = HeaderValue::from_str(value).map_err(|error| {
            let text = format!("can't be sent: the value of {name} is not plain text");
            ClientError::new(ErrorKind::Config, text).in_operation(self.operation).with_source(error)
        })?;
        self.headers.push((HeaderName::from_static(name), value));
        Ok(())
    }
}

/// The state that the operations of all services share.
pub(crate) struct Caller {
    pub(crate) lambda: Endpoint,
    pub(crate) s3: Endpoint,
    region: String,
    credentials: AwsCredentials,
    clock: SigningClock,
    transport: Transport,
}

/// An attempt that got no success.
struct Failure {
    error: ClientError,
    /// The server's time, when this machine's is so wrong that the request was refused for it.
    server_time: Option<SystemTime>,
}

impl Caller {
    /// Reads the certificates and resolves the endpoints; opens no connection.
    pub(crate) fn new(settings: &Settings) -> Result<Self, ClientError> {
        let tls = tls::load_config(settings.ca_bundle.as_deref())?;
        let connector = Connector::new(ProxyRules::new(&settings.proxy)?, tls);
        let resolve = |service, custom: &Option<String>| {
            Endpoint::resolve(service, &settings.region, custom.as_deref())
        };
        Ok(Self {
            lambda: resolve("lambda", &settings.lambda_endpoint)?,
            s3: resolve("s3", &settings.s3_endpoint)?,
            region: settings.region.clone(),
            credentials: settings.credentials.clone(),
            clock: SigningClock::default(),
            transport: Transport::new(connector),
        })
    }

    /// Returns the successful answer, or the error of the last attempt.
    ///
    /// All attempts and the waits between them share `deadline`. An attempt has no limit of its own: a slow one is ended
    /// by the service's silence limit, or takes the rest of the time.
    pub(crate) async fn call(&self, call: &ApiCall, deadline: Deadline) -> Result<Answer, ClientError> {
        let mut number = 0;
        let mut is_corrected = false;
        loop {
            number += 1;
            let failure = match self.send_once(call, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let error = failure.error;
            // A refused signature is no attempt: AWS has done nothing, not even for an invocation. Once is enough: a
            // second refusal means that the key is wrong, not the clock.
            if let Some(server_time) = failure.server_time
                && !is_corrected
            {
                self.clock.set_server_time(server_time);
                is_corrected = true;
                continue;
            }
            let failed = FailedAttempt {
                kind: error.kind(),
                may_have_run: error.may_have_run(),
                retry_after: error.retry_after(),
                number,
            };
            match plan_retry(call.retry, failed, deadline.remaining(), fastrand::f64()) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(error),
            }
        }
    }

    /// Signs and sends the call once. The signature is made anew for each attempt, since it holds the time; it costs a
    /// SHA-256 over the whole body each time.
    async fn send_once(&self, call: &ApiCall, deadline: Deadline) -> Result<Answer, Failure> {
        let final_error =
            |error: ClientError| Failure { error: error.in_operation(call.operation), server_time: None };
        let time = self.clock.now();
        let headers = self.sign_call(call, time).map_err(final_error)?;
        let target: PathAndQuery = call.target.parse().map_err(|error| {
            let text = "can't be sent: its path is not usable";
            final_error(ClientError::new(ErrorKind::Config, text).with_source(error))
        })?;
        let outgoing = Outgoing {
            origin: &call.origin,
            method: &call.method,
            target: &target,
            headers: &headers,
            body: &call.body,
        };
        let limits = Limits { deadline, silence: call.service.silence, max_bytes: call.max_bytes };
        let answer = self.transport.send_request(&outgoing, limits).await.map_err(final_error)?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        // A redirect is an error, too: S3 sends it for a bucket of another region, which wants another signature.
        let status = answer.status.as_u16();
        let details = parse_error(call.service.errors, status, &answer.headers, &answer.body);
        let server_time = detect_skew(status, details.code.as_deref(), parse_date(&answer.headers), time);
        let error = ClientError::answered(classify(&details), details).in_operation(call.operation);
        Err(Failure { error, server_time })
    }

    /// Returns all headers of the call, its signature included.
    fn sign_call(&self, call: &ApiCall, time: SystemTime) -> Result<HeaderMap, ClientError> {
        let host = HeaderValue::from_str(&call.origin.host_header()).map_err(|error| {
            ClientError::new(ErrorKind::Config, "can't be sent: the endpoint's host is not plain text")
                .with_source(error)
        })?;
        let mut headers = call.headers.clone();
        // Every signature covers `Host`, and a connection of hyper adds none.
        headers.push((HOST, host));
        let url = format!("{}{}", call.origin.url(), call.target);
        let signable =
            Signable { method: call.method.as_str(), url: &url, headers: &headers, body: &call.body };
        let scope = Scope {
            credentials: &self.credentials,
            region: &self.region,
            service: call.service.name,
            style: call.service.style,
            time,
        };
        let signature = sign_request(&signable, &scope)?;
        // Not signed: proxies may change it.
        headers.push((USER_AGENT, AGENT));
        Ok(headers.into_iter().chain(signature).collect())
    }
}

/// The server's time, in whole seconds. Every answer of AWS has it; without it a wrong clock stays a refusal.
fn parse_date(headers: &HeaderMap) -> Option<SystemTime> {
    let text = headers.get(DATE)?.to_str().ok()?;
    DateTime::from_str(text, Format::HttpDate).ok()?.try_into().ok()
}
