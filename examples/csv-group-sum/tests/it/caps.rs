//! What the deployer allows a request: less than it asks for, or a sentence before or after it began.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::{Request, StatusCode};
use csv_group_sum::Caps;
use csv_group_sum::http::{Settings, router_with};
use lzap::testing::Fault;
use serde_json::Value;

use crate::common::{Answer, cloud, put, put_in, send_to};

/// A CSV with a row for each of `ids` ids.
fn rows(ids: usize) -> String {
    (0..ids).fold(String::from("id,v\n"), |mut csv, id| {
        writeln!(csv, "{id},{id}").expect("a String takes everything");
        csv
    })
}

/// Puts a CSV to an app with these caps, in a cloud; returns the answer and the number of invocations.
async fn put_with(caps: Caps, query: &str, csv: String) -> (Answer, usize) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let cloud = cloud().fault(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        None
    });
    let app = router_with(Settings {
        caps,
        ..Settings::default()
    });
    let request = Request::put(format!("/?{query}"))
        .body(csv.into())
        .expect("a valid request");
    let answer = cloud.run(send_to(app, request)).await;
    (answer, count.load(Ordering::Relaxed))
}

#[tokio::test]
async fn chunks_get_larger_where_there_would_be_too_many() {
    let query = "invoke_lambda=true&chunksize=1";
    let (answer, invocations) = put_with(Caps::default(), query, rows(2_500)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(invocations, 900, "up to three items in each chunk");
    assert!(
        answer.header("x-lzap-map").ends_with("; capped-chunksize=3"),
        "{answer:?}"
    );

    let caps = Caps {
        invocations: 5,
        ..Caps::default()
    };
    let (answer, invocations) = put_with(caps, &format!("{query}&report=json"), rows(20)).await;
    assert_eq!(
        invocations, 4,
        "five items in each chunk, and one invocation for a retry"
    );
    let json: Value = serde_json::from_str(&answer.body).expect("valid JSON");
    let sentence =
        "The parameter \"chunksize\" is 5 instead of 1, since CSV_MAX_INVOCATIONS limits a request.";
    assert_eq!(json["capped"], serde_json::json!([sentence]));
    // As many as leave one for a retry are as asked for.
    let (answer, invocations) = put_with(caps, query, rows(4)).await;
    assert_eq!(
        (invocations, answer.header("x-lzap-map").contains("capped")),
        (4, false)
    );
}

#[tokio::test]
async fn concurrency_is_at_most_the_cap() {
    let caps = Caps {
        concurrency: 2,
        ..Caps::default()
    };
    let app = router_with(Settings {
        caps,
        ..Settings::default()
    });
    let request =
        Request::put("/?invoke_lambda=true&chunksize=1&concurrency=900&work_ms=5").body(rows(12).into());
    // A third invocation at once would be throttled.
    let answer = cloud()
        .limit(2)
        .run(send_to(app, request.expect("a valid request")))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let map = answer.header("x-lzap-map");
    assert!(map.contains("; throttles=0; "), "{map}");
    assert!(map.ends_with("; capped-concurrency=2"), "{map}");
    let (answer, _) = put_with(caps, "invoke_lambda=true&concurrency=1", rows(8)).await;
    assert!(!answer.header("x-lzap-map").contains("capped"), "{answer:?}");
}

#[tokio::test]
async fn work_beyond_the_time_is_refused_before_its_first_invocation() {
    let query = "invoke_lambda=true&chunksize=1&concurrency=900&work_ms=1000";
    let (answer, invocations) = put_with(Caps::default(), query, rows(2_500)).await;
    assert_eq!(
        (answer.status, invocations),
        (StatusCode::UNPROCESSABLE_ENTITY, 0)
    );
    let sentence = "The work for all items would take about 2500 s of one Lambda, and a request has 25 s and 50 at once: send \
                    fewer items, ask for less work for each, or allow more invocations at once.\n";
    assert_eq!(answer.body, sentence);
}

/// A worker that runs into its timeout costs $0.00086.
#[tokio::test]
async fn money_for_less_than_one_timeout_is_402_without_an_invocation() {
    let caps = Caps {
        dollars: 0.000_8,
        ..Caps::default()
    };
    let (answer, invocations) = put_with(caps, "invoke_lambda=true&chunksize=1", rows(24)).await;
    assert_eq!((answer.status, invocations), (StatusCode::PAYMENT_REQUIRED, 0));
    let sentence = "The request was stopped after 0 of 24 items, at $0.0000: another invocation could have exceeded the limit of \
                    $0.0008 for each request; ask for less work, or have the deployer raise CSV_MAX_USD.\n";
    assert_eq!(answer.body, sentence);
}

/// Responses that are lost count as timeouts, since their workers may still run.
#[tokio::test]
async fn money_that_is_used_up_is_402_and_names_the_variable() {
    let caps = Caps {
        dollars: 0.002,
        ..Caps::default()
    };
    let (answer, _) = put_with(caps, "invoke_lambda=true&chunksize=1", rows(24)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let fails_once = cloud().fault(|attempt| (attempt.number == 1).then_some(Fault::Reset));
    let app = router_with(Settings {
        caps,
        ..Settings::default()
    });
    let request = Request::put("/?invoke_lambda=true&chunksize=1").body(rows(24).into());
    let answer = fails_once
        .run(send_to(app, request.expect("a valid request")))
        .await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED, "{}", answer.body);
    let end = "of $0.002 for each request; ask for less work, or have the deployer raise CSV_MAX_USD.\n";
    assert!(answer.body.ends_with(end), "{}", answer.body);
}

#[tokio::test]
async fn invocations_that_are_used_up_are_402_and_name_the_variable() {
    let caps = Caps {
        invocations: 20,
        ..Caps::default()
    };
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let fails_once = cloud().fault(move |attempt| {
        counter.fetch_add(1, Ordering::Relaxed);
        (attempt.number == 1).then_some(Fault::Reset)
    });
    let app = router_with(Settings {
        caps,
        ..Settings::default()
    });
    let request = Request::put("/?invoke_lambda=true&chunksize=1").body(rows(18).into());
    let answer = fails_once
        .run(send_to(app, request.expect("a valid request")))
        .await;
    assert_eq!(count.load(Ordering::Relaxed), 20);
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED, "{}", answer.body);
    let end = "of 18 items: its 20 invocations were used up; ask for larger chunks, or have the deployer raise \
               CSV_MAX_INVOCATIONS.\n";
    assert!(answer.body.ends_with(end), "{}", answer.body);
}

#[tokio::test]
async fn work_that_does_not_fit_the_time_is_refused_first() {
    // 10^10 draws in one item.
    let values = "a,1\na,2\n".repeat(500_000);
    for query in ["feature=bootstrap", "feature=bootstrap&invoke_lambda=false"] {
        let answer = put_in(cloud(), query, format!("id,v\n{values}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
        let sentence = "The work for one of the items would take about 40 s, and a request has 25 s: send fewer values for each \
                        id, or ask for less work.\n";
        assert_eq!(answer.body, sentence);
    }
    let answer = put_in(cloud(), "work_ms=1000&invoke_lambda=false", rows(26)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
    let sentence =
        "The work for all items would take about 26 s of one Lambda, and a request has 25 s and 1 at once: ";
    assert!(answer.body.starts_with(sentence), "{}", answer.body);
}

#[tokio::test]
async fn more_items_than_fit_into_memory_are_refused() {
    let columns = 1_001;
    let header = (0..columns).fold(String::from("id"), |names, n| names + ",c" + &n.to_string());
    let row = ",".repeat(columns) + "\n";
    let csv = (0..500).fold(header.clone() + "\n", |csv, id| csv + &id.to_string() + &row);
    let names = header.trim_start_matches("id,");
    let answer = put(&format!("work_ms=1&value_column={names}"), csv).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", answer.body);
    assert!(
        answer.body.starts_with("There are 500500 items, "),
        "{}",
        answer.body
    );
}
