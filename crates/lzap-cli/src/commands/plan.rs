//! `lzap plan`: a deploy up to the plan, on stdout.

use lzap_core::desired::{self, Desired};
use lzap_core::plan::plan;
use serde_json::json;

use crate::cli::PlanArgs;
use crate::commands::{artifact, deploy};
use crate::context::{Context, Target};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::{plan_view, report};

pub(crate) async fn run(context: &Context, args: &PlanArgs) -> Result<Exit, CliError> {
    let loaded = context.load(args.stage.stage.as_deref())?;
    let settings = loaded.settings(context, args.stage.stage.as_deref())?;
    let project = artifact::project(&loaded, &settings)?;
    let target = Target::connect(context, &settings).await?;
    let built = artifact::build(context.printer, &project, &settings).await?;
    let release = artifact::release(&project).render();
    let stage = desired::stage(&settings, target.names.clone(), built.desired(), release);
    let observed = deploy::observe(&target, &stage).await?;
    let plan = plan(&Desired::Stage(Box::new(stage)), &observed)?;
    context.printer.status("Plan", plan_view::summary(&plan));
    context.printer.data(plan_view::changes(&plan, ""));
    context.printer.json(&report::with(
        report::place(&target.names),
        json!({"changes": report::changes(&plan), "aws_calls": target.clients.calls()}),
    ));
    Ok(if args.check && !plan.is_empty() { Exit::Changes } else { Exit::Done })
}
