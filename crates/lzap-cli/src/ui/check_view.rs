//! The checks of `lzap doctor`: a line each, with the help below it; or one JSON document.
//!
//! ```text
//!       ok  region       eu-central-1
//!  problem  linker       zig is needed and not found: `ring` compiles C or links a C library, and …
//!                        help: pip install ziglang
//! ```

use anstyle::{AnsiColor, Style};
use lzap_core::doctor::{Check, Status};
use lzap_core::text::count;
use serde_json::{Value, json};

const DIM: Style = Style::new().dimmed();
/// The column of the details: a status of 8, a name of 12, and the blanks after both.
const INDENT: usize = 23;

/// Returns the color of a status.
fn status_style(status: Status) -> Style {
    match status {
        Status::Ok => AnsiColor::Green.on_default(),
        Status::Warning => AnsiColor::Yellow.on_default().bold(),
        Status::Problem => AnsiColor::Red.on_default().bold(),
        Status::Note | Status::Skipped => DIM,
    }
}

/// Returns the lines of one check: status, name and detail, and the help below the detail.
pub(crate) fn format_check(check: &Check) -> String {
    let style = status_style(check.status);
    let detail = check.detail.replace('\n', &format!("\n{:INDENT$}", ""));
    let help = check.help.as_deref().map(|help| {
        let help = help.replace('\n', &format!("\n{:INDENT$}", ""));
        format!("{:INDENT$}{DIM}help:{DIM:#} {help}\n", "")
    });
    format!(
        "{style}{:>8}{style:#}  {:<12} {detail}\n{}",
        check.status.as_str(),
        check.name,
        help.unwrap_or_default()
    )
}

/// Returns `1 problem, 2 warnings` for the status line at the end.
pub(crate) fn summarize_checks(checks: &[Check]) -> String {
    let number = |status| checks.iter().filter(|check| check.status == status).count();
    let counted: Vec<String> = [(number(Status::Problem), "problem"), (number(Status::Warning), "warning")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, noun)| count(number, noun))
        .collect();
    if counted.is_empty() { "nothing is wrong".to_owned() } else { counted.join(", ") }
}

/// Returns the document of `lzap doctor`: `{"checks": [{"name", "status", "detail", "help"}]}`. `help` is
/// null for a check without advice.
pub(crate) fn checks_to_json(checks: &[Check]) -> Value {
    let checks: Vec<Value> = checks
        .iter()
        .map(|check| {
            json!({
                "name": check.name,
                "status": check.status.as_str(),
                "detail": check.detail,
                "help": check.help,
            })
        })
        .collect();
    json!({ "checks": checks })
}
