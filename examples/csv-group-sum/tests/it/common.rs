//! Shared by the tests: a request to the router, and random numbers from a seed.

use std::io::{self, Write as _};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use csv_group_sum::http::{Settings, router_with};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use lzap::testing::Cloud;
use tower::ServiceExt as _;

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// A header's text, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("a header is ASCII here"))
    }
}

/// Sends a request to the app.
pub(crate) async fn send(request: Request<Body>) -> Answer {
    send_to(router_with(Settings::default()), request).await
}

/// Sends a request to an app.
pub(crate) async fn send_to(app: Router, request: Request<Body>) -> Answer {
    let response = app.oneshot(request).await.expect("a router does not fail");
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("the body is in memory");
    let body = String::from_utf8(body.to_vec()).expect("every answer is UTF-8");
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

/// Puts a CSV to `/` with a query, which may be empty.
pub(crate) async fn put(query: &str, csv: impl Into<Body>) -> Answer {
    let request = Request::put(format!("/?{query}")).body(csv.into());
    send(request.expect("a valid request")).await
}

/// As [`put`], in a Lambda whose tasks are invoked in `cloud`.
pub(crate) async fn put_in(cloud: Cloud, query: &str, csv: impl Into<Body>) -> Answer {
    cloud.run(put(query, csv)).await
}

/// A Lambda with the app's tasks.
pub(crate) fn cloud() -> Cloud {
    Cloud::new()
        .task(csv_group_sum::summarize)
        .task(csv_group_sum::summarize_after_a_wait)
        .memory_mb(1769)
        .timeout(Duration::from_secs(30))
}

/// A generator of random numbers (`SplitMix64`): the same seed gives the same numbers everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).expect("a usize has 64 bits at most");
        usize::try_from(self.bits() % limit).expect("smaller than a usize")
    }

    /// True once in `n` times.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// A number from 0 to 1 with all the digits that a float has, so that sums of such numbers round.
    pub(crate) fn fraction(&mut self) -> f64 {
        let mut half = || u32::try_from(self.bits() >> 32).expect("32 bits").into();
        let (high, low): (f64, f64) = (half(), half());
        let scale = f64::from(u32::MAX) + 1.0;
        (high + low / scale) / scale
    }
}

/// A body of unknown length.
pub(crate) fn in_chunks(bytes: Vec<u8>) -> Body {
    Body::from_stream(stream::iter([io::Result::Ok(bytes)]))
}

/// A body whose connection breaks before its end.
pub(crate) fn broken(bytes: Vec<u8>) -> Body {
    Body::from_stream(stream::iter([
        Ok(bytes),
        Err(io::Error::from(io::ErrorKind::ConnectionReset)),
    ]))
}

/// Bytes as gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("a Vec takes every byte");
    encoder.finish().expect("a Vec takes every byte")
}
