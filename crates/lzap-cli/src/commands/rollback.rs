//! `lzap rollback`: the alias on an older version; one write, the lock apart.

use std::time::Instant;

use lzap_core::desired::{Desired, Rollback};
use lzap_core::ids::VersionNumber;

use crate::cli::RollbackArgs;
use crate::commands::alias_move::{AliasMove, move_alias};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;

/// Moves the alias to the previous version, or to the one that `--to` names. Works while other keys of
/// `lzap.toml` are wrong, because a rollback may be urgent.
pub(crate) async fn run(context: &Context, args: &RollbackArgs) -> Result<Exit, CliError> {
    let started = Instant::now();
    let stage = args.stage.stage.as_deref();
    let settings = context.load_config(stage)?.deployed_settings(context, stage)?;
    let desired = Desired::Version(
        args.to.clone().map_or(Rollback::Previous, |version| Rollback::To(VersionNumber::new(version))),
    );
    let step = AliasMove { command: "rollback", verb: "Rolled back", desired, wait: args.wait.wait, started };
    let document = move_alias(context, &settings, step).await?;
    context.printer.print_json(&document);
    Ok(Exit::Done)
}
