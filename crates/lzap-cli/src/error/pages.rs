//! The errors of all crates of the tool, one page each.
//!
//! Made from the errors themselves, so that `lzap explain` and the reference can't differ from what is
//! printed.

use lzap_aws::{ApplyError, AwsError};
use lzap_build::BuildError;
use lzap_core::config::nearest;
use lzap_core::explain::{ErrorPage, Explained};
use lzap_core::plan::PlanError;
use lzap_local::LocalError;

use super::CliError;
use crate::commands::InvokeError;

/// Returns one error of each kind, sorted by code.
pub(super) fn all_examples() -> Vec<CliError> {
    let mut errors = CliError::examples();
    errors.extend(BuildError::examples().into_iter().map(CliError::from));
    errors.extend(AwsError::examples().into_iter().map(CliError::from));
    errors.extend(ApplyError::examples().into_iter().map(CliError::from));
    errors.extend(PlanError::examples().into_iter().map(CliError::from));
    errors.extend(LocalError::examples().into_iter().map(CliError::from));
    errors.extend(InvokeError::examples().into_iter().map(CliError::from));
    // By code, so that errors of one topic stand together, whatever crate they are from.
    errors.sort_by_cached_key(Explained::code);
    errors
}

/// Returns the pages of all errors, sorted by code.
pub(crate) fn all_pages() -> Vec<ErrorPage> {
    all_examples().iter().map(|error| ErrorPage::new(error)).collect()
}

/// Returns the page of `code`, which may lack its `lzap::`; without such a page, the code that was probably
/// meant, if one is near.
pub(crate) fn find_page(code: &str) -> Result<ErrorPage, Option<String>> {
    let (code, mut pages) = (complete_code(code), all_pages());
    if let Some(place) = pages.iter().position(|page| page.code == code) {
        return Ok(pages.swap_remove(place));
    }
    // Every code begins with the same word, which would make them all alike.
    let short = |code: &'_ str| code.strip_prefix(PREFIX).unwrap_or_default().to_owned();
    let known: Vec<String> = pages.iter().map(|page| short(&page.code)).collect();
    let near = nearest(&short(&code), known.iter().map(String::as_str));
    Err(near.map(|near| format!("{PREFIX}{near}")))
}

/// The beginning of every error code.
const PREFIX: &str = "lzap::";

/// Returns the code with its prefix.
fn complete_code(code: &str) -> String {
    if code.starts_with(PREFIX) { code.to_owned() } else { format!("{PREFIX}{code}") }
}
