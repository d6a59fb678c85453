//! What a proxy saw: counted, measured, and held against AWS's models.

use std::io;
use std::ops::Range;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use crate::python::Python;

/// One call, from its first byte to the last byte of its answer.
#[derive(Clone, Debug)]
pub struct Call {
    /// The service in the signature's scope (`lambda`, `apigateway`, …); empty when the call isn't signed.
    pub service: String,
    /// The HTTP method.
    pub method: String,
    /// The path with its query.
    pub target: String,
    /// The headers, in order.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
    /// The answer's status; 502 when the upstream didn't answer.
    pub status: u16,
    /// When it arrived, since the proxy's start.
    pub start: Duration,
    /// When its answer was ready, since the proxy's start.
    pub end: Duration,
}

impl Call {
    pub(crate) fn new(parts: &Parts, body: Bytes, status: u16, time: Range<Duration>) -> Self {
        let text =
            |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers: Vec<_> =
            parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        Self {
            service: find_signed_service(&headers).unwrap_or_default().to_owned(),
            method: parts.method.to_string(),
            target: parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            headers,
            body,
            status,
            start: time.start,
            end: time.end,
        }
    }

    /// What is asked for, without the ids that differ from run to run: two calls of one kind are the same operation.
    pub fn kind(&self) -> String {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let service = &self.service;
        if let Some((_, target)) = self.headers.iter().find(|(name, _)| name == "x-amz-target") {
            return format!("{service} {}", target.rsplit('.').next().unwrap_or_default());
        }
        if matches!(service.as_str(), "iam" | "sts") {
            let body = String::from_utf8_lossy(&self.body);
            let action = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
            return format!("{service} {}", action.unwrap_or_default());
        }
        let part = |(index, part): (usize, &str)| {
            let is_id = service == "apigateway" && index > 0 && index % 2 == 0;
            if is_id || part.strip_suffix(".zip").is_some() { "*".to_owned() } else { part.to_owned() }
        };
        let path: Vec<String> = path.trim_matches('/').split('/').enumerate().map(part).collect();
        let mut keys: Vec<&str> =
            query.split('&').map(|pair| pair.split('=').next().unwrap_or(pair)).collect();
        keys.retain(|key| !key.is_empty() && *key != "x-id");
        keys.sort_unstable();
        format!("{service} {} /{}?{}", self.method, path.join("/"), keys.join("&"))
    }

    fn to_json(&self) -> Value {
        json!({
            "service": self.service,
            "method": self.method,
            "target": self.target,
            "headers": self.headers,
            "body": STANDARD.encode(&self.body),
            "status": self.status,
            "start_ms": self.start.as_secs_f64() * 1e3,
            "end_ms": self.end.as_secs_f64() * 1e3,
        })
    }
}

/// `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn find_signed_service(headers: &[(String, String)]) -> Option<&str> {
    let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"))?;
    value.split("Credential=").nth(1)?.split(',').next()?.split('/').nth(3)
}

/// A call with its operation's name and what AWS's model of it has to complain about.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The operation as `service:Operation`.
    pub operation: String,
    /// What AWS would refuse; empty when all is well.
    pub problems: Vec<String>,
    /// What was asked for, by the members of the operation's input.
    pub input: Value,
}

impl Checked {
    /// Whether the operation changes nothing: by its verb, as AWS names its operations.
    pub fn is_read(&self) -> bool {
        let verb = self.operation.split(':').nth(1).unwrap_or_default();
        ["Get", "List", "Head", "Describe", "Filter"].iter().any(|read| verb.starts_with(read))
    }
}

/// The calls of one command.
#[derive(Clone, Debug)]
pub struct Recording {
    calls: Vec<Call>,
}

impl Recording {
    /// A recording of `calls`.
    pub fn new(calls: Vec<Call>) -> Self {
        Self { calls }
    }

    /// The calls, in the order of arrival.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// How many calls the longest chain has in which each began only after the one before had ended. That many round
    /// trips the command takes at the least, whatever it does at the same time.
    pub fn critical_path_len(&self) -> usize {
        let mut by_start: Vec<&Call> = self.calls.iter().collect();
        by_start.sort_by_key(|call| call.start);
        let mut depths: Vec<(Duration, usize)> = Vec::new();
        for call in by_start {
            let before = depths.iter().filter(|(end, _)| *end <= call.start).map(|(_, depth)| *depth).max();
            depths.push((call.end, before.unwrap_or(0) + 1));
        }
        depths.into_iter().map(|(_, depth)| depth).max().unwrap_or(0)
    }

    /// From the first call's start to the last one's end.
    pub fn wall_time(&self) -> Duration {
        let start = self.calls.iter().map(|call| call.start).min().unwrap_or_default();
        let end = self.calls.iter().map(|call| call.end).max().unwrap_or_default();
        end.saturating_sub(start)
    }

    /// The calls as JSON lines, bodies in base64.
    pub fn json_lines(&self) -> String {
        self.calls.iter().map(|call| call.to_json().to_string() + "\n").collect()
    }

    /// Each call's operation, checked against AWS's published model (`python/validate.py`).
    ///
    /// # Errors
    /// When the checker itself fails.
    pub fn check_calls(&self) -> io::Result<Vec<Checked>> {
        let answer = Python::ready()?.run_script("validate.py", &self.json_lines())?;
        let checked: Vec<Checked> = answer.lines().map(parse_checked).collect::<io::Result<_>>()?;
        if checked.len() == self.calls.len() {
            return Ok(checked);
        }
        Err(io::Error::other(format!("{} calls, {} checked", self.calls.len(), checked.len())))
    }
}

fn parse_checked(line: &str) -> io::Result<Checked> {
    let value: Value = serde_json::from_str(line)?;
    let problems = value["problems"].as_array().into_iter().flatten();
    Ok(Checked {
        operation: value["operation"].as_str().unwrap_or_default().to_owned(),
        problems: problems.filter_map(|problem| problem.as_str().map(str::to_owned)).collect(),
        input: value["input"].clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(start: u64, end: u64) -> Call {
        Call {
            service: String::new(),
            method: "GET".to_owned(),
            target: "/".to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
            status: 200,
            start: Duration::from_millis(start),
            end: Duration::from_millis(end),
        }
    }

    #[test]
    fn depth_counts_what_had_to_wait() {
        for (calls, depth) in [
            (vec![], 0),
            (vec![call(0, 10), call(0, 10), call(5, 9)], 1),
            (vec![call(0, 10), call(10, 20), call(20, 30)], 3),
            // Two lanes, the longer one counts; a slow call beside them doesn't.
            (vec![call(0, 10), call(0, 30), call(11, 20), call(21, 29), call(31, 40)], 4),
        ] {
            assert_eq!(Recording::new(calls).critical_path_len(), depth);
        }
    }

    #[test]
    fn a_kind_leaves_out_what_differs_from_run_to_run() {
        let kind = |service: &str, target: &str| {
            let call = Call { service: service.to_owned(), target: target.to_owned(), ..call(0, 0) };
            call.kind()
        };
        assert_eq!(kind("apigateway", "/v2/apis/a1/routes/b2"), "apigateway GET /v2/apis/*/routes/*?");
        assert_eq!(kind("s3", "/lzap-1/shop/dev/00ff.zip?x-id=PutObject"), "s3 GET /lzap-1/shop/dev/*?");
        assert_eq!(
            kind("lambda", "/2015-03-31/functions/f?Qualifier=7"),
            "lambda GET /2015-03-31/functions/f?Qualifier"
        );
        let mut role = call(0, 0);
        role.service = "iam".to_owned();
        role.body = Bytes::from_static(b"Action=GetRole&Version=2010-05-08");
        assert_eq!(role.kind(), "iam GetRole");
    }

    #[test]
    fn the_service_comes_from_the_signature() {
        let header = "AWS4-HMAC-SHA256 Credential=AK/20261122/eu-central-1/apigateway/aws4_request, SignedHeaders=host";
        let headers = vec![("authorization".to_owned(), header.to_owned())];
        assert_eq!(find_signed_service(&headers), Some("apigateway"));
    }
}
