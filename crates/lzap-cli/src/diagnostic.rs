//! Errors as they are printed: what, where, why, and what to type next; or as one JSON document on stdout.
//!
//! ```text
//! error[lzap::aws::denied]: AWS denies iam:CreateRole
//!   cause: AccessDenied from iam:CreateRole (request 4f1c…): User: … is not authorized to perform: …
//!   help: allow `iam:CreateRole` to the deploying user or role (`lzap policy dev` prints the whole …
//! ```
//!
//! The texts are made where the errors are (`lzap_core::explain::Explained`); here they are only laid out.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use anstyle::{AnsiColor, Style};
use lzap_core::explain::{CommandContext, Explained as _};
use serde_json::{Value, json};

use crate::cli::Output;
use crate::command_line::{arguments, asks_for_json, help_command};
use crate::error::{CliError, UsageKind};
use crate::exit::Exit;
use crate::ui::printer::{self, Printer};
use crate::ui::text::strip_control_characters;

/// The colors of rustc's errors, which users of lzap know.
const ERROR: Style = AnsiColor::Red.on_default().bold();
const BOLD: Style = Style::new().bold();

/// Prints an error of clap's. Help and version come this way too, and are no errors.
pub(crate) fn report_usage_error(error: &clap::Error) -> Exit {
    if error.use_stderr() && asks_for_json(arguments()) {
        let message = error.to_string();
        let problem = message.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let help = format!("type `{}`", help_command(arguments().into_iter().skip(1)));
        let error = CliError::usage(UsageKind::Arguments, problem, help);
        // The help of a usage error doesn't depend on the command.
        Printer::json_only().print_json(&to_json(&error, &CommandContext::placeholder()));
    }
    // clap's own rendering. Nothing can be done about a closed stream.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

/// Ends a process that cargo started as its linker. An error goes to stderr, where cargo shows it as the
/// linker's output.
pub(crate) fn finish_zig_call(result: Result<(), lzap_build::BuildError>) -> Exit {
    match result {
        Ok(()) => Exit::Done,
        Err(error) => {
            printer::print_error(&render_error(
                &CliError::Build(error),
                &CommandContext::new("package", None),
            ));
            Exit::Failed
        }
    }
}

/// Prints `error`, which ended `command`, in the format of the global options.
pub(crate) fn print_error(printer: Printer, error: &CliError, command: &CommandContext) {
    // In both formats: stdout gets the document, stderr the text.
    if printer.output == Output::Json {
        printer.print_json(&to_json(error, command));
    }
    printer::print_error(&render_error(error, command));
}

/// Returns the error as the JSON document on stdout: `{"error": {"code", "message", "help"}}`, with `log` if
/// the function's log explains the error. Causes are in the message, joined by colons.
pub(crate) fn to_json(error: &CliError, command: &CommandContext) -> Value {
    let message = error_chain(error).join(": ");
    let mut body = json!({"code": error.code(), "message": message, "help": error.help(command)});
    if !error.log().is_empty() {
        body["log"] = json!(error.log());
    }
    json!({ "error": body })
}

/// Returns the texts of the error and of its causes, outermost first.
pub(crate) fn error_chain(error: &CliError) -> Vec<String> {
    std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source())
        .map(ToString::to_string)
        .collect()
}

/// Renders the error as text with color codes, which the printer removes where they don't belong. A mistake
/// in `lzap.toml` is shown with its line.
pub(crate) fn render_error(error: &CliError, command: &CommandContext) -> String {
    let mut text = match error {
        CliError::Config { path, text, problem } => match problem.span.clone() {
            Some(span) => {
                render_snippet(&error.code(), &path.display().to_string(), text, (&problem.message, span))
            }
            None => format!("{}\n  --> {}", render_title(error), path.display()),
        },
        _ => render_title(error),
    };
    for cause in error_chain(error).iter().skip(1) {
        text.push_str(&render_labelled_text("cause", cause));
    }
    if !error.log().is_empty() {
        let log = strip_control_characters(&error.log().join("\n"));
        text.push_str(&render_labelled_text("log", &format!("\n{log}")));
    }
    text.push_str(&render_labelled_text("help", &error.help(command)));
    text
}

/// Renders the first line: the code and the message.
fn render_title(error: &CliError) -> String {
    format!("{ERROR}error[{}]{ERROR:#}{BOLD}: {error}{BOLD:#}", error.code())
}

/// Formats a line below the title (`cause`, `log`, `help`). The further lines of `text` are indented below
/// it.
fn render_labelled_text(label: &str, text: &str) -> String {
    let text = text.trim_end().replace('\n', "\n    ");
    format!("\n  {BOLD}{label}{BOLD:#}: {text}")
}

/// Renders a problem of a file with the line that has it. The span is cut to the text: the renderer panics
/// beyond it.
fn render_snippet(
    code: &str,
    path: &str,
    source: &str,
    (message, span): (&str, std::ops::Range<usize>),
) -> String {
    let end = span.end.min(source.len());
    let span = span.start.min(end)..end;
    let report = &[Level::ERROR
        .primary_title(message)
        .id(code)
        .element(Snippet::source(source).path(path).annotation(AnnotationKind::Primary.span(span)))];
    Renderer::styled().render(report)
}
