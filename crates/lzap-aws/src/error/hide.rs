//! Keeps secret values out of texts.
//!
//! Lambda quotes a function's environment in some refusals. The values are removed where the error is made,
//! so that no text, log or JSON document made from it can have them.

/// Values that must not be shown: those of a function's environment.
#[derive(Debug)]
pub(super) struct HiddenValues(Vec<String>);

/// A shorter value is no secret (`1`, `on`, `dev`), and removing each occurrence would leave an unreadable message.
const MIN_SECRET_BYTES: usize = 4;
const HIDDEN: &str = "(hidden)";

impl HiddenValues {
    /// Takes the values of a function's environment, in each form in which AWS quotes them.
    pub(super) fn new<'a>(values: impl IntoIterator<Item = &'a String>) -> Self {
        let secrets = values.into_iter().filter(|value| value.len() >= MIN_SECRET_BYTES);
        // AWS quotes a value as it is, or as the JSON of the request.
        let mut forms: Vec<String> =
            secrets.flat_map(|value| [value.clone(), escape_as_json(value)]).collect();
        // A value that is part of another one would otherwise leave the rest of the longer one.
        forms.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Self(forms)
    }

    /// Replaces each value in `text`, wherever it stands.
    pub(super) fn remove_from(&self, text: &mut String) {
        for value in &self.0 {
            if text.contains(value.as_str()) {
                *text = text.replace(value.as_str(), HIDDEN);
            }
        }
    }
}

/// Returns `value` as it stands between the quotes of a JSON string.
fn escape_as_json(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(value).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hide(values: &[&str], text: &str) -> String {
        let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
        let mut text = text.to_owned();
        HiddenValues::new(&values).remove_from(&mut text);
        text
    }

    #[test]
    fn remove_from_hides_every_occurrence() {
        assert_eq!(hide(&["hunter22"], "A=hunter22, B=hunter22"), "A=(hidden), B=(hidden)");
    }

    #[test]
    fn remove_from_hides_a_value_that_contains_another_value_completely() {
        assert_eq!(hide(&["pass", "password1"], "A=password1, B=pass"), "A=(hidden), B=(hidden)");
    }

    #[test]
    fn remove_from_hides_the_json_form_of_a_value() {
        assert_eq!(hide(&["a\"b\nc"], r#"{"A":"a\"b\nc"}"#), r#"{"A":"(hidden)"}"#);
        assert_eq!(hide(&["\"quoted\""], r#"{"A":"\"quoted\""}"#), r#"{"A":"(hidden)"}"#);
    }

    #[test]
    fn remove_from_leaves_short_values() {
        assert_eq!(hide(&["dev", ""], "stage dev"), "stage dev");
    }
}
