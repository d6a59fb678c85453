//! Texts of AWS: the log has them, and clients get a reference.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use lzap::testing::Fault;
use tracing_subscriber::fmt::MakeWriter;

use crate::common::{Answer, cloud, put_in};
use crate::hostile::assert_figures;

/// What AWS says to a function that may not invoke another one.
const REASON: &str = "AccessDeniedException: lambda:InvokeFunction";

/// The lines of a log.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Puts a small CSV to the app in a cloud that AWS lets invoke nothing; returns the answer and the log.
async fn put_denied(query: &str) -> (Answer, String) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).finish();
    // The test has one thread, so this is the subscriber of all that it waits for.
    let guard = tracing::subscriber::set_default(subscriber);
    let denied = cloud().fault(|_| Some(Fault::Denied));
    let answer = put_in(denied, query, "id,v\na,1\nb,2\n").await;
    drop(guard);
    (answer, log.text())
}

/// The 16 digits after `reference` in a text.
fn find_reference(text: &str) -> &str {
    let (_, rest) = text.split_once("under reference ").expect("there is a reference");
    &rest[..16]
}

#[tokio::test]
async fn failed_map_answers_502_with_a_reference_to_the_log() {
    let (answer, log) = put_denied("invoke_lambda=true&chunksize=1").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    let reference = find_reference(&answer.body);
    let sentence = format!(
        "Other Lambdas could not sum the items: the app's log has the reason, under reference {reference}.\n"
    );
    assert_eq!(answer.body, sentence);
    let line = log
        .lines()
        .find(|line| line.contains(reference))
        .expect("a line of the log has the reference");
    assert!(line.contains("ERROR") && line.contains(REASON), "{line}");
}

#[tokio::test]
async fn report_of_a_map_that_gave_up_has_a_reference() {
    let (answer, log) = put_denied("chunksize=1&report=json").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(
        !answer.body.contains("AccessDenied") && !answer.body.contains("lambda:"),
        "{}",
        answer.body
    );
    let reference = find_reference(&answer.body);
    assert!(
        log.lines()
            .any(|line| line.contains(reference) && line.contains(REASON)),
        "{log}"
    );
    assert_figures(&answer, "a map that gave up");
}
