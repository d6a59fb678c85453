//! Answers to good CSVs.

use crate::common::{put, send};
use axum::http::{Request, StatusCode};

/// The body of the answer to a CSV that has nothing wrong with it.
async fn sums(query: &str, csv: &str) -> String {
    let answer = put(query, csv.to_owned()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.body
}

#[tokio::test]
async fn put_and_post_answer_one_row_per_id() {
    for method in ["PUT", "POST"] {
        let request = Request::builder()
            .method(method)
            .uri("/")
            .body("id,value\nb,1\na,2\nb,0.5\n".into());
        let answer = send(request.expect("a valid request")).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
        assert_eq!(answer.body, "id,value\nb,1.5\na,2\n");
    }
}

#[tokio::test]
async fn sum_without_names_takes_each_named_numeric_column() {
    let csv = ",id,time,note,value\n0,7,0,x,0.5\n1,7,1,5,0.25\n2,8,0,,1\n";
    assert_eq!(sums("", csv).await, "id,time,value\n7,1,0.75\n8,0,1\n");
}

#[tokio::test]
async fn the_query_names_the_columns_and_the_input_gives_their_order() {
    let csv = "a,b,c,id\n1,2,3,x\n10,20,30,y\n100,200,300,x\n";
    assert_eq!(
        sums("value_column=c,a", csv).await,
        "id,a,c\nx,101,303\ny,10,30\n"
    );
    assert_eq!(
        sums("id_column=b&value_column=a", csv).await,
        "b,a\n2,1\n20,10\n200,100\n"
    );
    assert_eq!(
        sums("id_column=&value_column=", "id,v\n1,2\n").await,
        "id,v\n1,2\n"
    );
    let accents = "größe,Straße\n1,x\n2,x\n";
    assert_eq!(
        sums("id_column=Stra%C3%9Fe&value_column=gr%C3%B6%C3%9Fe", accents).await,
        "Straße,größe\nx,3\n"
    );
    assert_eq!(
        sums("value_column=%22a,b%22", "id,\"a,b\"\n1,2\n").await,
        "id,\"a,b\"\n1,2\n"
    );
}

#[tokio::test]
async fn empty_cells_are_missing_and_the_sum_of_nothing_is_zero() {
    let csv = "id,a,b,c\nx,,1,\ny,2, ,\nx,3,,\n,4,,\n";
    assert_eq!(sums("", csv).await, "id,a,b\nx,3,1\ny,2,0\n,4,0\n");
    assert_eq!(
        sums("value_column=c,a", csv).await,
        "id,a,c\nx,3,0\ny,2,0\n,4,0\n"
    );
}

#[tokio::test]
async fn a_header_alone_answers_a_header() {
    assert_eq!(sums("", "id,value").await, "id\n");
    assert_eq!(sums("value_column=value", "id,value\n").await, "id,value\n");
}

#[tokio::test]
async fn without_a_numeric_column_the_ids_are_left() {
    assert_eq!(sums("", "id,note\nb,x\na,y\nb,z\n").await, "id\nb\na\n");
}

#[tokio::test]
async fn byte_order_mark_crlf_quotes_newlines_and_unicode() {
    let csv = "\u{feff}id,value,note\r\n\"Zoë, \"\"Z\"\"\",1,\"two\r\nlines\"\r\n\"日本\n\",2,\r\n\r\n\"Zoë, \"\"Z\"\"\",\"3\",x";
    assert_eq!(
        sums("", csv).await,
        "id,value\n\"Zoë, \"\"Z\"\"\",4\n\"日本\n\",2\n"
    );
}

#[tokio::test]
async fn sums_are_written_in_the_shortest_form_that_reads_back() {
    let csv = "id,v\na,0.1\na,0.2\nb,1e300\nb,1e284\nc,-0\nd,1e-7\ne,9007199254740993\nf, 1.50 \n";
    let expected =
        "id,v\na,0.30000000000000004\nb,1.0000000000000002e300\nc,0\nd,1e-7\ne,9007199254740992\nf,1.5\n";
    assert_eq!(sums("", csv).await, expected);
}

#[tokio::test]
async fn a_sum_runs_from_the_first_row_to_the_last() {
    // The same numbers in opposite orders.
    let csv = "id,v\na,1\nb,-1e16\na,1e16\nb,1e16\na,-1e16\nb,1\n";
    assert_eq!(sums("", csv).await, "id,v\na,0\nb,1\n");
}

#[tokio::test]
async fn ids_are_text() {
    assert_eq!(
        sums("", "id,v\n1,1\n01,1\n1.0,1\n 1,1\n1,1\n").await,
        "id,v\n1,2\n01,1\n1.0,1\n 1,1\n"
    );
}

#[tokio::test]
async fn any_content_type_is_taken_as_a_csv() {
    for content_type in [
        "text/csv",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "nonsense",
    ] {
        let request = Request::post("/")
            .header("content-type", content_type)
            .body("id,v\n1,2\n".into());
        assert_eq!(
            send(request.expect("a valid request")).await.body,
            "id,v\n1,2\n",
            "{content_type}"
        );
    }
}

/// A form as a browser sends it: name, file name, content.
fn form(fields: &[(&str, Option<&str>, &str)]) -> Request<axum::body::Body> {
    let mut body = String::new();
    for (name, file_name, content) in fields {
        let file_name = file_name
            .map(|name| format!("; filename=\"{name}\"\r\nContent-Type: text/csv"))
            .unwrap_or_default();
        let head = format!("--AaB03x\r\nContent-Disposition: form-data; name=\"{name}\"{file_name}\r\n\r\n");
        body = body + &head + content + "\r\n";
    }
    body += "--AaB03x--\r\n";
    let request = Request::post("/").header("content-type", "Multipart/Form-Data; boundary=AaB03x");
    request.body(body.into()).expect("a valid request")
}

#[tokio::test]
async fn a_form_without_a_script_works_too() {
    let file = ("file", Some("data.csv"), "key,v,w\r\na,1,2\r\nb,3,4\r\n");
    let fields = [file, ("id_column", None, "key"), ("value_column", None, "")];
    assert_eq!(send(form(&fields)).await.body, "key,v,w\na,1,2\nb,3,4\n");
    // A form sends its empty fields, and what its selections stand on.
    let fields = [
        file,
        ("id_column", None, "key"),
        ("chunksize", None, ""),
        ("invoke_lambda", None, "true"),
        ("feature", None, ""),
    ];
    assert_eq!(send(form(&fields)).await.body, "key,v,w\na,1,2\nb,3,4\n");
    let fields = [("id_column", None, "key"), ("value_column", None, "w"), file];
    assert_eq!(send(form(&fields)).await.body, "key,w\na,2\nb,4\n");
}

#[tokio::test]
async fn form_with_a_mistake_is_400() {
    let cases: [(&[_], &str); 4] = [
        (
            &[("id_column", None, "id")],
            "The form has no field \"file\": that is where the CSV goes.\n",
        ),
        (
            &[("file", Some(""), "")],
            "The body is empty: send a CSV whose first row names the columns.\n",
        ),
        (
            &[("file", None, "id\n"), ("file", None, "id\n")],
            "The parameter \"file\" is given more than once.\n",
        ),
        (
            &[("file", None, "id\n"), ("chunk", None, "5")],
            "There is no parameter \"chunk\": the parameters are chunksize, compression, concurrency, decimal, \
             delimiter, feature, formula_safe, id_column, invoke_lambda, report, source, value_column, work_ms.\n",
        ),
    ];
    for (fields, sentence) in cases {
        let answer = send(form(fields)).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::BAD_REQUEST, sentence)
        );
    }
    let broken = "The form could not be read: it is not valid multipart/form-data.\n";
    for (content_type, body) in [
        ("multipart/form-data", "id,v\n"),
        ("multipart/form-data; boundary=x", "id,v\n"),
    ] {
        let request = Request::post("/")
            .header("content-type", content_type)
            .body(body.into());
        let answer = send(request.expect("a valid request")).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::BAD_REQUEST, broken)
        );
    }
}
