//! A CSV that lies in S3.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use csv_group_sum::http::{Settings, router_with};
use csv_group_sum::source::Sources;

use crate::common::{Answer, cloud, put, send_to};

/// Asks for an object's sums, with a body that should be empty.
async fn ask(query: &str, body: &'static str) -> Answer {
    let (cloud, keys) = cloud().bucket();
    keys.put("s3://data/csv/a.csv", "id,v\na,1\nb,2\na,4\n");
    keys.put("s3://data/secret", "hush");
    let request = Request::put(format!("/?{query}")).body(Body::from(body));
    let app = router_with(Settings {
        sources: Sources::below("s3://data/csv"),
        ..Settings::default()
    });
    cloud.run(send_to(app, request.expect("a valid request"))).await
}

#[tokio::test]
async fn an_object_is_summed_like_a_body() {
    let answer = ask("source=s3://data/csv/a.csv", "").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::OK, "id,v\na,5\nb,2\n")
    );
    let answer = ask("source=s3://data/csv/a.csv&invoke_lambda=true&chunksize=1", "").await;
    assert_eq!(answer.body, "id,v\na,5\nb,2\n");
    assert!(answer.header("x-lzap-map").starts_with("remote; "), "{answer:?}");
}

#[tokio::test]
async fn source_that_may_not_be_read_is_403() {
    let answer = ask("source=s3://data/secret", "").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let sentence =
        "The source \"s3://data/secret\" may not be read: it is not in the folder that CSV_SOURCES names.\n";
    assert_eq!(answer.body, sentence);
    let answer = put("source=s3://data/csv/a.csv", "").await;
    assert_eq!(
        answer.status,
        StatusCode::FORBIDDEN,
        "nothing is set: {}",
        answer.body
    );
}

#[tokio::test]
async fn mistake_with_a_source_is_one_sentence() {
    let answer = ask("source=s3://data/csv/none.csv", "").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let sentence = "There is no source \"s3://data/csv/none.csv\".\n";
    assert_eq!(answer.body, sentence);
    let answer = ask("source=s3://data/csv/a.csv", "id,v\n").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let sentence = "The request has a \"source\" and a body: send one of them.\n";
    assert_eq!(answer.body, sentence);
}
