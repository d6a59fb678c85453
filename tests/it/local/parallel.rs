//! The reference app's items in other Lambdas: as right as in one pass, and many times as fast.

use std::collections::HashSet;

use hyper::Method;
use lzap_testkit::{LocalCloud, csv, send_request};
use serde_json::{Value, json};

use super::{run, url_of};
use crate::support::{Result, csv_group_sum};

/// What the seed of lzap promised: a sum that takes its time, and Lambdas as additional cores.
#[test]
fn a_thousand_slow_series_are_seven_times_as_fast_in_eight_lambdas() -> Result {
    let cloud = LocalCloud::idle()?;
    let app = csv_group_sum()?;
    let deployed = run(&cloud, &app, &["deploy", "local"])?;
    let url = format!("{}/?value_column=value", url_of(&deployed).trim_end_matches('/'));
    let table = csv::sample(100_000, 1_000, 4);

    let spread = format!("{url}&work_ms=20&invoke_lambda=true&chunksize=25&concurrency=8&report=json");
    let in_one_pass = send_request(&Method::PUT, &url, "text/csv", table.clone())?.text();
    // A busy machine only ever takes away: once in five times it must be as fast as that.
    let mut answers = Vec::new();
    let mut speed_up = 0.0;
    while speed_up < 7.0 && answers.len() < 5 {
        let answer = send_request(&Method::PUT, &spread, "text/csv", table.clone())?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer: Value = serde_json::from_str(&answer.text())?;
        let sums = answer["csv"].as_str().unwrap_or_default();
        assert_eq!(csv::check(&table, "value", sums), Ok(1_000));
        assert_eq!(sums, in_one_pass, "bit for bit");
        let number = |name: &str| answer["report"][name].as_f64().unwrap_or_default();
        assert!(number("work_secs") >= 20.0, "each item waited: {answer:#}");
        speed_up = number("work_secs") / number("wall_secs");
        answers.push(answer);
    }
    let answer = answers.pop().unwrap_or_default();
    let report = &answer["report"];
    assert!(speed_up >= 7.0, "{speed_up:.2} times as fast: {report:#}");
    let spans = report["timeline"].as_array().cloned().unwrap_or_default();
    let used: Vec<&Value> = spans.iter().filter(|span| span["used"] == true).collect();
    let workers: HashSet<&str> = used.iter().filter_map(|span| span["worker"].as_str()).collect();
    assert_eq!((used.len(), workers.len()), (40, 8), "chunks and workers: {report:#}");
    assert!(!workers.contains("here"), "the caller only waited: {report:#}");
    Ok(())
}

/// A CSV that was never in a request.
#[test]
fn a_csv_in_s3_is_summed_where_the_stage_allows_it() -> Result {
    let cloud = LocalCloud::idle()?;
    let app = csv_group_sum()?;
    let deployed = run(&cloud, &app, &["deploy", "local"])?;
    let url = url_of(&deployed).trim_end_matches('/');
    let put = |bucket: &str| json!({"Bucket": bucket, "Key": "a.csv", "Body": "id,v\na,1\nb,2\na,4\n"});
    for bucket in ["csv-sources", "csv-secrets"] {
        cloud.call_aws(
            "us-east-1",
            &[("s3", "create_bucket", json!({"Bucket": bucket})), ("s3", "put_object", put(bucket))],
        )?;
    }
    let ask = |query: &str| send_request(&Method::PUT, &format!("{url}/?{query}"), "text/csv", "");
    let answer = ask("source=s3://csv-sources/a.csv")?;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "id,v\na,5\nb,2\n"));
    assert_eq!(ask("source=s3://csv-secrets/a.csv")?.status, 403);
    assert_eq!(ask("source=s3://csv-sources/none.csv")?.status, 404);
    Ok(())
}
