//! `lzap doctor`: what stands between this machine and a deploy, and the command that fixes it. Reads only.
//!
//! The judgements (which version is too old, which limit too low) are pure, in `lzap_core::doctor`; here they
//! get their facts. A problem of the machine doesn't hide one of the account: each check stands alone, and
//! only what it needs can skip it.

mod failure;
mod project;

use std::path::Path;

use lzap_aws::{AwsError, AwsErrorKind, Cloud, Survey};
use lzap_build::survey;
use lzap_core::doctor::{Check, Status, Tools, account, machine};
use lzap_core::settings::{LOCAL, Settings};

use crate::cli::StageArgs;
use crate::context::{Context, absolute_path};
use crate::embedded_cloud;
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::check_view;
use failure::describe_failure;

/// Runs all checks; the exit code is 1 if one finds a problem, and 0 with warnings. Machine and account are
/// checked at the same time.
pub(crate) async fn run(context: &Context, args: &StageArgs) -> Result<Exit, CliError> {
    let found = project::find_project(context, args.stage.as_deref());
    let aws = !found.settings.as_ref().map_or(args.stage.as_deref() == Some(LOCAL), Settings::is_local);
    // Without settings the flags still say which account is meant.
    let (region, profile) = match &found.settings {
        Some(settings) => (settings.region.clone(), settings.profile.clone()),
        None => (context.place.region_flag.clone(), context.place.profile_flag.clone()),
    };
    let cloud = Cloud::Aws { region, profile };
    let dir = found.project.as_ref().map_or_else(|| absolute_path(&context.dir), |it| it.root.clone());
    let look_at_account = async { if aws { Some(Box::pin(lzap_aws::survey(&cloud)).await) } else { None } };
    let (tools, survey, cloud_here) =
        // The tools, the account and the embedded cloud are independent, and each takes a while.
        tokio::join!(survey_tools(context, &dir), look_at_account, embedded_cloud::running_endpoint());
    let mut checks = vec![Check::new("lzap", Status::Note, env!("CARGO_PKG_VERSION"))];
    checks.extend([machine::rust(&tools), machine::rustup(&tools)]);
    checks.extend(found.checks(context, &tools).await);
    checks.push(check_embedded_cloud(context, cloud_here));
    match survey {
        Some(survey) => checks.extend(check_account(context, &survey)),
        None => checks.push(Check::new("aws", Status::Skipped, "the stage `local` needs no AWS account")),
    }
    for check in &checks {
        context.printer.print_data(check_view::format_check(check));
    }
    context.printer.print_json(&check_view::checks_to_json(&checks));
    context.printer.print_status("Checked", check_view::summarize_checks(&checks));
    let wrong = checks.iter().any(|check| check.status == Status::Problem);
    Ok(if wrong { Exit::Failed } else { Exit::Done })
}

/// Returns the Rust tools that would build in `dir`, with errors as text.
async fn survey_tools(context: &Context, dir: &Path) -> Tools {
    let found = survey::find_tools(dir).await;
    Tools {
        rustc: found.rustc.map_err(|error| describe_failure(context, &error.into())),
        cargo: found.cargo.map_err(|error| describe_failure(context, &error.into())),
        rustup: found.rustup,
    }
}

/// Returns a note about the embedded cloud: that it doesn't run is no problem, because a deploy starts it.
fn check_embedded_cloud(context: &Context, running: Result<Option<String>, CliError>) -> Check {
    match running {
        Ok(Some(endpoint)) => {
            Check::new("local", Status::Note, format!("the embedded cloud runs on {endpoint}"))
        }
        Ok(None) => Check::new(
            "local",
            Status::Note,
            "the embedded cloud is not running: a deploy to `local` starts it",
        ),
        Err(error) => Check::failed("local", &describe_failure(context, &error)),
    }
}

/// Returns the checks of the account. A check that needs credentials or a region is skipped without them.
fn check_account(context: &Context, survey: &Survey) -> Vec<Check> {
    let caller = survey.caller.as_ref().map_err(|error| describe_failure(context, &error.clone().into()));
    let caller = caller.as_ref().map(|caller| (caller.place.account.as_str(), caller.arn.as_str()));
    let mut checks = Vec::new();
    // Without the profile its region is unknown too, which would be a second message about one mistake.
    let no_profile = matches!(&survey.caller, Err(error) if error.kind() == AwsErrorKind::NoProfile);
    if !no_profile {
        checks.push(account::region(survey.region.as_deref()));
    }
    checks.extend([account::credentials(caller), account::clock(survey.ahead_secs)]);
    let unread =
        |name, error: &AwsError| account::unread(name, &describe_failure(context, &error.clone().into()));
    match &survey.limits {
        Some(Ok(limits)) => checks.extend([account::concurrency(limits), account::code_storage(limits)]),
        Some(Err(error)) => checks.push(unread("limits", error)),
        None => checks.push(Check::new("limits", Status::Skipped, NEEDS)),
    }
    checks.push(match &survey.bucket {
        Some(Ok(bucket)) => account::bucket(bucket),
        // A problem, in contrast to the other errors: a deploy would fail on it as well.
        Some(Err(error)) if error.kind() == AwsErrorKind::BucketTaken => {
            Check::failed("bucket", &describe_failure(context, &error.clone().into()))
        }
        Some(Err(error)) => unread("bucket", error),
        None => Check::new("bucket", Status::Skipped, NEEDS),
    });
    checks
}

/// The detail of a check that was skipped.
const NEEDS: &str = "needs credentials and a region first";
