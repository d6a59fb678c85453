//! Small bodies that would take a lot of memory: each is refused with 413 and a sentence.

use std::fmt::Write as _;

use axum::http::{Request, StatusCode};

use crate::common::{Answer, gzip, put, send};

async fn put_gzip(csv: &[u8]) -> Answer {
    let request = Request::put("/")
        .header("content-encoding", "gzip")
        .body(gzip(csv).into());
    send(request.expect("a valid request")).await
}

fn assert_too_large(answer: &Answer, sentence: &str) {
    assert_eq!(
        (answer.status, answer.body.trim_end()),
        (StatusCode::PAYLOAD_TOO_LARGE, sentence)
    );
}

/// A name or a cell takes 60 bytes of memory, and a comma of gzip takes a thousandth of a byte.
#[tokio::test]
async fn header_of_millions_of_columns_is_413() {
    let sentence = "The header has more than 16384 columns, which is the limit.";
    let commas = ",".repeat(8_000_000);
    let blank_before_quote = format!("id, \"{commas}\"\n");
    let quoted = format!("\"i\"\"d\"{commas}\n");
    for csv in [&commas, &commas.replace(',', ";"), &blank_before_quote, &quoted] {
        assert_too_large(&put_gzip(csv.as_bytes()).await, sentence);
    }
}

#[tokio::test]
async fn header_of_as_many_columns_as_are_allowed_is_read() {
    let header = |columns: usize| format!("id{}\na{}\n", ",".repeat(columns - 1), ",".repeat(columns - 1));
    let answer = put("", header(16_384)).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "id\na\n"));
    assert_too_large(
        &put("", header(16_385)).await,
        "The header has more than 16384 columns, which is the limit.",
    );
}

#[tokio::test]
async fn row_of_millions_of_cells_is_413() {
    let commas = ",".repeat(8_000_000);
    for row in [
        commas.clone(),
        format!("\"x\"\"y\"{commas}"),
        format!("x{commas}"),
    ] {
        let csv = format!("id,v\na,1\n{row}\n");
        assert_too_large(
            &put_gzip(csv.as_bytes()).await,
            "Row 2 (line 3): the row has more than 16384 cells, which is the limit.",
        );
    }
}

/// A sum takes 24 bytes from the first number of its column on, for all ids before it too.
#[tokio::test]
async fn numbers_of_many_columns_in_the_last_of_many_rows_are_413() {
    let (columns, rows) = (2_000, 2_000);
    let header = (0..columns).fold(String::from("id"), |mut header, column| {
        write!(header, ",c{column}").expect("a String takes everything");
        header
    });
    let mut csv = header + "\n";
    for id in 0..rows {
        let cell = if id + 1 == rows { ",1" } else { "," };
        writeln!(csv, "{id}{}", cell.repeat(columns)).expect("a String takes everything");
    }
    let request = |query: &str| {
        Request::put(format!("/?{query}"))
            .header("content-encoding", "gzip")
            .body(gzip(csv.as_bytes()).into())
            .expect("a valid request")
    };
    for query in ["", "invoke_lambda=true"] {
        assert_too_large(
            &send(request(query)).await,
            "The CSV has more than 3100000 sums, one for each id and summed column, which is the limit: name fewer columns in \
             \"value_column\".",
        );
    }
}

#[tokio::test]
async fn field_of_a_form_other_than_the_file_is_413_above_64_kb() {
    let form = |name: &str, bytes: usize| {
        let value = "a".repeat(bytes);
        let body = format!(
            "--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n\
             --b\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\nid,v\na,1\n\r\n--b--\r\n"
        );
        let request = Request::post("/").header("content-type", "multipart/form-data; boundary=b");
        request.body(body.into()).expect("a valid request")
    };
    assert_too_large(
        &send(form("value_column", 64_001)).await,
        "The field \"value_column\" of the form is too large: the limit is 64000 bytes for each field but \"file\".",
    );
    let answer = send(form("value_column", 64_000)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
    assert!(
        answer.body.starts_with("There is no column \"aaa"),
        "{}",
        answer.body
    );
}
