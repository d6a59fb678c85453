//! The calls that a proxy recorded: their number, times, and validation against AWS's models.

use std::io;
use std::ops::Range;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use crate::python::Python;

/// One HTTP request and the status of its answer.
#[derive(Clone, Debug)]
pub struct Call {
    /// The service in the scope of the signature (`lambda`, `apigateway`, …); empty for an unsigned call.
    pub service: String,
    /// The HTTP method.
    pub method: String,
    /// The path with the query.
    pub target: String,
    /// The headers, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body of the request.
    pub body: Bytes,
    /// The status of the answer; 502 when the upstream didn't answer.
    pub status: u16,
    /// The time of arrival, relative to the proxy's start.
    pub start: Duration,
    /// The time when the answer was ready, relative to the proxy's start.
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

    /// Returns the operation without the IDs that differ between runs. Calls with the same kind are the same operation.
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
            // Paths of API Gateway alternate between a collection and an ID. Artifacts are named by their hash.
            let is_id = service == "apigateway" && index > 0 && index % 2 == 0;
            if is_id || part.strip_suffix(".zip").is_some() { "*".to_owned() } else { part.to_owned() }
        };
        let path: Vec<String> = path.trim_matches('/').split('/').enumerate().map(part).collect();
        let mut keys: Vec<&str> =
            query.split('&').map(|pair| pair.split('=').next().unwrap_or(pair)).collect();
        // `x-id` is the operation's name, which only some SDKs add, and which AWS ignores.
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

/// Returns SERVICE of `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn find_signed_service(headers: &[(String, String)]) -> Option<&str> {
    let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"))?;
    value.split("Credential=").nth(1)?.split(',').next()?.split('/').nth(3)
}

/// A call that was validated against AWS's model of its operation.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The operation as `service:Operation`.
    pub operation: String,
    /// The violations of the model; empty for a valid call.
    pub problems: Vec<String>,
    /// The input of the operation, by the member names of the model.
    pub input: Value,
}

impl Checked {
    /// Returns true for a read operation. The verb decides, since AWS names operations consistently.
    pub fn is_read(&self) -> bool {
        let verb = self.operation.split(':').nth(1).unwrap_or_default();
        ["Get", "List", "Head", "Describe", "Filter"].iter().any(|read| verb.starts_with(read))
    }
}

/// The recorded calls of one or more commands.
#[derive(Clone, Debug)]
pub struct Recording {
    calls: Vec<Call>,
}

impl Recording {
    /// Makes a recording of `calls`.
    pub fn new(calls: Vec<Call>) -> Self {
        Self { calls }
    }

    /// Returns the calls in the order of arrival.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// Returns the length of the longest chain of calls of which each starts after the end of the previous one. This is
    /// the number of sequential round trips. The cost is quadratic in the number of calls.
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

    /// Returns the time from the first start to the last end.
    pub fn wall_time(&self) -> Duration {
        let start = self.calls.iter().map(|call| call.start).min().unwrap_or_default();
        let end = self.calls.iter().map(|call| call.end).max().unwrap_or_default();
        end.saturating_sub(start)
    }

    /// Formats the calls as JSON lines, with bodies in base64. `python/validate.py` reads this format.
    pub fn json_lines(&self) -> String {
        self.calls.iter().map(|call| call.to_json().to_string() + "\n").collect()
    }

    /// Validates each call against AWS's published model with `python/validate.py`. Starts one Python process.
    ///
    /// # Errors
    /// When the script fails. Violations are no error; they are in [`Checked::problems`].
    pub fn check_calls(&self) -> io::Result<Vec<Checked>> {
        let answer = Python::ready()?.run_script("validate.py", &self.json_lines())?;
        let checked: Vec<Checked> = answer.lines().map(parse_checked).collect::<io::Result<_>>()?;
        // Callers pair results with calls by position, so a missing line must not pass.
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
    fn critical_path_len_counts_sequential_calls() {
        for (calls, depth) in [
            (vec![], 0),
            (vec![call(0, 10), call(0, 10), call(5, 9)], 1),
            (vec![call(0, 10), call(10, 20), call(20, 30)], 3),
            // The longest chain has four calls; the slow call next to it is in a shorter one.
            (vec![call(0, 10), call(0, 30), call(11, 20), call(21, 29), call(31, 40)], 4),
        ] {
            assert_eq!(Recording::new(calls).critical_path_len(), depth);
        }
    }

    #[test]
    fn kind_leaves_out_ids_and_query_values() {
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
    fn find_signed_service_reads_the_credential_scope() {
        let header = "AWS4-HMAC-SHA256 Credential=AK/20261122/eu-central-1/apigateway/aws4_request, SignedHeaders=host";
        let headers = vec![("authorization".to_owned(), header.to_owned())];
        assert_eq!(find_signed_service(&headers), Some("apigateway"));
    }
}
