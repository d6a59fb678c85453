//! A client that sends a request's bytes as they are, and what it gets.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use super::{
    echo::{SEEN, Seen, escape},
    requests::Sent,
};

/// A response as the client gets it, without the headers of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) status: u16,
    /// The values of each name, in order, escaped. `content-length` is there for HEAD only.
    pub(crate) headers: BTreeMap<String, Vec<String>>,
    /// With a fixed request id.
    pub(crate) body: String,
}

/// The app's report and the client's response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exchange {
    /// `None` where the app's own response was replaced.
    pub(crate) seen: Option<Seen>,
    pub(crate) got: Got,
}

/// Headers that the server or the gateway adds to each response.
const SERVER_HEADERS: [&str; 5] =
    ["date", "connection", "transfer-encoding", "apigw-requestid", "x-amzn-requestid"];

impl Exchange {
    /// Splits the report from the response's headers.
    pub(crate) fn new(method: &str, status: u16, headers: Vec<(String, Vec<u8>)>, body: &[u8]) -> Self {
        let mut seen = None;
        let mut kept: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in headers {
            let name = name.to_ascii_lowercase();
            if name == SEEN {
                seen = Some(Seen::parse(str::from_utf8(&value).expect("ASCII")));
            } else if !SERVER_HEADERS.contains(&&*name) && (name != "content-length" || method == "HEAD") {
                kept.entry(name).or_default().push(escape(&value));
            }
        }
        let length = kept.get("content-length").map(Vec::len);
        assert!(length.is_none_or(|values| values == 1), "one length");
        if seen.is_none() {
            // lzap's own 500: its length is that of the request id.
            kept.remove("content-length");
        }
        Self { seen, got: Got { status, headers: kept, body: fix_request_id(body) } }
    }
}

/// The request id of lzap's own 500 differs each time.
fn fix_request_id(body: &[u8]) -> String {
    let body = escape(body);
    let Some((before, after)) = body.split_once(r#"\"requestId\":\""#) else { return body };
    let (id, after) = after.split_once('\\').expect("the end of the id");
    assert!(id.len() >= 16, "{id} is no request id");
    format!("{before}ID{after}")
}

/// Sends one request on a connection of its own.
pub(crate) fn send(address: &str, sent: &Sent) -> Exchange {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    let mut bytes = format!("{} {}", sent.method, sent.path).into_bytes();
    if let Some(query) = &sent.query {
        bytes.extend_from_slice(format!("?{query}").as_bytes());
    }
    bytes.extend_from_slice(b" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    for (name, value) in &sent.headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", sent.body.len()).as_bytes());
    bytes.extend_from_slice(&sent.body);
    stream.write_all(&bytes).expect("the request is sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the response ends");
    parse(sent.method, &answer).unwrap_or_else(|| panic!("{} to {sent:?}", escape(&answer)))
}

fn parse(method: &str, answer: &[u8]) -> Option<Exchange> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = (&answer[..end], &answer[end + 4..]);
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let status = str::from_utf8(lines.next()?).ok()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Option<Vec<(String, Vec<u8>)>> = lines
        .map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = str::from_utf8(&line[..colon]).ok()?.to_owned();
            Some((name, line[colon + 1..].trim_ascii().to_vec()))
        })
        .collect();
    Some(Exchange::new(method, status, headers?, body))
}
