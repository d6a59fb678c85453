//! `lzap deploy --promote` and `--abort`: the end of a canary; one write, the lock apart.

use std::time::Instant;

use lzap_core::desired::{Desired, Ending};
use lzap_core::settings::Settings;
use serde_json::Value;

use crate::cli::{DeployArgs, WaitArgs};
use crate::commands::rollback::{Move, move_alias};
use crate::context::Context;
use crate::error::CliError;

/// How `args` want a canary to end, if they do.
pub(crate) fn ending(args: &DeployArgs) -> Option<Ending> {
    match (args.promote, args.abort) {
        (true, _) => Some(Ending::Promote),
        (_, true) => Some(Ending::Abort),
        _ => None,
    }
}

/// Ends the canary of one stage.
pub(crate) async fn end(
    context: &Context,
    settings: &Settings,
    ending: Ending,
    wait: WaitArgs,
) -> Result<Value, CliError> {
    let verb = match ending {
        Ending::Promote => "Promoted",
        Ending::Abort => "Aborted",
    };
    let started = Instant::now();
    let step = Move { command: "deploy", verb, desired: Desired::Canary(ending), wait: wait.wait, started };
    move_alias(context, settings, step).await
}
