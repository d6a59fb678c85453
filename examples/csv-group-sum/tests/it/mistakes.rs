//! Answers to bad requests: a 4xx, and one sentence that names the place and the cause.

use crate::common::{Answer, broken, in_chunks, put, send};
use axum::body::{Body, Bytes};
use axum::http::{Method, Request, StatusCode};
use csv_group_sum::http::MAX_BODY_BYTES;

/// Asserts that `answer` is the sentence, as plain text.
fn assert_sentence(answer: &Answer, status: StatusCode, sentence: &str) {
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (status, format!("{sentence}\n").as_str())
    );
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

async fn assert_bad(query: &str, csv: impl Into<Body>, sentence: &str) {
    assert_sentence(&put(query, csv).await, StatusCode::BAD_REQUEST, sentence);
}

#[tokio::test]
async fn empty_body_or_no_header_is_400() {
    assert_bad(
        "",
        "",
        "The body is empty: send a CSV whose first row names the columns.",
    )
    .await;
    for csv in ["\n\r\n", "\u{feff}", "1,2\n3,4\n", "1,,2.5\n"] {
        assert_bad(
            "",
            csv,
            "The CSV has no header: its first row must name the columns.",
        )
        .await;
    }
}

#[tokio::test]
async fn missing_column_is_400() {
    let csv = ",id,time,value\n0,1,2,3\n";
    let columns = "the columns are \"id\", \"time\" and \"value\".";
    assert_bad(
        "id_column=key",
        csv,
        &format!("There is no column \"key\": {columns}"),
    )
    .await;
    assert_bad(
        "value_column=value,x",
        csv,
        &format!("There is no column \"x\": {columns}"),
    )
    .await;
    assert_bad(
        "",
        "ID\n1\n",
        "There is no column \"id\": the only column is \"ID\".",
    )
    .await;
}

#[tokio::test]
async fn ragged_row_is_400() {
    let few = "Row 2 (line 3), column \"value\": the cell is missing, since the row has 1 of 2 cells.";
    assert_bad("", "id,value\n1,2\n3\n", few).await;
    let many = "Row 1 (line 2), column 3: the header has no column for \"3\", since it has 2 columns and the row 3 cells.";
    assert_bad("", "id,value\n1,2,3\n", many).await;
}

#[tokio::test]
async fn cell_that_is_no_number_is_400() {
    let sentence = "Row 2 (line 3), column \"value\": \"abc\" is not a number.";
    assert_bad("", "id,value\n1,2\n3,abc\n", sentence).await;
    assert_bad(
        "value_column=value",
        "id,value\n1,abc\n",
        "Row 1 (line 2), column \"value\": \"abc\" is not a number.",
    )
    .await;
    // The row is the second one, though it starts on the fourth line.
    let csv = "id,note,value\r\n1,\"two\r\nlines\",2\r\n3,,\"1,5\"\r\n";
    assert_bad(
        "",
        csv,
        "Row 2 (line 4), column \"value\": \"1,5\" is not a number.",
    )
    .await;
    for word in ["nan", "-inf"] {
        let sentence = format!("Row 2 (line 3), column \"v\": \"{word}\" is not a number.");
        assert_bad("", format!("id,v\n1,2\n1,{word}\n"), &sentence).await;
    }
}

#[tokio::test]
async fn number_or_sum_too_large_for_a_float_is_400() {
    let sentence = "Row 1 (line 2), column \"v\": \"-1e309\" is too large for a 64-bit float.";
    assert_bad("", "id,v\n1,-1e309\n", sentence).await;
    let sentence = "The sum of column \"v\" for id \"b\" is too large for a 64-bit float.";
    assert_bad("", "id,v\na,1e308\nb,1e308\nb,1e308\n", sentence).await;
}

#[tokio::test]
async fn text_that_is_not_utf8() {
    let sentence = "Row 2 (line 3), column \"name\": the cell is not valid UTF-8.";
    assert_bad("", Bytes::from_static(b"id,name\n1,a\n2,M\xFCller\n"), sentence).await;
    let sentence = "The header, column 2: the name is not valid UTF-8.";
    assert_bad("", Bytes::from_static(b"id,gr\xF6\xDFe\n1,2\n"), sentence).await;
}

#[tokio::test]
async fn a_quote_that_is_never_closed() {
    let sentence = "Row 1 (line 2): a quoted cell opens and is never closed.";
    assert_bad("", "id,v,note\n1,2,\"x\n3,4,y\n", sentence).await;
    assert_bad(
        "",
        "id,\"v\n1,2\n",
        "The header: a quoted name opens and is never closed.",
    )
    .await;
}

#[tokio::test]
async fn ambiguous_or_repeated_column_is_400() {
    let csv = "id,v,v\n1,2,3\n";
    assert_bad(
        "",
        csv,
        "The header names column \"v\" twice, as columns 2 and 3.",
    )
    .await;
    let sentence = "Column \"id\" is the id column, so it cannot be in \"value_column\" too.";
    assert_bad("value_column=id", csv, sentence).await;
    assert_bad(
        "value_column=v,v",
        csv,
        "The parameter \"value_column\" names \"v\" more than once.",
    )
    .await;
}

#[tokio::test]
async fn unknown_or_repeated_parameter_is_400() {
    let sentence = "There is no parameter \"value_colum\": the parameters are chunksize, compression, concurrency, decimal, \
                    delimiter, feature, formula_safe, id_column, invoke_lambda, report, source, value_column, work_ms.";
    assert_bad("value_colum=v", "id,v\n", sentence).await;
    assert_bad(
        "id_column=a&id_column=b",
        "a,b\n",
        "The parameter \"id_column\" is given more than once.",
    )
    .await;
    let sentence = "The parameter \"value_column\" has an empty name in its list \",v\".";
    assert_bad("value_column=,v", "id,v\n", sentence).await;
}

#[tokio::test]
async fn malformed_parameter_is_400() {
    let cases = [
        (
            "chunksize=0",
            "\"chunksize\" must be a whole number from 1 on, and it is \"0\"",
        ),
        (
            "chunksize=-5",
            "\"chunksize\" must be a whole number from 1 on, and it is \"-5\"",
        ),
        (
            "chunksize=2.5",
            "\"chunksize\" must be a whole number from 1 on, and it is \"2.5\"",
        ),
        (
            "concurrency=many",
            "\"concurrency\" must be a whole number from 1 on, and it is \"many\"",
        ),
        (
            "work_ms=1001",
            "\"work_ms\" must be a whole number from 0 to 1000, and it is \"1001\"",
        ),
        (
            "invoke_lambda=yes",
            "\"invoke_lambda\" must be \"true\" or \"false\", and it is \"yes\"",
        ),
        (
            "compression=zlib",
            "\"compression\" must be \"true\" or \"false\", and it is \"zlib\"",
        ),
        (
            "feature=spectrum",
            "\"feature\" must be \"bootstrap\", and it is \"spectrum\"",
        ),
        ("report=yes", "\"report\" must be \"json\", and it is \"yes\""),
    ];
    for (query, sentence) in cases {
        assert_bad(query, "id,v\n1,2\n", &format!("The parameter {sentence}.")).await;
    }
    let twice = "The parameter \"work_ms\" is given more than once.";
    assert_bad("work_ms=1&work_ms=", "id,v\n1,2\n", twice).await;
}

#[tokio::test]
async fn body_that_is_too_large_is_413() {
    let sentence = "The body is too large: the limit is 4500000 bytes, which is what fits into the 6 MB of a Lambda event once \
                    it is base64.";
    let mut csv = b"id,v\n".to_vec();
    csv.resize(MAX_BODY_BYTES, b'\n');
    assert_eq!(put("", csv.clone()).await.body, "id\n");
    csv.push(b'\n');
    assert_sentence(
        &put("", csv.clone()).await,
        StatusCode::PAYLOAD_TOO_LARGE,
        sentence,
    );
    csv.resize(20_000_000, b'\n');
    assert_sentence(
        &put("", csv.clone()).await,
        StatusCode::PAYLOAD_TOO_LARGE,
        sentence,
    );
    // Without a length that could be seen beforehand.
    let chunks = in_chunks(csv);
    assert_sentence(&put("", chunks).await, StatusCode::PAYLOAD_TOO_LARGE, sentence);
}

#[tokio::test]
async fn answer_that_is_too_large_is_413() {
    // Each sum takes eleven bytes, its cell four.
    let columns = 1_000;
    let header = (0..columns).fold(String::new(), |names, n| names + ",c" + &n.to_string());
    let cells = ",1e9".repeat(columns);
    let rows = (0..700).fold(String::new(), |rows, n| rows + &n.to_string() + &cells + "\n");
    let query = format!("value_column={}", &header[1..]);
    let answer = put(&query, format!("id{header}\n{rows}")).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let end = " bytes, and the limit is 6200000, which is what fits into the 6 MB that Lambda may return; name fewer columns \
               in \"value_column\".\n";
    assert!(
        answer.body.starts_with("The answer is too large: it takes 7"),
        "{}",
        answer.body
    );
    assert!(answer.body.ends_with(end), "{}", answer.body);
}

#[tokio::test]
async fn body_that_breaks_off_is_400() {
    let answer = put("", broken(b"id,v\n1,".to_vec())).await;
    assert_sentence(
        &answer,
        StatusCode::BAD_REQUEST,
        "The body could not be read to its end.",
    );
}

#[tokio::test]
async fn other_methods_and_paths_are_405_and_404() {
    for method in [Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let sentence = format!(
            "The method \"{method}\" does nothing here: GET shows the page, PUT and POST take a CSV."
        );
        let request = Request::builder().method(method).uri("/").body(Body::empty());
        let answer = send(request.expect("a valid request")).await;
        assert_sentence(&answer, StatusCode::METHOD_NOT_ALLOWED, &sentence);
        assert_eq!(answer.header("allow"), "GET,HEAD,PUT,POST");
    }
    let request = Request::put("/sums").body("id,v\n".into());
    let answer = send(request.expect("a valid request")).await;
    let sentence = "There is nothing at \"/sums\": the page and the sums are both at \"/\".";
    assert_sentence(&answer, StatusCode::NOT_FOUND, sentence);
}

#[tokio::test]
async fn long_names_are_cut_in_the_sentence() {
    let answer = put(&format!("id_column={}", "x".repeat(5_000)), "id,v\n1,2\n").await;
    assert!(answer.body.len() < 200, "{}", answer.body);
}
