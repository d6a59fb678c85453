//! `lzap undeploy`: delete all that is the stage's, then look again to prove that nothing is left.

use std::time::Instant;

use lzap_aws::Scope;
use lzap_core::desired::{Desired, Undeploy};
use lzap_core::plan::plan;
use lzap_core::settings::Settings;
use lzap_core::step::{Call, Plan};
use serde_json::{Value, json};

use crate::cli::UndeployArgs;
use crate::commands::session::Session;
use crate::commands::{Stages, deploy};
use crate::context::{Context, Target};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::progress::Progress;
use crate::ui::{ask, plan_view, report, text};

pub(crate) async fn run(context: &Context, args: &UndeployArgs) -> Result<Exit, CliError> {
    let stages = Stages::load(context, &args.stages)?;
    let mut documents = Vec::new();
    for stage in &stages.names {
        let settings = stages.loaded.settings(context, stage.as_deref())?;
        documents.push(undeploy(context, args, &settings).await?);
    }
    Ok(stages.report(context, documents))
}

async fn undeploy(context: &Context, args: &UndeployArgs, settings: &Settings) -> Result<Value, CliError> {
    let started = Instant::now();
    let wanted = Undeploy { keep_logs: args.keep_logs, adopt: args.adopt };
    let target = Target::connect(context, settings).await?;
    let mut session = Session::new(context, &target, "undeploy", args.wait.wait).without_marks();
    let deleted = delete(context, &mut session, wanted).await;
    session.close().await;
    let plan = deleted?;
    if !plan.is_empty() {
        prove_gone(&target, wanted).await?;
        say(context, &target, &plan, started);
    }
    Ok(report::with(
        report::place(&target.names),
        json!({"changes": report::changes(&plan), "aws_calls": target.clients.calls()}),
    ))
}

async fn delete(context: &Context, session: &mut Session<'_>, wanted: Undeploy) -> Result<Plan, CliError> {
    let desired = Desired::Nothing(wanted);
    let observed = session.observe_alone(Scope::Undeploy).await?;
    let mut steps = plan(&desired, &observed)?;
    deploy::show(context, &steps);
    if steps.is_empty() {
        return Ok(steps);
    }
    ask::confirm("Delete all of it?", "undeploy deletes the stage", context.yes)?;
    let progress = Progress::new(context.printer);
    // Without a bucket there is nowhere to put a lock, and no deploy that could begin without making one.
    if observed.bucket.is_some() && !session.lock(&steps, &observed, &progress).await? {
        steps = plan(&desired, &session.observe(Scope::Undeploy).await?)?;
        deploy::show(context, &steps);
    }
    session.carry_out(&steps, &progress).await?;
    if steps.steps.iter().any(|step| step.call == Call::DeleteBucketIfEmpty) {
        session.forget_lock();
    }
    Ok(steps)
}

/// Reads again by name and tag.
async fn prove_gone(target: &Target, wanted: Undeploy) -> Result<(), CliError> {
    let mut observed = lzap_aws::observe(&target.clients, &target.names, Scope::Undeploy).await?;
    if wanted.keep_logs {
        observed.log_group = None;
    }
    let left = observed.remains();
    if left.is_empty() { Ok(()) } else { Err(CliError::Left { left, stage: target.names.stage.clone() }) }
}

fn say(context: &Context, target: &Target, plan: &Plan, started: Instant) {
    context.printer.status(
        "Undeployed",
        format_args!(
            "{} ({}; nothing is left) in {}",
            target.names.function(),
            plan_view::changed(plan),
            text::seconds(started.elapsed())
        ),
    );
}
