//! The reference of errors as text.

use lzap_core::explain::ErrorPage;

/// Formats one line per error: code and text. The codes stand in one column, as wide as the longest.
pub(crate) fn format_list(pages: &[ErrorPage]) -> String {
    let width = pages.iter().map(|page| page.code.len()).max().unwrap_or_default();
    pages.iter().fold(String::new(), |text, page| {
        let first_line = page.message.lines().next().unwrap_or_default();
        text + &format!("{:width$}  {first_line}\n", page.code)
    })
}

/// Formats the page of one error, with examples of names in capitals.
pub(crate) fn format_page(page: &ErrorPage) -> String {
    let ErrorPage { code, exit_code, message, why, help } = page;
    format!("{code} (exit code {exit_code})\n\n{message}\n\nWhy: {why}\n\nWhat to do: {help}\n")
}
