//! `lzap plan`: a deploy up to the plan, on stdout.
//!
//! Takes no lock and creates no prerequisites. The plan comes from the same function as that of `deploy`, so
//! both agree.

use lzap_aws::Scope;
use lzap_core::desired::{Desired, StageFacts};
use lzap_core::plan::{Plan, plan, plan_deploy};
use lzap_core::settings::Settings;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::cli::{PlanArgs, PlanOptions};
use crate::commands::stages::Stages;
use crate::commands::{artifact, canary};
use crate::context::{Context, Loaded, Target};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::plan_view::PlanView;
use crate::ui::progress::Progress;
use crate::ui::report;

/// Prints the plan of each selected stage. With `--check` the exit code is 3 if any of them has changes.
pub(crate) async fn run(context: &Context, args: &PlanArgs) -> Result<Exit, CliError> {
    let stages = Stages::load(context, &args.stages)?;
    let (mut documents, mut changes) = (Vec::new(), false);
    for stage in &stages.names {
        let settings = stages.loaded.settings(context, stage.as_deref())?;
        let plan = Box::pin(make_plan(context, &stages.loaded, &settings, &args.plan));
        let (target, plan) = plan.await?;
        context.printer.print_status("Plan", PlanView::of(&plan).summary());
        context.printer.print_data(PlanView::of(&plan).changes(""));
        changes |= !plan.is_empty();
        documents.push(plan_document(&target, &plan));
    }
    let done = stages.report(context, documents);
    Ok(if args.check && changes { Exit::Changes } else { done })
}

/// Returns the plan of one stage. Builds the artifact, because its hash decides whether the code changes; the
/// end of a canary needs no build.
async fn make_plan(
    context: &Context,
    loaded: &Loaded,
    settings: &Settings,
    options: &PlanOptions,
) -> Result<(Target, Plan), CliError> {
    if let Some(ending) = canary::chosen_ending(options) {
        let target = Target::connect(context, settings).await?;
        let observed = lzap_aws::observe(&target.clients, &target.names, &Scope::Versions).await?;
        let plan = plan(&Desired::Canary(ending), &observed)?;
        return Ok((target, plan));
    }
    let project = artifact::find_lzap_project(loaded, settings)?;
    artifact::warn_of_idle_settings(context.printer, settings, &project);
    let (target, source) = artifact::connect_and_read(context, settings, project).await?;
    let facts = StageFacts {
        settings,
        names: &target.names,
        uses: artifact::read_uses(&source.project),
        release: source.release.render(),
        options: options.options(),
    };
    let progress = Progress::new(context.printer);
    let built =
        artifact::build_artifact(context.printer, &progress, &source, settings, &Notify::new()).await?;
    let scope = Scope::Stage { uses: facts.uses, kinds: facts.kinds() };
    let observed = lzap_aws::observe(&target.clients, &target.names, &scope).await?;
    let plan = plan_deploy(&facts, built.desired(), &observed)?;
    Ok((target, plan))
}

/// Returns the plan as JSON.
fn plan_document(target: &Target, plan: &Plan) -> Value {
    report::add_fields(
        report::place_fields(&target.names),
        json!({"changes": report::changes_to_json(plan), "aws_calls": target.clients.calls()}),
    )
}
