//! `lzap unlock`: show the lock holder, ask, and remove the lock.

use serde_json::json;

use crate::cli::StageArgs;
use crate::context::{Context, Target};
use crate::error::CliError;
use crate::exit::Exit;
use crate::holder;
use crate::ui::{ask, report};

/// Shows the lock holder, asks, and removes the lock; succeeds if there is none. A lock that changes hands
/// after the question stays.
pub(crate) async fn run(context: &Context, args: &StageArgs) -> Result<Exit, CliError> {
    let stage = args.stage.as_deref();
    let settings = context.load_config(stage)?.deployed_settings(context, stage)?;
    let target = Target::connect(context, &settings).await?;
    // Only to judge whether the holder is a process of this machine; no lock is taken with it.
    let me = holder::describe_this_process("unlock");
    // Doesn't wait for the holder: this command is for one that doesn't end.
    let held = lzap_aws::read_lock(&target.clients, &target.names, &me, holder::is_alive).await?;
    let Some(held) = held else {
        context.printer.print_status(
            "Unlocked",
            format_args!("already: no command holds the lock of {}", settings.stage),
        );
        context
            .printer
            .print_json(&report::add_fields(report::place_fields(&target.names), json!({"holder": null})));
        return Ok(Exit::Done);
    };
    let age = held.age.as_secs();
    context.printer.print_status("Locked", format_args!("by {}; last renewed {age} s ago", held.holder));
    ask::ask_to_confirm(
        "Remove the lock? If that command still runs, two commands will change the stage at once.",
        "unlock removes the lock of another command",
        context.yes,
    )?;
    lzap_aws::break_lock(&target.clients, &target.names, &held).await?;
    context.printer.print_status("Unlocked", &settings.stage);
    let holder = json!({
        "owner": held.holder.owner,
        "host": held.holder.host,
        "pid": held.holder.pid,
        "command": held.holder.command,
        "since": held.holder.since,
        "ci_run": held.holder.ci_run,
    });
    context
        .printer
        .print_json(&report::add_fields(report::place_fields(&target.names), json!({ "holder": holder })));
    Ok(Exit::Done)
}
