//! `lzap rollback`: the alias back to an older version; one write. Works while the live version is broken.

use std::time::Instant;

use lzap_aws::Scope;
use lzap_core::desired::{Desired, Rollback};
use lzap_core::plan::plan;
use serde_json::json;

use crate::cli::RollbackArgs;
use crate::commands::deploy;
use crate::context::{Context, Target};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::{report, text};

pub(crate) async fn run(context: &Context, args: &RollbackArgs) -> Result<Exit, CliError> {
    let started = Instant::now();
    let settings =
        context.load(args.stage.stage.as_deref())?.settings(context, args.stage.stage.as_deref())?;
    let target = Target::connect(context, &settings).await?;
    let observed = lzap_aws::observe(&target.clients, &target.names, Scope::Status).await?;
    let wanted = args.to.clone().map_or(Rollback::Previous, Rollback::To);
    let plan = plan(&Desired::Version(wanted), &observed)?;
    deploy::show(context, &plan);
    let applied = deploy::apply(context, &target, &plan).await?;
    let live = observed.alias.as_ref().map(|alias| alias.version.clone());
    let version = applied.version.or(live);
    let url = observed.api().map(|api| api.endpoint.clone()).unwrap_or_default();
    context.printer.status(
        if plan.is_empty() { "Unchanged" } else { "Rolled back" },
        format_args!(
            "{} (version {}) in {}",
            target.names.function(),
            version.as_deref().unwrap_or("?"),
            text::seconds(started.elapsed())
        ),
    );
    context.printer.data(format_args!("{url}\n"));
    context.printer.json(&report::with(
        report::place(&target.names),
        json!({
            "url": url,
            "function": report::function(&target.names, version.as_deref()),
            "changes": report::changes(&plan),
            "aws_calls": target.clients.calls(),
        }),
    ));
    Ok(Exit::Done)
}
