//! `lzap undeploy`: delete all that is the stage's, then look again to prove that nothing is left.

use std::time::Instant;

use lzap_aws::Scope;
use lzap_core::desired::{Desired, Undeploy};
use lzap_core::plan::plan;
use serde_json::json;

use crate::cli::UndeployArgs;
use crate::commands::deploy;
use crate::context::{Context, Target};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::{ask, plan_view, report, text};

pub(crate) async fn run(context: &Context, args: &UndeployArgs) -> Result<Exit, CliError> {
    let started = Instant::now();
    let settings =
        context.load(args.stage.stage.as_deref())?.settings(context, args.stage.stage.as_deref())?;
    let target = Target::connect(context, &settings).await?;
    let observed = lzap_aws::observe(&target.clients, &target.names, Scope::Undeploy).await?;
    let wanted = if args.keep_logs { Undeploy::KeepLogs } else { Undeploy::Everything };
    let plan = plan(&Desired::Nothing(wanted), &observed)?;
    deploy::show(context, &plan);
    if !plan.is_empty() {
        ask::confirm("Delete all of it?", "undeploy deletes the stage", context.yes)?;
        deploy::apply(context, &target, &plan).await?;
        prove_gone(&target, wanted).await?;
        context.printer.status(
            "Undeployed",
            format_args!(
                "{} ({}; nothing is left) in {}",
                target.names.function(),
                plan_view::changed(&plan),
                text::seconds(started.elapsed())
            ),
        );
    }
    context.printer.json(&report::with(
        report::place(&target.names),
        json!({"changes": report::changes(&plan), "aws_calls": target.clients.calls()}),
    ));
    Ok(Exit::Done)
}

/// Reads again by name and tag.
async fn prove_gone(target: &Target, wanted: Undeploy) -> Result<(), CliError> {
    let mut observed = lzap_aws::observe(&target.clients, &target.names, Scope::Undeploy).await?;
    if wanted == Undeploy::KeepLogs {
        observed.log_group = None;
    }
    let left = observed.remains();
    if left.is_empty() { Ok(()) } else { Err(CliError::Left { left, stage: target.names.stage.clone() }) }
}
