//! Errors as the failures of checks.

use lzap_aws::AwsErrorKind;
use lzap_core::doctor::Failure;
use lzap_core::explain::Explained as _;

use crate::context::Context;
use crate::diagnostic;
use crate::error::CliError;

/// Returns an error as text: the error with its causes, and what to do. The command in the help is `lzap
/// doctor` itself.
pub(super) fn describe_failure(context: &Context, error: &CliError) -> Failure {
    let what = match error {
        // The cause has a line for each source of credentials that was tried; the help says it in fewer words.
        CliError::Aws(aws) if aws.kind() == AwsErrorKind::NoCredentials => error.to_string(),
        _ => diagnostic::error_chain(error).join(": "),
    };
    Failure { what, help: Some(error.help(&context.command())) }
}
