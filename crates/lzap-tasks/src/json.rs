//! Reads JSON values of tasks. Errors never quote a value, because it may be a secret and errors are logged.

use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_json::value::RawValue;

/// Reads a task's input or output.
///
/// # Errors
/// The position and the expected type, without the value.
pub fn read_value<T: DeserializeOwned>(value: &RawValue) -> Result<T, String> {
    serde_json::from_str(value.get()).map_err(|error| match error.to_string() {
        // The text is valid JSON, so trailing characters are further elements of a list.
        why if why.starts_with("trailing characters") => {
            with_position(&error, "has more elements than expected")
        }
        why if why.starts_with("number out of range") => {
            with_position(&error, "has a number that is out of range")
        }
        _ => describe_error(&error),
    })
}

/// The position is within the text that was parsed: a value's own, not the event's.
fn with_position(error: &serde_json::Error, what: &str) -> String {
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// Describes an error as the end of a sentence, without the value.
pub fn describe_error(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Data => with_position(error, &describe_expected(&error.to_string())),
        _ => with_position(error, "is not JSON"),
    }
}

/// Keeps the expected type or the missing field of a serde message, and drops the part that quotes a value.
fn describe_expected(message: &str) -> String {
    if let Some((_, expected)) = message.rsplit_once(", expected ") {
        let expected = expected.rsplit_once(" at line ").map_or(expected, |(before, _)| before);
        return format!("has another type than expected, which is {expected}");
    }
    match message.strip_prefix("missing field ") {
        Some(field) => {
            format!("lacks the field {}", field.rsplit_once(" at line ").map_or(field, |(before, _)| before))
        }
        None => "doesn't fit the type".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_error_names_the_place_and_never_quotes_the_value() {
        let value = serde_json::value::to_raw_value("hush").expect("a string");
        let why = read_value::<u32>(&value).expect_err("a string is no number");
        assert_eq!(why, "has another type than expected, which is u32 (line 1, column 6)");
        let value = serde_json::value::to_raw_value(&[1, 2, 3]).expect("a list");
        let why = read_value::<(u32, u32)>(&value).expect_err("three are not two");
        assert_eq!(why, "has more elements than expected (line 1, column 6)");
    }
}
