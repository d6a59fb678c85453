//! The report on how the sums were made: in headers, and in JSON.

use axum::http::{Request, StatusCode};
use lzap::testing::Fault;
use serde_json::Value;

use crate::common::{Answer, cloud, put, put_in, send};

const CSV: &str = "id,v\na,1\nb,2\na,0.5\nc,4\n";
const SUMS: &str = "id,v\na,1.5\nb,2\nc,4\n";

fn json(answer: &Answer) -> Value {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json");
    serde_json::from_str(&answer.body).expect("valid JSON")
}

#[tokio::test]
async fn headers_sum_up_the_map() {
    let answer = put_in(cloud(), "invoke_lambda=true&chunksize=2", CSV).await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(answer.body, SUMS);
    let map = answer.header("x-lzap-map");
    assert!(map.starts_with("remote; items=3; chunks=2; workers=1; "), "{map}");
    for part in [
        "throttles=0; ",
        "retries=0; ",
        "speed-up=",
        "dollars=0.0000",
        "job=",
    ] {
        assert!(map.contains(part), "{part} in {map}");
    }
    let timing = answer.header("server-timing");
    assert!(
        timing.starts_with("read;dur=") && timing.contains(", map;dur="),
        "{timing}"
    );
}

#[tokio::test]
async fn one_pass_has_its_times_and_no_map() {
    let answer = put("", CSV).await;
    assert_eq!(answer.header("x-lzap-map"), "");
    let steps: Vec<&str> = answer
        .header("server-timing")
        .split(", ")
        .map(|lap| &lap[..3])
        .collect();
    assert_eq!(steps, ["sum", "wri"]);
}

#[tokio::test]
async fn json_has_the_csv_and_the_whole_report() {
    let once = cloud().fault(|attempt| (attempt.number == 1).then_some(Fault::Reset));
    let answer = put_in(once, "report=json&invoke_lambda=true&chunksize=2", CSV).await;
    let answer = json(&answer);
    assert_eq!(answer["csv"], SUMS);
    let report = &answer["report"];
    assert_eq!(
        (&report["items"], &report["done"], &report["chunks"]),
        (&3.into(), &3.into(), &2.into())
    );
    assert_eq!((&report["attempts"], &report["retries"]), (&4.into(), &2.into()));
    assert_eq!(report["reason"], "chunks as asked for");
    let timeline = report["timeline"].as_array().expect("a list");
    assert_eq!(timeline.len(), 2);
    assert_eq!(timeline[0]["retry"], true);
    assert!(timeline[0]["end_ms"].as_f64() >= timeline[0]["start_ms"].as_f64());
}

#[tokio::test]
async fn json_without_a_map_has_no_report() {
    let answer = json(&put("report=json", CSV).await);
    assert_eq!((&answer["csv"], &answer["report"]), (&SUMS.into(), &Value::Null));
}

#[tokio::test]
async fn json_has_the_decimal_mark_of_each_summed_column() {
    let marks = serde_json::json!({"a": ",", "b": ".", "c": null});
    let csv = "id;a;note;b;c\nx;1,5;y;1.234;7\nx;2;z;5.678;8\n";
    for query in ["report=json", "report=json&chunksize=1"] {
        assert_eq!(json(&put(query, csv).await)["decimal_marks"], marks, "{query}");
    }
    let answer = json(&put("report=json&decimal=,&value_column=a", csv).await);
    assert_eq!(answer["decimal_marks"], serde_json::json!({"a": ","}));
    let answer = json(&put("report=json", CSV).await);
    assert_eq!(answer["decimal_marks"], serde_json::json!({"v": "."}));
}

#[tokio::test]
async fn the_accept_header_asks_for_json_only_by_name() {
    let with = |accept: &'static str| async move {
        let request = Request::put("/").header("accept", accept).body(CSV.into());
        send(request.expect("a valid request")).await
    };
    for accept in ["application/json", "text/html, Application/JSON;q=0.9"] {
        assert_eq!(json(&with(accept).await)["csv"], SUMS, "{accept}");
    }
    for accept in [
        "*/*",
        "text/csv",
        "text/html,application/xhtml+xml,*/*;q=0.8",
        "application/jsonp",
    ] {
        assert_eq!(with(accept).await.body, SUMS, "{accept}");
    }
}
