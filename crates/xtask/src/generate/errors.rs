//! Renders `docs/reference/errors.md`: every error code with its cause and help.
//!
//! The texts belong to the crates that make the errors; `lzap explain --output json` prints them.

use std::fmt::Write as _;

use serde_json::Value;

use super::markdown::{NOTE, escape_prose, format_code, format_table, make_anchor};
use lzap_testkit::shell::{Failure, Result, lzap, quiet_output};

/// Returns the whole page. Builds `lzap` if necessary.
pub(crate) fn render_page() -> Result<String> {
    let text = quiet_output(lzap()?.args(["explain", "--output", "json"]))?;
    let document: Value =
        serde_json::from_str(&text).map_err(|error| Failure::new(format!("lzap explain: {error}")))?;
    let errors = document["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    if errors.is_empty() {
        return Err(Failure::new("lzap explain lists no errors"));
    }
    format_page(errors)
}

/// Formats an index of all codes, and then a section per error. Words in capitals stand for names.
fn format_page(errors: &[Value]) -> Result<String> {
    let mut rows = Vec::new();
    let mut sections = String::new();
    for error in errors {
        let field = |name: &str| {
            error[name].as_str().ok_or_else(|| Failure::new(format!("an error has no {name}: {error}")))
        };
        let (code, message, why, help) = (field("code")?, field("message")?, field("why")?, field("help")?);
        let exit =
            error["exit_code"].as_u64().ok_or_else(|| Failure::new(format!("{code} has no exit code")))?;
        rows.push(vec![format!("[{}](#{})", format_code(code), make_anchor(code)), exit.to_string()]);
        let _ = write!(
            sections,
            "\n## {code}\n\n```text\n{message}\n```\n\n{}\n\n**What to do:** {}. Exit code {exit}.\n",
            escape_prose(why),
            escape_prose(help).trim_end_matches(['.', '?']),
        );
    }
    Ok(format!(
        "# Errors\n\n{NOTE}\n\nAn error's first line has its code in brackets; `lzap explain CODE` prints the entry of this \
         page. Words in capitals\nstand for names, and `lzap COMMAND STAGE` for the command that failed. With `--output \
         json` the code is in\n`error.code`. Codes and exit codes don't change; texts can.\n\n{}{sections}",
        format_table(&["code", "exit code"], &rows)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn format_page_links_each_code_to_its_section() {
        let error = json!({
            "code": "lzap::a::b_c", "exit_code": 5, "message": "`X` failed", "why": "It <broke>.", "help": "type `y`"
        });
        let page = format_page(&[error]).expect("complete");
        assert!(page.contains("| [`lzap::a::b_c`](#lzapab_c) | 5 |"), "{page}");
        let section = "## lzap::a::b_c\n\n```text\n`X` failed\n```\n\nIt \\<broke>.\n\n**What to do:** type `y`. Exit code 5.\n";
        assert!(page.ends_with(section), "{page}");
    }

    #[test]
    fn format_page_fails_without_help() {
        assert!(
            format_page(&[json!({"code": "lzap::a", "exit_code": 1, "message": "", "why": ""})]).is_err()
        );
    }
}
