//! Questions. Without a terminal none is asked: a command that needs an answer fails, and names the flag that gives it.
//!
//! A prompt blocks its thread until it is answered. Ctrl-C in a prompt reaches lzap as a key, since the
//! terminal is in raw mode then, and not as a signal.

use std::io::IsTerminal;

use inquire::{Confirm, InquireError, Select, Text};

use crate::error::CliError;

/// Returns whether stdin and stderr are a terminal, so that a person can answer.
pub(crate) fn is_interactive() -> bool {
    // Questions go to stderr, so stdout may be a pipe.
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks before something is deleted; the default answer is no. `yes` (from `--yes`) answers without a
/// question. `what` is the beginning of the error's text: a clause that says why an answer is needed.
///
/// # Errors
/// There is no terminal ([`CliError::NeedsYes`]), or the answer is no ([`CliError::Declined`]).
pub(crate) fn ask_to_confirm(question: &str, what: &'static str, yes: bool) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    if !is_interactive() {
        return Err(CliError::NeedsYes { what });
    }
    if convert_error(Confirm::new(question).with_default(false).prompt())? {
        Ok(())
    } else {
        Err(CliError::Declined)
    }
}

/// Asks for a text; Enter alone takes the default. The caller has checked that there is a terminal.
pub(crate) fn ask_for_text(question: &str, default: &str) -> Result<String, CliError> {
    convert_error(Text::new(question).with_default(default).prompt())
}

/// Asks for one of several, and returns its text. `default` is an index into `options`.
pub(crate) fn ask_for_choice(
    question: &str,
    options: Vec<String>,
    default: usize,
) -> Result<String, CliError> {
    convert_error(Select::new(question, options).with_starting_cursor(default).prompt())
}

/// Converts the error of a question: Ctrl-C and Escape count as an interrupt.
fn convert_error<T>(answer: Result<T, InquireError>) -> Result<T, CliError> {
    answer.map_err(|error| match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => {
            CliError::Interrupted { resume: None }
        }
        other => CliError::Terminal(other.to_string()),
    })
}
