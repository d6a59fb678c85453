//! Inflates a body that was sent as gzip, which lets a CSV be larger than a Lambda event.

use std::io::Read as _;

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;
use group_sum::Text;

use crate::error::Error;

/// The most bytes of an inflated body. It is in memory as a whole, beside the sums or the numbers that are read from it.
pub const MAX_INFLATED_BYTES: u64 = 64_000_000;

/// Returns the body as its sender had it before the content encoding that `headers` name.
///
/// # Errors
/// The encoding is not gzip, the body is not valid, or it is larger than [`MAX_INFLATED_BYTES`] then.
pub(crate) fn inflate(headers: &HeaderMap, body: Bytes) -> Result<Bytes, Error> {
    let encoding = headers.get(header::CONTENT_ENCODING);
    let encoding = encoding.map_or("", |value| value.to_str().unwrap_or("?")).trim();
    match encoding.to_ascii_lowercase().as_str() {
        "" | "identity" => return Ok(body),
        "gzip" | "x-gzip" => {}
        _ => return Err(Error::UnknownEncoding(Text::new(encoding))),
    }
    let mut inflated = Vec::new();
    // `MultiGzDecoder`, because some tools write several members one after the other. One byte more than the limit shows that
    // the body is too large.
    let mut decoder = MultiGzDecoder::new(&body[..]).take(MAX_INFLATED_BYTES + 1);
    decoder.read_to_end(&mut inflated).map_err(|_| Error::NotGzip)?;
    if decoder.limit() == 0 {
        return Err(Error::InflatedTooLarge);
    }
    Ok(inflated.into())
}
