//! Errors as they are shown: what, where, why, and what to type next; or as one JSON document on stdout.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use anstyle::{AnsiColor, Style};
use miette::Diagnostic;
use serde_json::json;

use crate::cli::Output;
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::printer::{self, Printer};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const BOLD: Style = Style::new().bold();

/// Shows an error of clap's: help and version are no errors.
pub(crate) fn usage(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        // Nothing can be done about a closed stdout.
        let _ = error.print();
        return Exit::Done;
    }
    if std::env::args().any(|arg| arg == "--output=json") || std::env::args().any(|arg| arg == "json") {
        let message = error.to_string();
        let message = message.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let document =
            json!({"error": {"code": "lzap::usage", "message": message, "help": "type `lzap --help`"}});
        Printer::json_only().json(&document);
    }
    let _ = error.print();
    Exit::Usage
}

/// Ends a call that was not the user's.
pub(crate) fn finish(result: Result<(), lzap_build::BuildError>) -> Exit {
    match result {
        Ok(()) => Exit::Done,
        Err(error) => {
            printer::error(&render(&CliError::Build(error)));
            Exit::Failed
        }
    }
}

/// Shows `error` as the global options want it.
pub(crate) fn show(printer: Printer, error: &CliError) {
    if printer.output == Output::Json {
        let message = chain(error).join(": ");
        let mut body = json!({"code": code(error), "message": message, "help": help(error)});
        if !error.log().is_empty() {
            body["log"] = json!(error.log());
        }
        printer.json(&json!({ "error": body }));
    }
    printer::error(&render(error));
}

fn code(error: &dyn Diagnostic) -> String {
    error.code().map_or_else(|| "lzap".to_owned(), |code| code.to_string())
}

pub(crate) fn help(error: &dyn Diagnostic) -> Option<String> {
    error.help().map(|help| help.to_string())
}

/// What, and then why: an error's own text and those of its causes.
pub(crate) fn chain(error: &CliError) -> Vec<String> {
    std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source())
        .map(ToString::to_string)
        .collect()
}

/// The error as text, with color codes (the printer strips them where they don't belong).
fn render(error: &CliError) -> String {
    let mut text = match error {
        CliError::Config { path, text, problem } => match problem.span.clone() {
            Some(span) => snippet(&path.display().to_string(), text, &problem.message, span),
            None => format!("{}\n  --> {}", title(error), path.display()),
        },
        _ => title(error),
    };
    for cause in chain(error).iter().skip(1) {
        text.push_str(&labelled("cause", cause));
    }
    if !error.log().is_empty() {
        text.push_str(&labelled("log", &format!("\n{}", error.log().join("\n"))));
    }
    if let Some(help) = help(error) {
        text.push_str(&labelled("help", &help));
    }
    text
}

fn title(error: &CliError) -> String {
    format!("{ERROR}error[{}]{ERROR:#}{BOLD}: {error}{BOLD:#}", code(error))
}

/// A line below the title; what has several lines is put below each other.
fn labelled(label: &str, text: &str) -> String {
    let text = text.trim_end().replace('\n', "\n    ");
    format!("\n  {BOLD}{label}{BOLD:#}: {text}")
}

fn snippet(path: &str, source: &str, message: &str, span: std::ops::Range<usize>) -> String {
    let end = span.end.min(source.len());
    let span = span.start.min(end)..end;
    let report = &[Level::ERROR
        .primary_title(message)
        .id("lzap::config")
        .element(Snippet::source(source).path(path).annotation(AnnotationKind::Primary.span(span)))];
    Renderer::styled().render(report)
}
