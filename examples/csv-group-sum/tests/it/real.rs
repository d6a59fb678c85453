//! CSVs as people have them: from spreadsheets of several countries, from databases, compressed.

use axum::http::{Request, StatusCode};

use crate::common::{Answer, cloud, gzip, put, put_in, send};

/// The body of the answer to a CSV that has nothing wrong with it.
async fn sums(query: &str, csv: impl Into<axum::body::Body>) -> String {
    let answer = put(query, csv).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.body
}

async fn sentence(query: &str, csv: impl Into<axum::body::Body>) -> String {
    let answer = put(query, csv).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
    answer.body.trim_end().to_owned()
}

#[tokio::test]
async fn names_in_the_header_may_have_spaces_around_them() {
    let csv = "time, id, value\n0,a,1\n1,a,2\n";
    assert_eq!(sums("", csv).await, "id,time,value\na,1,3\n");
    assert_eq!(sums("value_column=value", csv).await, "id,value\na,3\n");
}

#[tokio::test]
async fn blank_before_a_quoted_name_is_the_cause_that_is_given() {
    assert_eq!(
        sentence("", "id, \"a,b\"\n1,2\n").await,
        "The header, column 2: there is a blank before the quote, so the quotes do not enclose the name: remove the blank."
    );
}

#[tokio::test]
async fn columns_whose_first_cell_is_no_number_are_named() {
    for cell in ["\"1,234\"", "$5", "n/a", "\u{2212}5", "nan"] {
        let csv = format!("id,Größe €,v\na,{cell},1\na,2,2\n");
        let answer = put("", csv.clone()).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::OK, "id,v\na,3\n")
        );
        assert_eq!(
            answer.header("x-lzap-left-out"),
            "Gr%C3%B6%C3%9Fe%20%E2%82%AC",
            "{cell}"
        );
        let json = sums("report=json", csv).await;
        assert!(json.contains(r#""left_out":["Größe €"]"#), "{json}");
    }
    assert_eq!(put("", "id,v\na,1\n").await.header("x-lzap-left-out"), "");
}

#[tokio::test]
async fn integers_are_exact_here_and_in_other_lambdas() {
    let csv = "id,v,w\na,9007199254740993,1\nb,1234567890123456789,0.5\na,0,2\nb,-1,9007199254740993\n";
    let expected = "id,v,w\na,9007199254740993,3\nb,1234567890123456788,9007199254740992\n";
    assert_eq!(sums("", csv).await, expected);
    for query in ["invoke_lambda=true", "invoke_lambda=true&compression=false"] {
        let answer = put_in(cloud(), query, csv).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::OK, expected),
            "{query}"
        );
    }
}

#[tokio::test]
async fn sum_of_integers_that_is_too_large_names_its_row() {
    let largest = i128::MAX;
    assert_eq!(
        sentence("", format!("id,v\na,{largest}\nb,1\na,1\n")).await,
        "Row 3 (line 4), column \"v\": with \"1\", the sum for its id is too large for a 128-bit integer."
    );
}

/// Whatever the order of the rows is, and in one pass as in a map.
#[tokio::test]
async fn overflow_of_integers_counts_only_where_the_column_has_no_float() {
    let largest = i128::MAX;
    let floats = [
        format!("id,v\na,{largest}\na,1\na,0.5\n"),
        format!("id,v\na,0.5\na,{largest}\na,1\n"),
        format!("id,v\na,{largest}\na,1\na,-1\nb,0.5\n"),
    ];
    let integers = [
        format!("id,v\na,{largest}\na,1\n"),
        format!("id,v\na,{largest}\na,1\na,-1\n"),
    ];
    for query in ["", "chunksize=1"] {
        for csv in &floats {
            assert!(
                sums(query, csv.clone())
                    .await
                    .starts_with("id,v\na,1.7014118346046923e38\n"),
                "{csv}"
            );
        }
        for csv in &integers {
            assert!(
                sentence(query, csv.clone())
                    .await
                    .ends_with("is too large for a 128-bit integer."),
                "{csv}"
            );
        }
    }
}

#[tokio::test]
async fn semicolons_tabs_and_a_separator_line_are_recognized() {
    assert_eq!(sums("", "id;v\na;1,5\na;2\n").await, "id,v\na,3.5\n");
    assert_eq!(sums("", "\"id\";\"v, w\"\na;1\n").await, "id,\"v, w\"\na,1\n");
    assert_eq!(sums("", "id\tv\na\t1.5\n").await, "id,v\na,1.5\n");
    assert_eq!(sums("", "sep=;\r\nid;v\r\na;1,5\r\n").await, "id,v\na,1.5\n");
    assert_eq!(sums("", "sep=|\nid|v\na|1\n").await, "id,v\na,1\n");
    assert_eq!(sums("", "sep=,\nid,v\na,1\n").await, "id,v\na,1\n");
    let csv = "id;v\na;\"x;1\"\nb;\"say \"\"2\"\"\"\n";
    assert_eq!(sums("", csv).await, "id\na\nb\n");
    assert_eq!(
        sentence("", "sep=#\nid#v\n").await,
        "The line \"sep=\" names \"#\", which is no delimiter: it can be a comma, a semicolon, a tab or a vertical bar."
    );
}

#[tokio::test]
async fn the_sender_may_say_how_the_csv_is_written() {
    assert_eq!(
        sums("delimiter=%3B&id_column=a,b", "a,b;v\nx;1\n").await,
        "\"a,b\",v\nx,1\n"
    );
    assert_eq!(sums("delimiter=tab", "id\tv;w\na\t1\n").await, "id,v;w\na,1\n");
    assert_eq!(sums("delimiter=%09", "id\tv\na\t1\n").await, "id,v\na,1\n");
    assert_eq!(sums("decimal=,", "id,v\na,\"1,5\"\na,2\n").await, "id,v\na,3.5\n");
    assert_eq!(sums("decimal=.", "id;v\na;1.5\n").await, "id,v\na,1.5\n");
    assert_eq!(
        sentence("delimiter=x", "id,v\n").await,
        "The parameter \"delimiter\" must be \",\", \";\", \"|\" or \"tab\", and it is \"x\"."
    );
    assert_eq!(
        sentence("decimal=.", "id;v\na;1.5\na;2,5\n").await,
        "Row 2 (line 3), column \"v\": \"2,5\" is not a number."
    );
}

#[tokio::test]
async fn utf16_with_a_mark_is_read_and_without_one_is_named() {
    let text = "id;größe\r\nü;1,5\r\n";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (mark, units) in [([0xFF, 0xFE], &little), ([0xFE, 0xFF], &big)] {
        let csv = [&mark[..], units].concat();
        assert_eq!(sums("", csv).await, "id,größe\nü,1.5\n");
        assert_eq!(
            sentence("", units.clone()).await,
            "The file looks like UTF-16 without a byte order mark: save it as UTF-8, or as UTF-16 with the mark."
        );
    }
    assert_eq!(
        sentence("", vec![0xFF, 0xFE, b'i']).await,
        "The file starts as UTF-16 does, and the rest is not valid UTF-16."
    );
}

async fn send_encoded(encoding: &str, body: Vec<u8>) -> Answer {
    let request = Request::put("/")
        .header("content-encoding", encoding)
        .body(body.into());
    send(request.expect("a valid request")).await
}

#[tokio::test]
async fn gzip_is_inflated_up_to_the_limit() {
    let csv = b"id,v\na,1\na,2\n";
    for encoding in ["gzip", "GZIP", "x-gzip"] {
        let answer = send_encoded(encoding, gzip(csv)).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::OK, "id,v\na,3\n")
        );
    }
    let two_members = [gzip(b"id,v\na,1\n"), gzip(b"a,2\n")].concat();
    assert_eq!(send_encoded("gzip", two_members).await.body, "id,v\na,3\n");
    assert_eq!(send_encoded("identity", csv.to_vec()).await.body, "id,v\na,3\n");

    let broken = send_encoded("gzip", csv.to_vec()).await;
    assert_eq!(broken.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        broken.body,
        "The body could not be inflated: it is not valid gzip.\n"
    );
    let cut = gzip(csv);
    let cut = send_encoded("gzip", cut[..cut.len() - 9].to_vec()).await;
    assert_eq!(cut.status, StatusCode::BAD_REQUEST);

    let other = send_encoded("br", csv.to_vec()).await;
    assert_eq!(other.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(
        other.body,
        "The body has the content encoding \"br\": the app reads gzip, or no encoding.\n"
    );

    let bomb = send_encoded("gzip", gzip(&vec![b'\n'; 64_000_001])).await;
    assert_eq!(bomb.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(
        bomb.body,
        "The body is too large: inflated, it has more than 64000000 bytes, which is the limit.\n"
    );
}

#[tokio::test]
async fn rows_without_anything_in_their_cells_are_ignored() {
    let csv = "id,v\n,\na,1\n , \n,,,,\n\"\",\"\"\n,5\n\n,\n";
    assert_eq!(sums("", csv).await, "id,v\na,1\n,5\n");
}

#[tokio::test]
async fn formulas_are_made_text_on_request() {
    let csv = "id,=v\n=1+1,1\n@x,-2\n-5,3\nplain,4\n";
    assert_eq!(sums("", csv).await, "id,=v\n=1+1,1\n@x,-2\n-5,3\nplain,4\n");
    let safe = "id,'=v\n'=1+1,1\n'@x,-2\n'-5,3\nplain,4\n";
    assert_eq!(sums("formula_safe=true", csv).await, safe);
    let answer = put_in(cloud(), "formula_safe=true&invoke_lambda=true", csv).await;
    assert_eq!(answer.body, safe);
}
