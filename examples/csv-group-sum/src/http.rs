//! The routes, and how a CSV comes out of a request: as the body itself, or as the file of a form.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::IntoResponse;
use axum::routing::get;
use http_body_util::BodyExt as _;

use crate::error::{Error, Text};
use crate::{Params, page, sum_csv};

/// The largest body that is taken, here and on Lambda alike: as base64 it is 6,000,000 bytes, which leaves 291,456 of the
/// event's 6 MB (of 1024 × 1024 bytes) for headers and the rest.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const MAX_BODY_BYTES: usize = 4_500_000;

/// How much of a body that is too large is read all the same, and dropped: a client that is still sending when the
/// connection closes would see a broken pipe instead of the answer.
const MAX_READ_BYTES: usize = 64_000_000;

/// The app.
pub fn router() -> Router {
    let root = get(page::show).put(sum).post(sum).fallback(method_not_allowed);
    // `read_body` has a limit of its own, with a sentence to it.
    Router::new()
        .route("/", root)
        .fallback(not_found)
        .layer(DefaultBodyLimit::disable())
}

/// Answers a CSV with its sums.
async fn sum(request: Request) -> Result<impl IntoResponse, Error> {
    let (parts, body) = request.into_parts();
    let mut pairs = query_pairs(&parts.uri);
    let body = read_body(body).await?;
    let csv = if is_form(&parts.headers) {
        read_form(parts, body, &mut pairs).await?
    } else {
        body
    };
    // A few milliseconds of work, and a Lambda environment has one request at a time: no thread is needed.
    let answer = sum_csv(&csv, &Params::from_pairs(pairs)?)?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, answer))
}

fn query_pairs(uri: &Uri) -> Vec<(String, String)> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect()
}

async fn read_body(mut body: Body) -> Result<Bytes, Error> {
    let (mut kept, mut size) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Error::BodyUnreadable)?;
        let data = frame.into_data().unwrap_or_default();
        size += data.len();
        if size <= MAX_BODY_BYTES {
            kept.extend_from_slice(&data);
        } else if size > MAX_READ_BYTES {
            break;
        }
    }
    if size > MAX_BODY_BYTES {
        Err(Error::BodyTooLarge)
    } else {
        Ok(kept.into())
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("multipart/form-data")
}

/// The field `file` of a form; its other fields are parameters.
async fn read_form(parts: Parts, body: Bytes, pairs: &mut Vec<(String, String)>) -> Result<Bytes, Error> {
    let request = Request::from_parts(parts, Body::from(body));
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|_| Error::FormUnreadable)?;
    let mut file = None;
    while let Some(field) = form.next_field().await.map_err(|_| Error::FormUnreadable)? {
        let name = field.name().unwrap_or_default().to_owned();
        let content = field.bytes().await.map_err(|_| Error::FormUnreadable)?;
        if name != "file" {
            pairs.push((name, String::from_utf8_lossy(&content).into_owned()));
        } else if file.replace(content).is_some() {
            return Err(Error::RepeatedParameter(Text::new("file")));
        }
    }
    file.ok_or(Error::FormWithoutFile)
}

async fn method_not_allowed(method: Method) -> Error {
    Error::MethodNotAllowed(Text::new(method.as_str()))
}

async fn not_found(uri: Uri) -> Error {
    Error::NotFound(Text::new(uri.path()))
}
