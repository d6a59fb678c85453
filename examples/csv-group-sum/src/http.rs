//! The routes, and how a CSV comes out of a request: as the body itself, or as the file of a form.

use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use group_sum::{Decimal, Results, Table, Text, group_sum, read_sums, read_values};
use http_body_util::BodyExt as _;

use crate::caps::{CapError, Caps};
use crate::error::Error;
use crate::inflate::inflate;
use crate::source::Sources;
use crate::spread::Spreading;
use crate::{Params, answer, page, report, spread};

/// The largest body that is taken, here and on Lambda alike: as base64 it is 6,000,000 bytes, which leaves 291,456 of the
/// event's 6 MB (of 1024 × 1024 bytes) for headers and the rest.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const MAX_BODY_BYTES: usize = 4_500_000;

/// The most bytes that are read and dropped of a body that is too large: a client that is still sending when the
/// connection closes would see a broken pipe instead of the answer.
const MAX_READ_BYTES: usize = 64_000_000;

/// The most bytes of a form's field that is a parameter: as many as a query has room for.
pub const MAX_FIELD_BYTES: usize = 64_000;

/// The deployer's settings for all requests. The default reads no sources.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The places that `source` may name.
    pub sources: Sources,
    /// Apply to requests that invoke other Lambdas.
    pub caps: Caps,
}

/// The app, with the settings in its environment.
///
/// # Errors
/// A variable has a value that is no limit.
pub fn router() -> Result<Router, CapError> {
    let (sources, caps) = (Sources::from_env(), Caps::from_env()?);
    Ok(router_with(Settings { sources, caps }))
}

/// The app with given settings: tests use it, as they must not change the environment.
pub fn router_with(settings: Settings) -> Router {
    let root = get(page::show_page)
        .put(answer_sums)
        .post(answer_sums)
        .fallback(method_not_allowed);
    // `read_body` has a limit of its own, with a sentence to it.
    Router::new()
        .route("/", root)
        .fallback(not_found)
        .layer(DefaultBodyLimit::disable())
        .with_state(settings)
}

/// Answers a CSV with its sums: in one pass here, or by a map if the parameters ask for one.
async fn answer_sums(State(settings): State<Settings>, request: Request) -> Result<Response, Error> {
    let wants_json = accepts_json(request.headers());
    let (params, csv) = read_request(request, &settings.sources).await?;
    let mut timing = Timing::start();
    let (csv, left_out, decimals, map) = if params.asks_for_a_map() {
        let mut table = read_values(&csv, params.selection(), params.format)?;
        make_safe(&mut table, &params);
        timing.end_step("read");
        let Spreading {
            results,
            report,
            lowered,
        } = spread::map_items(&mut table, &params, &settings.caps).await?;
        timing.end_step("map");
        let csv = answer::write_answer(&table, &results)?;
        let decimals = list_decimals(&table);
        (csv, table.left_out, decimals, Some((report, lowered)))
    } else {
        // Some 15 ms for the largest body that is not compressed. A Lambda environment has one request at a time, except on
        // Managed Instances, so it seldom keeps another one waiting.
        let mut table = read_sums(&csv, params.selection(), params.format)?;
        make_safe(&mut table, &params);
        let results = Results {
            sums: group_sum(&table)?,
            extras: Vec::new(),
        };
        timing.end_step("sum");
        let (csv, decimals) = (answer::write_answer(&table, &results)?, list_decimals(&table));
        (csv, table.left_out, decimals, None)
    };
    timing.end_step("write");
    let lowered = map.as_ref().map_or(&[][..], |(_, lowered)| lowered);
    let mut response = if params.report || wants_json {
        let report = map.as_ref().map(|(report, _)| report.clone());
        let json = report::format_json(&csv, &left_out, &decimals, lowered, report)?;
        respond("application/json", json)
    } else {
        respond("text/csv; charset=utf-8", csv)
    };
    let map = map
        .as_ref()
        .map(|(report, lowered)| (report::HEADER, report::summarize_map(report, lowered)));
    let left_out = (!left_out.is_empty()).then(|| (report::LEFT_OUT_HEADER, report::list_names(&left_out)));
    for (name, value) in [("server-timing", timing.format_header())]
        .into_iter()
        .chain(map)
        .chain(left_out)
    {
        let value = HeaderValue::try_from(value).expect("words and numbers");
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

fn list_decimals<N>(table: &Table<N>) -> Vec<(String, Option<Decimal>)> {
    let columns = table.columns.iter();
    columns
        .map(|column| (column.name.clone(), column.decimal))
        .collect()
}

fn make_safe<N>(table: &mut Table<N>, params: &Params) {
    if params.formula_safe {
        table.neutralize_formulas();
    }
}

fn respond(content_type: &'static str, body: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body).into_response()
}

/// True if a client names JSON among the types that it accepts. One that accepts anything gets a CSV.
fn accepts_json(headers: &HeaderMap) -> bool {
    // The weights (`q=`) don't count: a client that names JSON at all can read it.
    let accepted = headers.get_all(header::ACCEPT).into_iter();
    let mut types = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    types.any(|entry| media_type(entry).eq_ignore_ascii_case("application/json"))
}

/// The times of the steps, in the form in which browsers show them.
struct Timing {
    since: Instant,
    laps: Vec<String>,
}

impl Timing {
    fn start() -> Self {
        Self {
            since: Instant::now(),
            laps: Vec::new(),
        }
    }

    /// Ends a step that began with the end of the one before. `step` must be a token, as the header requires.
    fn end_step(&mut self, step: &str) {
        let now = Instant::now();
        let ms = (now - std::mem::replace(&mut self.since, now)).as_secs_f64() * 1e3;
        self.laps.push(format!("{step};dur={ms:.3}"));
    }

    fn format_header(&self) -> String {
        self.laps.join(", ")
    }
}

/// Reads the parameters and the CSV. Parameters in the query and in the form count alike.
async fn read_request(request: Request, sources: &Sources) -> Result<(Params, Bytes), Error> {
    let (parts, body) = request.into_parts();
    let mut pairs = query_pairs(&parts.uri);
    // Before the form is read, since the encoding is that of the whole body.
    let body = inflate(&parts.headers, read_body(body).await?)?;
    let file = if is_form(&parts.headers) {
        read_form(parts, body, &mut pairs).await?
    } else {
        Some(body)
    };
    let params = Params::from_pairs(pairs)?;
    // A form without a file, and one whose file was not chosen, are both without a body.
    let csv = match (&params.source, file) {
        (None, file) => file.ok_or(Error::FormWithoutFile)?,
        (Some(_), Some(file)) if !file.is_empty() => return Err(Error::SourceAndBody),
        (Some(address), _) => sources.read(address).await?,
    };
    Ok((params, csv))
}

fn query_pairs(uri: &Uri) -> Vec<(String, String)> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect()
}

async fn read_body(mut body: Body) -> Result<Bytes, Error> {
    // Nothing is reserved by the announced length, since a client may announce more than it sends.
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
    media_type(content_type).eq_ignore_ascii_case("multipart/form-data")
}

/// Drops parameters such as `charset` and `q`.
fn media_type(text: &str) -> &str {
    text.split(';').next().unwrap_or_default().trim()
}

/// The field `file` of a form; its other fields are parameters.
async fn read_form(
    parts: Parts,
    body: Bytes,
    pairs: &mut Vec<(String, String)>,
) -> Result<Option<Bytes>, Error> {
    let request = Request::from_parts(parts, Body::from(body));
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|_| Error::FormUnreadable)?;
    let mut file = None;
    while let Some(field) = form.next_field().await.map_err(|_| Error::FormUnreadable)? {
        let name = field.name().unwrap_or_default().to_owned();
        let content = field.bytes().await.map_err(|_| Error::FormUnreadable)?;
        if name != "file" {
            if content.len() > MAX_FIELD_BYTES {
                return Err(Error::FieldTooLarge(Text::new(&name)));
            }
            pairs.push((name, String::from_utf8_lossy(&content).into_owned()));
        } else if file.replace(content).is_some() {
            return Err(Error::RepeatedParameter(Text::new("file")));
        }
    }
    Ok(file)
}

async fn method_not_allowed(method: Method) -> Error {
    Error::MethodNotAllowed(Text::new(method.as_str()))
}

async fn not_found(uri: Uri) -> Error {
    Error::NotFound(Text::new(uri.path()))
}
