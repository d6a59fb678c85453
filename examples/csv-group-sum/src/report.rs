//! What a client is told about the way of its sums: headers for every client, JSON for those that ask.

use lzap::MapReport;
use serde::Serialize;

use crate::answer;
use crate::error::Error;

/// The header that sums up a map.
pub const HEADER: &str = "x-lzap-map";

/// Its value: where the items were summed, then numbers.
pub fn summary(report: &MapReport) -> String {
    let place = if report.remote { "remote" } else { "here" };
    let MapReport {
        items,
        chunks,
        workers,
        cold_starts,
        throttles,
        retries,
        dollars,
        job,
        ..
    } = report;
    let speed_up = report.speed_up();
    format!(
        "{place}; items={items}; chunks={chunks}; workers={workers}; cold-starts={cold_starts}; \
         throttles={throttles}; retries={retries}; speed-up={speed_up:.2}; dollars={dollars:.9}; job={job}"
    )
}

/// An answer for programs.
#[derive(Serialize)]
struct Answer<'a> {
    csv: &'a str,
    /// None when the sums took one pass, here.
    report: Option<&'a MapReport>,
}

/// The CSV and the report as JSON. A report that would be too much beside the CSV has no timeline.
///
/// # Errors
/// The CSV alone is larger than Lambda could return like this.
pub fn json(csv: &[u8], mut report: Option<MapReport>) -> Result<Vec<u8>, Error> {
    // Names and ids are UTF-8, and numbers too: nothing is lost.
    let csv = &String::from_utf8_lossy(csv);
    let whole = answer::checked(write(csv, report.as_ref()));
    match (whole, &mut report) {
        (Err(Error::AnswerTooLarge(_)), Some(report)) => {
            report.timeline.clear();
            answer::checked(write(csv, Some(report)))
        }
        (whole, _) => whole,
    }
}

fn write(csv: &str, report: Option<&MapReport>) -> Vec<u8> {
    serde_json::to_vec(&Answer { csv, report }).expect("text and numbers are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_a_map_has_no_report() {
        let json = json(b"id,v\na,1\n", None).expect("a small answer");
        assert_eq!(
            String::from_utf8_lossy(&json),
            r#"{"csv":"id,v\na,1\n","report":null}"#
        );
    }

    #[test]
    fn a_csv_that_lambda_could_not_return_as_json_is_refused() {
        let csv = b"\n".repeat(answer::MAX_ANSWER_BYTES / 3 + 1);
        let report = Some(MapReport::default());
        assert!(matches!(json(&csv, report), Err(Error::AnswerTooLarge(_))));
    }

    #[test]
    fn the_summary_of_nothing() {
        assert_eq!(
            summary(&MapReport::default()),
            "here; items=0; chunks=0; workers=0; cold-starts=0; throttles=0; retries=0; speed-up=1.00; \
             dollars=0.000000000; job="
        );
    }
}
