//! `aws-chunked` bodies, which S3 clients send when they stream: chunks, then trailing headers with a checksum.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>. Signatures of chunks are not
//! checked; that of the request is (`server::auth`).

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Returns whether a body came in chunks.
pub(crate) fn is_chunked(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text("x-amz-content-sha256").starts_with("STREAMING-")
        || text("content-encoding").split(',').any(|encoding| encoding.trim() == "aws-chunked")
}

/// The body without its chunks, and the headers as an unchunked request would have them: the trailing ones among
/// them, `aws-chunked` and the signature marker gone. `None` when the body is malformed or cut off.
pub(crate) fn decode(headers: &mut HeaderMap, body: &Bytes) -> Option<Bytes> {
    let mut decoded = BytesMut::with_capacity(body.len());
    let mut rest: &[u8] = body;
    loop {
        let line = take_line(&mut rest)?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            break;
        }
        decoded.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
    while let Some(line) = take_line(&mut rest).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
        headers.insert(name, HeaderValue::from_str(value.trim()).ok()?);
    }
    let length = headers.remove("x-amz-decoded-content-length");
    let expected = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if expected.is_some_and(|expected| expected != decoded.len()) {
        return None;
    }
    strip(headers, decoded.len());
    Some(decoded.freeze())
}

fn strip(headers: &mut HeaderMap, length: usize) {
    headers.remove("x-amz-content-sha256");
    headers.remove("x-amz-trailer");
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let Some(encodings) = headers.remove(header::CONTENT_ENCODING) else {
        return;
    };
    let kept: Vec<_> = encodings
        .to_str()
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|encoding| !encoding.is_empty() && *encoding != "aws-chunked")
        .collect();
    if let Some(value) = HeaderValue::from_str(&kept.join(",")).ok().filter(|value| !value.is_empty()) {
        headers.insert(header::CONTENT_ENCODING, value);
    }
}

/// The next line without its end; a last line may lack it.
fn take_line<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    if rest.is_empty() {
        return None;
    }
    let end = rest.windows(2).position(|pair| pair == b"\r\n");
    let (line, after) = end.map_or((*rest, rest.len()), |end| (&rest[..end], end + 2));
    *rest = &rest[after..];
    std::str::from_utf8(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn chunks_are_joined_and_trailers_become_headers() {
        let mut headers = headers(&[
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            ("content-encoding", "gzip, aws-chunked"),
            ("x-amz-decoded-content-length", "9"),
        ]);
        assert!(is_chunked(&headers));
        let body = Bytes::from(
            "5;chunk-signature=ab\r\nhello\r\n4\r\n\r\n!!\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n",
        );
        assert_eq!(decode(&mut headers, &body).expect("the body is well formed"), "hello\r\n!!");
        assert_eq!(headers["x-amz-checksum-crc32"], "AAAA");
        assert_eq!(headers["content-encoding"], "gzip");
        assert_eq!(headers["content-length"], "9");
        assert!(!is_chunked(&headers));
    }

    #[test]
    fn a_body_that_is_cut_off_is_refused() {
        for body in ["5\r\nhel", "5\r\nhello", "x\r\n", "5\r\nhello\r\n0\r\nnonsense\r\n"] {
            assert_eq!(decode(&mut HeaderMap::new(), &Bytes::from(body)), None, "{body:?}");
        }
        let mut short = headers(&[("x-amz-decoded-content-length", "7")]);
        assert_eq!(decode(&mut short, &Bytes::from("5\r\nhello\r\n0\r\n\r\n")), None);
    }
}
