//! `lzap deploy --promote` and `--abort`: the end of a canary; one write, the lock apart.
//!
//! The beginning of a canary is an ordinary deploy with `--canary`: see `deploy`.

use std::time::Instant;

use lzap_core::desired::{CanaryEnding, Desired};
use lzap_core::settings::Settings;
use serde_json::Value;

use crate::cli::{PlanOptions, WaitArgs};
use crate::commands::alias_move::{AliasMove, move_alias};
use crate::context::Context;
use crate::error::CliError;

/// Returns the way in which the options end a canary; `None` for an ordinary deploy. clap refuses both at
/// once.
pub(crate) fn chosen_ending(args: &PlanOptions) -> Option<CanaryEnding> {
    match (args.promote, args.abort) {
        (true, _) => Some(CanaryEnding::Promote),
        (_, true) => Some(CanaryEnding::Abort),
        _ => None,
    }
}

/// Ends the canary of one stage, and returns the JSON document. Takes the lock as a deploy, and builds
/// nothing.
pub(crate) async fn end_canary(
    context: &Context,
    settings: &Settings,
    ending: CanaryEnding,
    wait: WaitArgs,
) -> Result<Value, CliError> {
    let verb = match ending {
        CanaryEnding::Promote => "Promoted",
        CanaryEnding::Abort => "Aborted",
    };
    let started = Instant::now();
    let step =
        AliasMove { command: "deploy", verb, desired: Desired::Canary(ending), wait: wait.wait, started };
    move_alias(context, settings, step).await
}
