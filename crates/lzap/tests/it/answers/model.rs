//! What each front does to a request and to a response, computed from the facts that AWS documents or that were captured
//! there (`tests/data/captured-on-aws.json`). Independent of the code under test: the exceptions of `docs/requests.md`
//! are asserted with it.

use std::collections::BTreeMap;

use super::{
    client::{Exchange, Got},
    echo::{Seen, digest, escape},
    requests::Sent,
};

/// The fronts that the app is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    HttpApi20,
    HttpApi20Stage,
    HttpApi10,
    HttpApi10Stage,
    RestApi,
    FunctionUrl,
    LoadBalancer,
    LoadBalancerMulti,
}

/// The name of the fronts' stage where it isn't `$default`. Generated paths have a segment of the same name.
pub(crate) const STAGE: &str = "prod";
/// Headers that differ by place, and that no test compares.
const IGNORED: [&str; 6] =
    ["connection", "content-length", "host", "x-amzn-trace-id", "x-forwarded-port", "x-forwarded-proto"];

impl Front {
    pub(crate) fn is_http_api(self) -> bool {
        matches!(self, Self::HttpApi20 | Self::HttpApi20Stage | Self::HttpApi10 | Self::HttpApi10Stage)
    }

    pub(crate) fn stage(self) -> &'static str {
        match self {
            Self::HttpApi20Stage | Self::HttpApi10Stage | Self::RestApi => STAGE,
            _ => "$default",
        }
    }

    pub(crate) fn is_payload_2(self) -> bool {
        matches!(self, Self::HttpApi20 | Self::HttpApi20Stage | Self::FunctionUrl)
    }
}

/// The path in an HTTP API's event: decoded, cut at a decoded question mark, decoded again. `None`: AWS answers 400.
pub(crate) fn http_api_path(sent: &str) -> Option<String> {
    let once = unquote(sent.as_bytes(), false)?;
    let cut = once.split(|byte| *byte == b'?').next().unwrap_or_default();
    let twice = unquote(cut, true)?;
    Some(String::from_utf8_lossy(&twice).into_owned())
}

/// Decodes; a bare `%` is `None` where it is `strict`, and stays otherwise.
fn unquote(text: &[u8], strict: bool) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| str::from_utf8(digits).ok());
        let byte = digits
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (*first, byte) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                rest = &after[2..];
            }
            (b'%', None) if strict => return None,
            (byte, _) => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    Some(decoded)
}

/// Encodes all bytes but the unreserved ones and those in `kept`.
fn quote(text: &str, kept: &str) -> String {
    text.bytes()
        .map(|byte| match char::from(byte) {
            char if char.is_ascii_alphanumeric() || "-._~".contains(char) || kept.contains(char) => {
                char.to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// The pairs of a query, encoded as they were sent; `a` and `a=` are the same.
pub(crate) fn raw_pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

/// The pairs of a query, decoded; `+` is a blank.
pub(crate) fn decoded_pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let bytes = unquote(text.replace('+', " ").as_bytes(), false).expect("not strict");
        String::from_utf8_lossy(&bytes).into_owned()
    };
    raw_pairs(query).into_iter().map(|(name, value)| (decode(&name), decode(&value))).collect()
}

/// The values of each name, by the name's first place.
pub(crate) fn group<V: Clone>(pairs: &[(String, V)]) -> Vec<(String, Vec<V>)> {
    let mut groups: Vec<(String, Vec<V>)> = Vec::new();
    for (name, value) in pairs {
        match groups.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) => values.push(value.clone()),
            None => groups.push((name.clone(), vec![value.clone()])),
        }
    }
    groups
}

/// The request's headers with what every front adds: the client's address.
pub(crate) fn event_headers(sent: &Sent, client: &str) -> Vec<(String, Vec<u8>)> {
    let is_forwarded = |name: &str| name == "x-forwarded-for";
    let forwarded = sent.headers.iter().filter(|(name, _)| is_forwarded(name));
    let forwarded = forwarded.map(|(_, value)| String::from_utf8(value.clone()).expect("ASCII"));
    let forwarded = forwarded.chain([client.to_owned()]).collect::<Vec<_>>().join(", ");
    let others = sent.headers.iter().filter(|(name, _)| !is_forwarded(name));
    let others = others.map(|(name, value)| ((*name).to_owned(), value.clone()));
    others.chain([("x-forwarded-for".to_owned(), forwarded.into_bytes())]).collect()
}

/// The request that the app sees under `cargo run`.
pub(crate) fn seen_directly(sent: &Sent) -> Seen {
    let headers: Vec<(String, Vec<u8>)> =
        sent.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Seen {
        method: sent.method.to_owned(),
        path: escape(sent.path.as_bytes()),
        query: escape(sent.query.as_deref().unwrap_or_default().as_bytes()),
        headers: as_map(headers, |values| values),
        body: digest(&sent.body),
    }
}

/// The request that the app sees behind a front that sees the client at this address; `None` where the front refuses it.
pub(crate) fn seen_behind(front: Front, sent: &Sent, client: &str) -> Option<Seen> {
    let direct = seen_directly(sent);
    let path = if front.is_http_api() {
        quote(&http_api_path(&sent.path)?, "!$&'()*+,;=:@/")
    } else {
        sent.path.clone()
    };
    let headers = event_headers(sent, client);
    let headers = match front {
        _ if front.is_payload_2() => as_map(headers, |values| vec![values.join(",")]),
        Front::LoadBalancer => as_map(headers, |values| values.into_iter().next_back().into_iter().collect()),
        _ => as_map(headers, |values| values),
    };
    let headers = if front.is_payload_2() { join_cookies(headers, sent) } else { headers };
    Some(Seen {
        path: escape(path.as_bytes()),
        query: escape(query_behind(front, sent).as_bytes()),
        headers,
        ..direct
    })
}

fn query_behind(front: Front, sent: &Sent) -> String {
    let query = sent.query.as_deref().unwrap_or_default();
    let pairs = match front {
        _ if front.is_payload_2() => return query.to_owned(),
        Front::LoadBalancer | Front::LoadBalancerMulti => raw_pairs(query),
        _ => {
            let decoded = decoded_pairs(query).into_iter();
            decoded.map(|(name, value)| (quote(&name, ""), quote(&value, ""))).collect()
        }
    };
    let groups = group(&pairs).into_iter().map(|(name, values)| {
        let first = if front == Front::LoadBalancer { values.len() - 1 } else { 0 };
        let pairs = values[first..].iter().map(|value| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("&")
    });
    groups.collect::<Vec<_>>().join("&")
}

/// Cookies are the one repeated header that isn't joined with a comma.
fn join_cookies(mut headers: BTreeMap<String, Vec<String>>, sent: &Sent) -> BTreeMap<String, Vec<String>> {
    let cookies = sent.headers.iter().filter(|(name, _)| *name == "cookie");
    let cookies: Vec<String> = cookies.map(|(_, value)| escape(value)).collect();
    if !cookies.is_empty() {
        headers.insert("cookie".to_owned(), vec![cookies.join("; ")]);
    }
    headers
}

fn as_map(
    headers: Vec<(String, Vec<u8>)>,
    change: impl Fn(Vec<String>) -> Vec<String>,
) -> BTreeMap<String, Vec<String>> {
    let escaped: Vec<(String, String)> =
        headers.into_iter().map(|(name, value)| (name, escape(&value))).collect();
    group(&escaped).into_iter().map(|(name, values)| (name, change(values))).collect()
}

/// A report without the headers that differ by place.
pub(crate) fn comparable(seen: &Seen) -> Seen {
    let mut seen = seen.clone();
    seen.headers.retain(|name, _| !IGNORED.contains(&name.as_str()));
    seen
}

/// The response that the client gets behind a front, where it gets `direct` under `cargo run`.
pub(crate) fn got_behind(front: Front, direct: &Exchange) -> Got {
    let mut got = direct.got.clone();
    for (name, values) in &mut got.headers {
        let is_cookie = name == "set-cookie";
        match front {
            Front::LoadBalancer if is_cookie => {
                *values = values.iter().next_back().cloned().into_iter().collect();
            }
            Front::LoadBalancer => *values = vec![values.join(", ")],
            _ if front.is_payload_2() && !is_cookie => *values = vec![values.join(", ")],
            _ => {}
        }
    }
    got
}
