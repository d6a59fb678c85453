//! What a Lambda event is, by explicit keys: an HTTP request, an lzap envelope, or something that no part of the app
//! handles.
//!
//! Pure: text in, [`Incoming`] out. What is done about each is in `lambda.rs`.

use std::{collections::BTreeMap, fmt};

use lambda_http::{
    aws_lambda_events::{
        alb::AlbTargetGroupRequest,
        apigw::{ApiGatewayProxyRequest, ApiGatewayV2httpRequest},
    },
    request::LambdaRequest,
};
use lambda_runtime::Diagnostic;
use lzap_wire::envelope::{self, Classified, Kind};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::value::RawValue;

/// A Lambda event, told apart.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A request by API Gateway, a function URL or a load balancer.
    Http(Box<LambdaRequest>),
    /// A keep-warm ping or a deploy's probe.
    Lzap(Kind),
    /// A task's, or a chunk of a map.
    #[cfg(feature = "tasks")]
    Task(Box<crate::task::head::Event>),
    /// Nothing that this app can answer.
    Refused(Refused),
}

/// Why an event can't be handled. It names what the event is, never what it carries.
#[derive(PartialEq, Eq)]
pub(crate) struct Refused {
    kind: &'static str,
    what: String,
}

impl Refused {
    fn event(what: String) -> Self {
        Self { kind: "lzap::UnhandledEvent", what }
    }

    /// A task that nobody waits for failed: an error of the invocation, so that Lambda tries again.
    #[cfg(feature = "tasks")]
    pub(crate) fn task(error: &crate::TaskError) -> Self {
        Self { kind: lzap_wire::task::TASK_FAILED, what: format!("{}: {error}", error.kind().as_str()) }
    }

    /// The app's answer can't be sent.
    pub(crate) fn answer(error: &serde_json::Error) -> Self {
        Self::event(format!("the app's answer can't be written as JSON: {error}"))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// `lambda_runtime` logs the error in this form, and quotes would be escaped in the JSON line.
impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl From<Refused> for Diagnostic {
    fn from(refused: Refused) -> Self {
        Self { error_type: refused.kind.to_owned(), error_message: refused.what }
    }
}

/// Never fails on well-formed JSON: what can't be handled is a value too, so that it gets lzap's answer and not a
/// parser's.
impl<'de> Deserialize<'de> for Incoming {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = Box::<RawValue>::deserialize(deserializer)?;
        Ok(classify(event.get()).unwrap_or_else(Self::Refused))
    }
}

/// Says what the event is: one pass over its top level, then a parse into the one type that it is.
///
/// AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>,
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-alb.html>
fn classify(event: &str) -> Result<Incoming, Refused> {
    let Ok(top) = serde_json::from_str::<BTreeMap<String, &RawValue>>(event) else {
        return Err(unhandled("an event that is not a JSON object"));
    };
    if let Some(body) = top.get(envelope::KEY) {
        return lzap(event, body);
    }
    let context = top.get("requestContext").copied();
    if has(context, "http") {
        parse::<ApiGatewayV2httpRequest>(event, "HTTP payload 2.0").map(LambdaRequest::ApiGatewayV2)
    } else if has(context, "elb") {
        parse::<AlbTargetGroupRequest>(event, "load balancer").map(LambdaRequest::Alb)
    } else if context.is_some() && top.contains_key("httpMethod") {
        parse::<ApiGatewayProxyRequest>(event, "HTTP payload 1.0").map(LambdaRequest::ApiGatewayV1)
    } else {
        return Err(unhandled(&describe(&top)));
    }
    .map(|request| Incoming::Http(Box::new(request)))
}

fn lzap(event: &str, body: &RawValue) -> Result<Incoming, Refused> {
    let body = serde_json::from_str(body.get()).unwrap_or(serde_json::Value::Null);
    match envelope::classify(&serde_json::json!({ envelope::KEY: body })) {
        Classified::Lzap(kind @ (Kind::Warm | Kind::Probe)) => Ok(Incoming::Lzap(kind)),
        Classified::Lzap(kind) => task(event, kind),
        Classified::Unsupported(which) => Err(Refused::event(format!(
            "lzap runtime {} does not understand {which}: build the app with the `lzap` crate of the same version \
             as the `lzap` tool and deploy again",
            env!("CARGO_PKG_VERSION")
        ))),
        Classified::Foreign => Err(unhandled("an event with the key `lzap`")),
    }
}

#[cfg(feature = "tasks")]
fn task(event: &str, kind: Kind) -> Result<Incoming, Refused> {
    let event = crate::task::head::Event::parse(event);
    event.map(|event| Incoming::Task(Box::new(event))).map_err(|why| {
        Refused::event(format!(
            "the event of a {} {why}: send it with the `lzap` of this version",
            kind.as_str()
        ))
    })
}

#[cfg(not(feature = "tasks"))]
fn task(_: &str, kind: Kind) -> Result<Incoming, Refused> {
    Err(Refused::event(format!(
        "the event is for a {}, and the app is built without tasks: give its `lzap` dependency the feature `tasks`",
        kind.as_str()
    )))
}

/// Whether the object in `value` has `key`.
fn has(value: Option<&RawValue>, key: &str) -> bool {
    value
        .and_then(|value| serde_json::from_str::<BTreeMap<String, &RawValue>>(value.get()).ok())
        .is_some_and(|object| object.contains_key(key))
}

/// The parser's own message may quote the payload, so only the place is kept.
fn parse<T: DeserializeOwned>(event: &str, what: &str) -> Result<T, Refused> {
    serde_json::from_str(event).map_err(|error| {
        Refused::event(format!(
            "the event looks like a {what} request, but can't be read as one (line {}, column {})",
            error.line(),
            error.column()
        ))
    })
}

fn unhandled(what: &str) -> Refused {
    Refused::event(format!(
        "the app got {what}, and handles HTTP requests only; remove the trigger that sends it"
    ))
}

/// Names an event that isn't ours: by the keys with which AWS's services name theirs, else by its top-level keys.
fn describe(top: &BTreeMap<String, &RawValue>) -> String {
    let text = |key: &str| top.get(key).and_then(|value| serde_json::from_str::<String>(value.get()).ok());
    match (text("source"), text("detail-type"), record_source(top)) {
        (Some(source), Some(kind), _) => format!("an event from `{source}` (`{kind}`)"),
        (_, _, Some(source)) => format!("records from `{source}`"),
        (Some(source), ..) => format!("an event from `{source}`"),
        _ if top.is_empty() => "an empty event".to_owned(),
        _ => format!("an event with the keys {}", shorten(top.keys())),
    }
}

/// SQS, S3, `DynamoDB` and others write `eventSource`; SNS writes `EventSource`.
fn record_source(top: &BTreeMap<String, &RawValue>) -> Option<String> {
    #[derive(Deserialize)]
    struct Record {
        #[serde(rename = "eventSource", alias = "EventSource")]
        source: String,
    }
    let records = serde_json::from_str::<Vec<Record>>(top.get("Records")?.get()).ok()?;
    records.into_iter().next().map(|record| record.source)
}

fn shorten<'a>(keys: impl ExactSizeIterator<Item = &'a String>) -> String {
    const SHOWN: usize = 6;
    const CHARS: usize = 40;
    let more = keys.len().saturating_sub(SHOWN);
    let shown: Vec<_> =
        keys.take(SHOWN).map(|key| format!("`{}`", key.chars().take(CHARS).collect::<String>())).collect();
    let shown = shown.join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(event: &str) -> String {
        match classify(event) {
            Ok(Incoming::Http(request)) => format!("{:?}", request.request_origin()),
            Ok(Incoming::Lzap(kind)) => kind.as_str().to_owned(),
            #[cfg(feature = "tasks")]
            Ok(Incoming::Task(event)) => event.head.task,
            Ok(Incoming::Refused(refused)) | Err(refused) => refused.to_string(),
        }
    }

    #[test]
    fn http_events_are_told_apart_by_their_keys() {
        let v2 = r#"{"version":"2.0","rawPath":"/","headers":{},
            "requestContext":{"http":{"method":"GET"},"stage":"$default"},"isBase64Encoded":false}"#;
        let v1 = r#"{"version":"1.0","path":"/","httpMethod":"GET","headers":{},"multiValueHeaders":{},
            "requestContext":{"stage":"$default","httpMethod":"GET"},"isBase64Encoded":false}"#;
        let balancer = r#"{"path":"/","httpMethod":"GET","headers":{},"body":"",
            "requestContext":{"elb":{"targetGroupArn":"arn"}},"isBase64Encoded":false}"#;
        assert_eq!([kind(v2), kind(v1), kind(balancer)], ["ApiGatewayV2", "ApiGatewayV1", "Alb"]);
    }

    #[test]
    fn an_envelope_is_one_whatever_else_the_event_holds() {
        assert_eq!(kind(r#"{"lzap":{"v":1,"kind":"warm"},"requestContext":{"http":{}}}"#), "warm");
        assert_eq!(kind(r#"{"lzap":{"v":1,"kind":"probe"}}"#), "probe");
        let newer = kind(r#"{"lzap":{"v":2,"kind":"dance"}}"#);
        assert!(newer.contains("does not understand envelope version 2 kind \"dance\""), "{newer}");
    }

    #[test]
    fn what_is_refused_is_named_by_where_it_comes_from() {
        for (event, named) in [
            (
                r#"{"source":"aws.events","detail-type":"Scheduled Event"}"#,
                "`aws.events` (`Scheduled Event`)",
            ),
            (r#"{"source":"mine"}"#, "an event from `mine`;"),
            (r#"{"Records":[{"eventSource":"aws:s3"}]}"#, "records from `aws:s3`"),
            (r#"{"Records":[]}"#, "the keys `Records`"),
            (r#"{"requestContext":{"connectionId":"1"}}"#, "the keys `requestContext`"),
            (r#"{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1}"#, "`e`, `f` and 2 more"),
            (r#""text""#, "not a JSON object"),
        ] {
            let message = kind(event).replace(", and handles", ";");
            assert!(message.contains(named), "{message}");
        }
    }

    #[test]
    fn a_request_that_does_not_parse_is_placed_and_not_quoted() {
        let message = kind(r#"{"requestContext":{"http":{"method":7}},"body":"hush"}"#);
        assert!(message.starts_with("the event looks like a HTTP payload 2.0 request"), "{message}");
        assert!(message.contains("line 1") && !message.contains("hush"), "{message}");
    }
}
