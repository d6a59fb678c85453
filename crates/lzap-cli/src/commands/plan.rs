//! `lzap plan`: a deploy up to the plan, on stdout.

use lzap_aws::Scope;
use lzap_core::desired::{self, Desired};
use lzap_core::plan::plan;
use lzap_core::settings::Settings;
use lzap_core::step::Plan;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::cli::PlanArgs;
use crate::commands::{Stages, artifact};
use crate::context::{Context, Loaded, Target};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::plan_view::View;
use crate::ui::progress::Progress;
use crate::ui::report;

pub(crate) async fn run(context: &Context, args: &PlanArgs) -> Result<Exit, CliError> {
    let stages = Stages::load(context, &args.stages)?;
    let (mut documents, mut changes) = (Vec::new(), false);
    for stage in &stages.names {
        let settings = stages.loaded.settings(context, stage.as_deref())?;
        let (target, plan) = planned(context, &stages.loaded, &settings, args.adopt).await?;
        context.printer.status("Plan", View::of(&plan).summary());
        context.printer.data(View::of(&plan).changes(""));
        changes |= !plan.is_empty();
        documents.push(document(&target, &plan));
    }
    let done = stages.report(context, documents);
    Ok(if args.check && changes { Exit::Changes } else { done })
}

async fn planned(
    context: &Context,
    loaded: &Loaded,
    settings: &Settings,
    adopt: bool,
) -> Result<(Target, Plan), CliError> {
    let project = artifact::project(loaded, settings)?;
    artifact::warn_of_idle_settings(context.printer, settings, &project);
    let target = Target::connect(context, settings).await?;
    let progress = Progress::new(context.printer);
    let built = artifact::build(context.printer, &progress, &project, settings, &Notify::new()).await?;
    let release = artifact::release(&project).render();
    let uses = artifact::uses(&project);
    let mut stage = desired::stage(settings, target.names.clone(), built.desired(), release, uses);
    stage.adopt = adopt;
    let observed = lzap_aws::observe(&target.clients, &target.names, Scope::Stage(uses)).await?;
    let plan = plan(&Desired::Stage(Box::new(stage)), &observed)?;
    Ok((target, plan))
}

fn document(target: &Target, plan: &Plan) -> Value {
    report::with(
        report::place(&target.names),
        json!({"changes": report::changes(plan), "aws_calls": target.clients.calls()}),
    )
}
