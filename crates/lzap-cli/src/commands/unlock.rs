//! `lzap unlock`: show who works on the stage, ask, and take the lock away.

use serde_json::json;

use crate::cli::StageArgs;
use crate::context::{Context, Target};
use crate::error::CliError;
use crate::exit::Exit;
use crate::holder;
use crate::ui::{ask, report};

pub(crate) async fn run(context: &Context, args: &StageArgs) -> Result<Exit, CliError> {
    let stage = args.stage.as_deref();
    let settings = context.load(stage)?.deployed_settings(context, stage)?;
    let target = Target::connect(context, &settings).await?;
    let me = holder::me("unlock");
    let held = lzap_aws::read_lock(&target.clients, &target.names, &me, holder::lives).await?;
    let Some(held) = held else {
        context.printer.status("Unlocked", format_args!("already: nobody works on {}", settings.stage));
        context.printer.json(&report::with(report::place(&target.names), json!({"holder": null})));
        return Ok(Exit::Done);
    };
    let age = held.age.as_secs();
    context.printer.status("Locked", format_args!("by {}; last heard of {age} s ago", held.holder));
    ask::confirm(
        "Take the lock away? If that command still runs, two will work on the stage at once.",
        "unlock takes another command's lock away",
        context.yes,
    )?;
    lzap_aws::break_lock(&target.clients, &target.names, &held).await?;
    context.printer.status("Unlocked", &settings.stage);
    let holder = json!({
        "owner": held.holder.owner,
        "host": held.holder.host,
        "pid": held.holder.pid,
        "command": held.holder.command,
        "since": held.holder.since,
        "ci_run": held.holder.ci_run,
    });
    context.printer.json(&report::with(report::place(&target.names), json!({ "holder": holder })));
    Ok(Exit::Done)
}
