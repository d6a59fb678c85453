//! The limit on an answer. It is Lambda's, and holds under `cargo run` too, so that a deploy changes no answer.

use group_sum::{Results, Table, to_csv};

use crate::error::Error;

/// The most bytes of an answer, as they stand in the JSON that a Lambda function returns: 6 MB (of 1024 × 1024 bytes),
/// less some room for the headers.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const MAX_ANSWER_BYTES: usize = 6_200_000;

/// Writes the answer as a CSV.
///
/// # Errors
/// The answer is larger than Lambda could return. (It can be larger than the CSV it comes from: a row `a,,,` is short,
/// its sums `a,0,0,0` are not.)
pub fn write_answer<N>(table: &Table<N>, results: &Results) -> Result<Vec<u8>, Error> {
    check_size(to_csv(table, results))
}

/// Returns the answer unchanged if Lambda can return it. JSON and CSV count alike.
///
/// # Errors
/// It is larger than [`MAX_ANSWER_BYTES`] once it is in a JSON string.
pub fn check_size(answer: Vec<u8>) -> Result<Vec<u8>, Error> {
    let size = json_bytes(&answer);
    if size > MAX_ANSWER_BYTES {
        Err(Error::AnswerTooLarge(size))
    } else {
        Ok(answer)
    }
}

/// The length of `text` as a JSON string, without its quotes.
fn json_bytes(text: &[u8]) -> usize {
    let size = |byte: &u8| match byte {
        // The answer travels in a JSON string, which escapes these with one more byte, and other control characters with five.
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0C => 2,
        ..0x20 => 6,
        _ => 1,
    };
    text.iter().map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_lambda_could_not_return_is_refused() {
        let table = Table::<()> {
            id_name: "id".into(),
            ids: vec!["\n".repeat(MAX_ANSWER_BYTES / 2)],
            columns: Vec::new(),
            left_out: Vec::new(),
        };
        let error = write_answer(&table, &Results::default()).expect_err("too large");
        // Each newline is two bytes in JSON; the rest is the header and the id's quotes.
        assert_eq!(error, Error::AnswerTooLarge(MAX_ANSWER_BYTES + 10));
        assert_eq!(json_bytes("a\"\n\u{1}ü".as_bytes()), 1 + 2 + 2 + 6 + 2);
    }
}
