//! The two streams: results go to stdout, progress and diagnostics to stderr. Nothing else in the program prints.
//!
//! Colors are written everywhere, and removed by `anstream` where the stream is no terminal or `--color` says
//! so.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;

use anstyle::{AnsiColor, Style};
use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;

use crate::cli::{Color, Global, Output};
use crate::ui::text::keep_only_colors;

/// Writes results and diagnostics, as the global options want them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    /// The format of stdout.
    pub(crate) output: Output,
    /// Set by `--output text`: then streams are text even in a pipe.
    text_wanted: bool,
    /// Set by `--quiet`: only errors go to stderr.
    quiet: bool,
    /// The number of `-v`: 1 prints more steps, 2 every AWS call.
    pub(crate) verbose: u8,
}

/// Cargo's colors of a status verb and of a warning.
const GOOD: Style = AnsiColor::Green.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// The column where cargo's verbs end.
const VERB_COLUMNS: usize = 12;

impl Printer {
    pub(crate) fn new(global: &Global) -> Self {
        let choice = match global.color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        };
        // For the whole process: the streams are opened anew by each function below.
        choice.write_global();
        Self {
            output: global.output.unwrap_or(Output::Text),
            text_wanted: global.output == Some(Output::Text),
            quiet: global.quiet,
            verbose: global.verbose,
        }
    }

    /// Returns a printer for an error that was found before the options were: stdout gets its document, and
    /// stderr is left to clap.
    pub(crate) fn json_only() -> Self {
        Self { output: Output::Json, text_wanted: false, quiet: true, verbose: 0 }
    }

    /// Prints a status line to stderr, with a right-aligned verb as cargo does:
    /// ```text
    ///     Deployed shop-dev (version 8) in 41.2s
    /// ```
    pub(crate) fn print_status(self, verb: &str, text: impl Display) {
        if !self.quiet {
            write_to_stderr(format_args!("{GOOD}{verb:>VERB_COLUMNS$}{GOOD:#} {text}\n"));
        }
    }

    /// Returns whether stderr has the lines of `--verbose`, and is all that a person reads.
    pub(crate) fn shows_details(self) -> bool {
        self.verbose > 0 && !self.quiet && self.output == Output::Text
    }

    /// Prints a block of text to stderr as it is, without a verb and without a newline at its end.
    pub(crate) fn print_note(self, text: &str) {
        if !self.quiet {
            write_to_stderr(format_args!("{text}"));
        }
    }

    /// Prints a warning to stderr.
    pub(crate) fn print_warning(self, text: impl Display) {
        if self.quiet {
            return;
        }
        write_to_stderr(format_args!("{WARNING}warning{WARNING:#}: {text}\n"));
    }

    /// Prints a result as text to stdout, unless stdout carries JSON. A command calls this and
    /// [`Self::print_json`] alike; the format decides which of them prints.
    pub(crate) fn print_data(self, text: impl Display) {
        if self.output == Output::Text {
            let mut stdout = anstream::stdout().lock();
            let is_terminal = stdout.is_terminal();
            write_text(&mut stdout, is_terminal, format_args!("{text}"));
        }
    }

    /// Prints the one JSON document to stdout, unless stdout carries text.
    pub(crate) fn print_json(self, document: &serde_json::Value) {
        if self.output == Output::Json {
            let mut stdout = std::io::stdout().lock();
            let is_terminal = stdout.is_terminal();
            write_text(&mut stdout, is_terminal, format_args!("{document:#}\n"));
        }
    }

    /// Returns whether a stream of lines is for a person: on a terminal, or with `--output text`.
    pub(crate) fn streams_text(self) -> bool {
        self.output == Output::Text && (self.text_wanted || std::io::stdout().is_terminal())
    }

    /// Returns whether the progress line may be drawn over itself: not in CI logs that pass for a terminal,
    /// and not between the lines of `--verbose`.
    pub(crate) fn draws_progress(self) -> bool {
        !self.quiet
            && self.verbose == 0
            && std::io::stderr().is_terminal()
            && std::env::var_os("CI").is_none()
    }
}

/// Prints one line of a stream to stdout, text or JSON, and flushes it: the reader of a pipe sees each event
/// at once.
///
/// # Errors
/// The reader of stdout closed it: there is no reason to go on.
pub(crate) fn print_line(text: &str) -> std::io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush())
}

/// Returns when the reader of stdout goes away (`lzap tail | head -1`); never where that can't be told: a file can't be
/// watched, and a terminal that closes sends a signal of its own.
pub(crate) async fn reader_gone() {
    // Nothing is written through it, so that it may block doesn't matter.
    let watched = std::io::stdout().as_fd().try_clone_to_owned().and_then(Sender::from_owned_fd_unchecked);
    if let Ok(watched) = watched
        && watched.ready(Interest::ERROR).await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// Prints an error to stderr, with `--quiet` too.
pub(crate) fn print_error(text: &str) {
    write_to_stderr(format_args!("{text}\n"));
}

/// Writes to stderr, without colors if it is not a terminal.
fn write_to_stderr(text: std::fmt::Arguments<'_>) {
    let mut stderr = anstream::stderr().lock();
    let is_terminal = stderr.is_terminal();
    write_text(&mut stderr, is_terminal, text);
}

/// Writes and flushes. No escape sequence but those for colors reaches a terminal. A reader that went away (`lzap status | head -1`) is no reason to fail.
fn write_text(stream: &mut dyn Write, is_terminal: bool, text: std::fmt::Arguments<'_>) {
    let text = text.to_string();
    let text = if is_terminal { keep_only_colors(&text) } else { text };
    // The reader may have closed the pipe; the command still ends with its own exit code.
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.flush();
}
