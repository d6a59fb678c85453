//! Describes how the sums were made: in headers for every client, in JSON for clients that ask for it.

use std::collections::{BTreeMap, HashMap};
use std::mem;

use group_sum::Decimal;
use lzap::MapReport;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::answer;
use crate::budget::Lowered;
use crate::error::{Error, Reference};

/// On the answers of requests that ran a map, so that a client sees the cost without asking for JSON.
pub const HEADER: &str = "x-lzap-map";

/// Its value: where the items were summed, then numbers. Values that the caps have changed come last.
pub fn summarize_map(report: &MapReport, lowered: &[Lowered]) -> String {
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
    // Nine decimals of a dollar, because an invocation costs less than a millionth.
    let speed_up = report.speed_up();
    let summary = format!(
        "{place}; items={items}; chunks={chunks}; workers={workers}; cold-starts={cold_starts}; \
         throttles={throttles}; retries={retries}; speed-up={speed_up:.2}; dollars={dollars:.9}; job={job}"
    );
    lowered
        .iter()
        .fold(summary, |summary, Lowered { parameter, given, .. }| {
            format!("{summary}; capped-{parameter}={given}")
        })
}

/// Hides AWS's texts and names from clients: the reason why the map stopped invoking Lambdas goes to the log, and the
/// execution environments are numbered.
pub(crate) fn hide_texts(mut report: MapReport) -> MapReport {
    report.gave_up = report.gave_up.map(|reason| {
        let reference = Reference::log(&reason);
        format!("Lambda could not be used, and the app's log has the reason, under reference {reference}")
    });
    // AWS names an environment after its log stream.
    let mut numbers: HashMap<String, usize> = HashMap::new();
    for span in report.timeline.iter_mut().filter(|span| span.worker != HERE) {
        let next = numbers.len() + 1;
        let number = numbers.entry(mem::take(&mut span.worker)).or_insert(next);
        span.worker = format!("worker {number}");
    }
    report
}

/// `lzap`'s name for this process in a timeline. It is not AWS's, so it stays.
const HERE: &str = "here";

/// Each sentence names the variable, so that a reader knows whom to ask.
fn describe_lowered(lowered: &[Lowered]) -> Vec<String> {
    let describe = |Lowered {
                        parameter,
                        asked,
                        given,
                        variable,
                    }: &Lowered| {
        format!(
            "The parameter \"{parameter}\" is {given} instead of {asked}, since {variable} limits a request."
        )
    };
    lowered.iter().map(describe).collect()
}

/// The header that names the columns that are not summed because their first cell with something in it is not a number.
pub const LEFT_OUT_HEADER: &str = "x-lzap-left-out";

/// The most bytes of that header: gateways and clients limit all headers together, some to 8 KB.
const MAX_LEFT_OUT_BYTES: usize = 1_000;

/// Its value: the names, percent-encoded and joined by commas; `...` replaces the names that do not fit.
pub fn list_names(names: &[String]) -> String {
    const MORE: &str = "...";
    let mut list = String::new();
    for name in names {
        let comma = if list.is_empty() { "" } else { "," };
        // A header is ASCII.
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC).to_string();
        if list.len() + name.len() + comma.len() + ",".len() + MORE.len() > MAX_LEFT_OUT_BYTES {
            return list + comma + MORE;
        }
        list = list + comma + &name;
    }
    list
}

/// The JSON answer. Its field names are its format.
#[derive(Serialize)]
struct Answer<'a> {
    csv: &'a str,
    /// The names of the columns that are not summed because they have text.
    left_out: &'a [String],
    /// The mark before the decimals of each summed column; none where no number of the column has one.
    decimal_marks: BTreeMap<&'a str, Option<&'static str>>,
    /// The parameters of which the request got less than it asked for, as sentences.
    capped: Vec<String>,
    /// None when the sums took one pass, here.
    report: Option<&'a MapReport>,
}

/// The CSV and the report as JSON. A report that would be too much beside the CSV has no timeline.
///
/// # Errors
/// The CSV alone is larger than Lambda could return like this.
pub fn format_json(
    csv: &[u8],
    left_out: &[String],
    decimals: &[(String, Option<Decimal>)],
    lowered: &[Lowered],
    mut report: Option<MapReport>,
) -> Result<Vec<u8>, Error> {
    // Names and ids are UTF-8, and numbers too: nothing is lost.
    let csv = &String::from_utf8_lossy(csv);
    let whole = answer::check_size(write_json(csv, left_out, decimals, lowered, report.as_ref()));
    match (whole, &mut report) {
        (Err(Error::AnswerTooLarge(_)), Some(report)) => {
            // It is the only part that grows with the number of attempts.
            report.timeline.clear();
            answer::check_size(write_json(csv, left_out, decimals, lowered, Some(report)))
        }
        (whole, _) => whole,
    }
}

fn write_json(
    csv: &str,
    left_out: &[String],
    decimals: &[(String, Option<Decimal>)],
    lowered: &[Lowered],
    report: Option<&MapReport>,
) -> Vec<u8> {
    serde_json::to_vec(&Answer {
        csv,
        left_out,
        decimal_marks: decimals
            .iter()
            .map(|(name, mark)| (name.as_str(), mark.map(Decimal::as_str)))
            .collect(),
        capped: describe_lowered(lowered),
        report,
    })
    .expect("text and numbers are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_a_map_has_no_report() {
        let json = format_json(
            b"id,v\na,1\n",
            &["note".to_owned()],
            &[("v".to_owned(), Some(Decimal::Comma))],
            &[],
            None,
        )
        .expect("a small answer");
        assert_eq!(
            String::from_utf8_lossy(&json),
            r#"{"csv":"id,v\na,1\n","left_out":["note"],"decimal_marks":{"v":","},"capped":[],"report":null}"#
        );
    }

    #[test]
    fn a_csv_that_lambda_could_not_return_as_json_is_refused() {
        let csv = b"\n".repeat(answer::MAX_ANSWER_BYTES / 3 + 1);
        let report = Some(MapReport::default());
        assert!(matches!(
            format_json(&csv, &[], &[], &[], report),
            Err(Error::AnswerTooLarge(_))
        ));
    }

    #[test]
    fn summary_of_an_empty_map_has_zeros() {
        assert_eq!(
            summarize_map(&MapReport::default(), &[]),
            "here; items=0; chunks=0; workers=0; cold-starts=0; throttles=0; retries=0; speed-up=1.00; \
             dollars=0.000000000; job="
        );
    }

    #[test]
    fn names_beyond_the_size_of_the_header_are_cut() {
        let name = |name: &str| name.to_owned();
        assert_eq!(
            list_names(&[name("größe, m"), name("b")]),
            "gr%C3%B6%C3%9Fe%2C%20m,b"
        );
        let long = list_names(&vec![name("columns"); 1_000]);
        assert!(
            long.len() <= MAX_LEFT_OUT_BYTES && long.ends_with("columns,..."),
            "{long}"
        );
        assert_eq!(list_names(&[name(&"ü".repeat(500))]), "...");
    }
}
