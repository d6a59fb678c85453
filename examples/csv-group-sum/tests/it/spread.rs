//! The sums in other Lambdas: the same bytes as in one pass, whatever the chunks and whatever goes wrong; or a sentence.

use std::fmt::Write as _;
use std::time::Duration;

use axum::http::StatusCode;
use csv_group_sum::{Params, sum_csv};
use lzap::testing::{Attempt, Cloud, Fault};

use crate::common::{Answer, Random, cloud, put, put_in};

/// Two numeric columns, with gaps, and ids in no order.
fn table(random: &mut Random) -> String {
    let ids = 1 + random.below(40);
    let mut csv = String::from("id,note,a,b\n");
    for _ in 0..random.below(400) {
        let mut number = || {
            if random.once_in(6) {
                String::new()
            } else {
                ((random.fraction() - 0.5) * 1e6).to_string()
            }
        };
        let (a, b) = (number(), number());
        writeln!(csv, "\"sensor, {}\",x,{a},{b}", random.below(ids)).expect("a String takes everything");
    }
    csv
}

fn in_one_pass(csv: &str) -> String {
    let params = Params {
        value_columns: Some(vec!["a".to_owned(), "b".to_owned()]),
        ..Params::default()
    };
    let answer = sum_csv(csv.as_bytes(), &params).expect("a valid CSV");
    String::from_utf8(answer).expect("UTF-8")
}

/// A cloud with room for a few, in which every third invocation or so goes wrong the first time.
fn rough(random: &mut Random) -> Cloud {
    const FAULTS: [Fault; 8] = [
        Fault::Throttle,
        Fault::TooFast,
        Fault::Crash,
        Fault::Refuse,
        Fault::Reset,
        Fault::Unavailable,
        Fault::TooLarge,
        Fault::Slow(Duration::from_millis(20)),
    ];
    let seed = random.bits();
    let fault = move |attempt: &Attempt| {
        let total = u64::try_from(attempt.total).expect("64 bits");
        let mut random = Random(seed ^ total);
        let fault = FAULTS[random.below(FAULTS.len())];
        // A single item that kills its worker is at fault itself.
        let is_fatal = attempt.items == 1 && matches!(fault, Fault::Crash | Fault::TooLarge);
        (attempt.number == 1 && random.once_in(3) && !is_fatal).then_some(fault)
    };
    cloud().limit(1 + random.below(8)).fault(fault)
}

fn assert_same(answer: &Answer, csv: &str, expected: &str, why: &str) {
    assert_eq!(answer.status, StatusCode::OK, "{why}: {}\n{csv}", answer.body);
    assert_eq!(answer.body, expected, "{why}\n{csv}");
}

#[tokio::test]
async fn any_chunks_in_any_cloud_give_the_bytes_of_one_pass() {
    for seed in 0..60 {
        let random = &mut Random(seed);
        let csv = table(random);
        let mut query = format!("value_column=a,b&chunksize={}", 1 + random.below(30));
        for (name, values) in [
            ("invoke_lambda", ["true", "false", ""]),
            ("compression", ["True", "False", ""]),
            ("concurrency", ["1", "3", ""]),
            ("work_ms", ["0", "1", ""]),
        ] {
            query = query + "&" + name + "=" + values[random.below(3)];
        }
        let answer = put_in(rough(random), &query, csv.clone()).await;
        assert_same(
            &answer,
            &csv,
            &in_one_pass(&csv),
            &format!("seed {seed}: {query}"),
        );
    }
}

#[tokio::test]
async fn without_other_lambdas_it_is_the_same_too() {
    let csv = table(&mut Random(7));
    for query in [
        "invoke_lambda=true",
        "chunksize=3",
        "work_ms=1",
        "compression=0&chunksize=1",
    ] {
        let answer = put(&format!("value_column=a,b&{query}"), csv.clone()).await;
        assert_same(&answer, &csv, &in_one_pass(&csv), query);
        assert!(answer.header("x-lzap-map").starts_with("here; "), "{answer:?}");
    }
    let answer = put("value_column=a,b&chunksize=1&concurrency=900", csv).await;
    assert!(!answer.header("x-lzap-map").contains("capped"), "{answer:?}");
}

#[tokio::test]
async fn request_without_a_map_invokes_nothing() {
    for query in ["", "invoke_lambda=false", "compression=true&concurrency=9"] {
        let never = cloud().fault(|attempt| panic!("{attempt:?}"));
        let answer = put_in(never, query, "id,v\na,1\nb,2\n").await;
        assert_eq!(answer.body, "id,v\na,1\nb,2\n");
        assert_eq!(answer.header("x-lzap-map"), "");
    }
    let never = cloud().fault(|attempt| panic!("{attempt:?}"));
    let answer = put_in(never, "invoke_lambda=false&chunksize=1", "id,v\na,1\nb,2\n").await;
    assert!(
        answer.header("x-lzap-map").starts_with("here; items=2;"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_table_of_nothing_is_summed_too() {
    for (csv, expected) in [("id,v\n", "id,v\n"), ("id,v\na,\n", "id,v\na,0\n")] {
        let answer = put_in(cloud(), "value_column=v&invoke_lambda=true&chunksize=1", csv).await;
        assert_eq!(answer.body, expected);
    }
}

#[tokio::test]
async fn bootstrap_in_any_lambda_gives_the_same_column() {
    let csv = "id,v,w\na,1,0.1\na,2,\nb,5,\na,4,0.2\n";
    let here = put("feature=bootstrap&invoke_lambda=false", csv).await;
    assert_eq!(here.status, StatusCode::OK, "{}", here.body);
    let lines: Vec<&str> = here.body.lines().collect();
    assert_eq!(lines[0], "id,v,w,v_bootstrap_se,w_bootstrap_se");
    let cells: Vec<&str> = lines[1].split(',').collect();
    assert_eq!(cells[..3], ["a", "7", "0.30000000000000004"]);
    // The deviation of 1, 2 and 4 (over n), by the root of three.
    let (found, formula): (f64, f64) = (cells[3].parse().expect("a number"), (14.0_f64 / 27.0).sqrt());
    assert!((found / formula - 1.0).abs() < 0.05, "{found} and {formula}");
    assert_eq!(
        lines[2], "b,5,0,0,",
        "one value has no spread, and no value has no error"
    );
    for query in [
        "chunksize=1",
        "chunksize=2&work_ms=1",
        "compression=false&chunksize=4",
    ] {
        let there = put_in(
            cloud(),
            &format!("feature=bootstrap&invoke_lambda=true&{query}"),
            csv,
        )
        .await;
        assert_eq!(there.body, here.body, "{query}");
    }
}

#[tokio::test]
async fn the_same_sum_overflows_in_every_form() {
    let csv = "id,v\na,1\nb,1e308\nb,1e308\nc,1e308\nc,1e308\n";
    let sentence = "The sum of column \"v\" for id \"b\" is too large for a 64-bit float.\n";
    for query in [
        "",
        "chunksize=1",
        "chunksize=1&compression=false",
        "invoke_lambda=true",
    ] {
        let answer = put_in(cloud(), query, csv).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::BAD_REQUEST, sentence),
            "{query}"
        );
    }
}

#[tokio::test]
async fn invoke_that_is_denied_is_502_or_runs_here() {
    let denied = cloud().fault(|_| Some(Fault::Denied));
    let answer = put_in(denied, "invoke_lambda=true&chunksize=1", "id,v\na,1\n").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{}", answer.body);
    assert!(
        answer.body.starts_with(
            "Other Lambdas could not sum the items: the app's log has the reason, under reference "
        ),
        "{}",
        answer.body
    );
    // Where the choice is free, the caller does it alone.
    let denied = cloud().fault(|_| Some(Fault::Denied));
    let answer = put_in(denied, "chunksize=1", "id,v\na,1\n").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::OK, "id,v\na,1\n")
    );
}
