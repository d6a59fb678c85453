//! The filter pattern that CloudWatch Logs gets, from the options of `lzap tail`.

use lzap_core::logs::pattern::{self, pattern};
use lzap_wire::job::is_id;

use crate::cli::TailArgs;
use crate::context::Context;
use crate::error::{CliError, UsageKind};

/// Returns the filter pattern, and warns about one that probably matches something else than the user wants.
pub(super) fn pattern_of(context: &Context, args: &TailArgs) -> Result<String, CliError> {
    if args.requests {
        return Ok(pattern::REQUESTS.to_owned());
    }
    if let Some(id) = &args.job {
        return Ok(pattern::of_job(&job_id(id)?));
    }
    let typed = args.filter.as_deref().unwrap_or_default();
    let pattern = pattern(typed).map_err(|error| not_a_pattern(typed, &error.to_string()))?;
    if let Some(warning) = pattern.warning {
        context.printer.print_warning(warning);
    }
    if context.printer.verbose > 0 && !pattern.text.is_empty() {
        context.printer.print_status("Filtering", format_args!("by the pattern {}", pattern.text));
    }
    Ok(pattern.text)
}

/// Returns `id` if it is the id of a job.
///
/// The id becomes part of a pattern, so it must not contain the syntax of patterns.
pub(in crate::commands) fn job_id(id: &str) -> Result<String, CliError> {
    if is_id(id) {
        return Ok(id.to_owned());
    }
    Err(CliError::usage(
        UsageKind::NotAJobId,
        format!("`{id}` is not the id of a job"),
        "an id is 32 hex digits, as the app got it when it sent the job",
    ))
}

/// Returns the error for a pattern that lzap or CloudWatch Logs refuses.
pub(super) fn not_a_pattern(typed: &str, why: &str) -> CliError {
    CliError::usage(
        UsageKind::NotAPattern,
        format!("`--filter {typed}` is not a filter pattern: {why}"),
        "write words, \"a phrase\", ?any, -none, or { $.field = \"value\" }; see \
         https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html",
    )
}
