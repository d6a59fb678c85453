//! `lzap undeploy`: delete all that is the stage's, then look again to prove that nothing is left.
//!
//! Wrong keys in `lzap.toml` are only warnings here, so that a stage can always be deleted. What belongs to
//! the stage is decided by names and tags in `lzap_core`; resources of others stay.

use std::time::Instant;

use lzap_aws::Scope;
use lzap_core::desired::{Desired, Undeploy};
use lzap_core::plan::{Plan, plan};
use lzap_core::resource::bucket::BucketOperation;
use lzap_core::settings::Settings;
use serde_json::{Value, json};

use crate::cli::UndeployArgs;
use crate::commands::consent::ConsentedPlan;
use crate::commands::session::{Locked, Session, Unlocked};
use crate::commands::stages::Stages;
use crate::context::{Context, Target};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::progress::Progress;
use crate::ui::{plan_view, report, text};

/// Deletes each selected stage, one after the other, each with a question of its own.
pub(crate) async fn run(context: &Context, args: &UndeployArgs) -> Result<Exit, CliError> {
    let stages = Stages::load(context, &args.stages)?;
    let mut documents = Vec::new();
    for stage in &stages.names {
        let settings = stages.loaded.deployed_settings(context, stage.as_deref())?;
        documents.push(undeploy_stage(context, args, &settings).await?);
    }
    Ok(stages.report(context, documents))
}

/// Deletes one stage, proves that nothing is left, and returns the JSON document. A stage with nothing to
/// delete is a success without changes.
async fn undeploy_stage(
    context: &Context,
    args: &UndeployArgs,
    settings: &Settings,
) -> Result<Value, CliError> {
    let started = Instant::now();
    let wanted = Undeploy { keep_logs: args.keep_logs, adopt: args.adopt };
    let target = Target::connect(context, settings).await?;
    let session = Session::new(context, &target, "undeploy", args.wait.wait);
    let plan = delete_resources(context, session, wanted).await?;
    if !plan.is_empty() {
        prove_gone(&target, wanted).await?;
        report_deletion(context, &target, &plan, wanted, started);
    }
    Ok(report::add_fields(
        report::place_fields(&target.names),
        json!({"changes": report::changes_to_json(&plan), "aws_calls": target.clients.calls()}),
    ))
}

/// Deletes all resources of the stage under its lock, and returns the plan that was applied. Without a bucket
/// there is no lock to take.
async fn delete_resources(
    context: &Context,
    mut session: Session<'_, Unlocked>,
    wanted: Undeploy,
) -> Result<Plan, CliError> {
    let desired = Desired::Nothing(wanted);
    let observed = session.observe_alone(&Scope::Undeploy).await?;
    // Asked after the read, since the question shows what would be deleted.
    let (question, what) = ("Delete all of it?", "undeploy deletes the stage");
    let plan = ConsentedPlan::ask_always(context, plan(&desired, &observed)?, question, what)?;
    if plan.plan().is_empty() {
        return Ok(Plan::default());
    }
    let progress = Progress::new(context.printer);
    if observed.bucket.is_none() {
        session.apply_unlocked(&plan, &progress).await?;
        return Ok(plan.plan().clone());
    }
    let (session, still_holds) = session.lock(&plan, &observed, &progress).await?;
    // The mark would be an object in a bucket that the plan wants to be empty.
    let mut session = session.without_marks();
    let plan = if still_holds { Ok(plan) } else { plan_again(context, &session, &desired, plan).await };
    let deleted = match plan {
        Ok(plan) => session.apply(&plan, &progress).await.map(|()| plan.plan().clone()),
        Err(error) => Err(error),
    };
    // The lock lies in the bucket: with the bucket it is deleted, and can't be released.
    let is_lock_deleted =
        |plan: &Plan| plan.steps.iter().any(|step| step.operation == BucketOperation::DeleteIfEmpty.into());
    if deleted.as_ref().is_ok_and(is_lock_deleted) {
        session.forget_lock();
    } else {
        session.close().await;
    }
    deleted
}

/// Plans again, because another command changed the stage between the observation and the lock.
async fn plan_again(
    context: &Context,
    session: &Session<'_, Locked>,
    desired: &Desired,
    earlier: ConsentedPlan,
) -> Result<ConsentedPlan, CliError> {
    let again = plan(desired, &session.observe(&Scope::Undeploy).await?)?;
    let again = earlier.replace_plan(context, again)?;
    plan_view::show_plan(context.printer, again.plan());
    Ok(again)
}

/// Fails if a resource of the stage still exists, by name or by tag: everything is read once more. Another
/// program can have created it again meanwhile.
async fn prove_gone(target: &Target, wanted: Undeploy) -> Result<(), CliError> {
    let mut observed = lzap_aws::observe(&target.clients, &target.names, &Scope::Undeploy).await?;
    if wanted.keep_logs {
        // A kept log group is not a leftover.
        observed.log_group = None;
    }
    let left = observed.remains();
    if left.is_empty() { Ok(()) } else { Err(CliError::Left { left, stage: target.names.stage.clone() }) }
}

/// Prints the number of deletions, and whether the log groups were kept.
fn report_deletion(context: &Context, target: &Target, plan: &Plan, wanted: Undeploy, started: Instant) {
    let rest = if wanted.keep_logs { "only its logs are left" } else { "nothing is left" };
    context.printer.print_status(
        "Undeployed",
        format_args!(
            "{} ({}; {rest}) in {}",
            target.names.function(),
            plan_view::count_changes(plan),
            text::format_seconds(started.elapsed())
        ),
    );
}
