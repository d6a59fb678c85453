//! The commands that move the alias and nothing else: a rollback, and the end of a canary.
//!
//! Nothing is built, uploaded or published. Which version the alias gets is decided by the planner in
//! `lzap-core`, from the alias's description, where the versions are listed that were live.

use std::collections::BTreeSet;
use std::time::Instant;

use lzap_aws::{Invocation, Scope, Wait};
use lzap_core::desired::Desired;
use lzap_core::ids::VersionNumber;
use lzap_core::observed::Observed;
use lzap_core::plan::{Plan, plan};
use lzap_core::settings::Settings;
use lzap_wire::envelope::{self, Kind, Reply};
use serde_json::{Value, json};

use crate::commands::consent::ConsentedPlan;
use crate::commands::session::{Locked, Session};
use crate::context::{Context, Target};
use crate::error::CliError;
use crate::ui::progress::Progress;
use crate::ui::{plan_view, report, text};

/// A command that moves the alias and nothing else.
pub(crate) struct AliasMove {
    /// The name of the command, for the lock.
    pub(crate) command: &'static str,
    /// The verb of the status line at the end, if the alias moved; else it says "Unchanged".
    pub(crate) verb: &'static str,
    /// The version that the alias shall have; the planner turns it into steps, or refuses it.
    pub(crate) desired: Desired,
    /// Set if the command waits for a lock that another one holds.
    pub(crate) wait: bool,
    /// The start of the command, for the time that it took.
    pub(crate) started: Instant,
}

/// Moves the alias, reports it, and returns the JSON document. Warns about schedules whose task the version
/// lacks, and moves the alias nevertheless.
pub(crate) async fn move_alias(
    context: &Context,
    settings: &Settings,
    step: AliasMove,
) -> Result<Value, CliError> {
    let target = Target::connect(context, settings).await?;
    let mut session = Session::new(context, &target, step.command, step.wait).lock_first().await?;
    let moved = apply_move(context, &mut session, &step.desired).await;
    let version = session.applied().version().cloned();
    // Closed after a failure too: the lock must not outlive the command.
    session.close().await;
    let (observed, plan) = moved?;
    let version = version.or(observed.alias.as_ref().map(|alias| alias.version.clone()));
    let url = observed.url(settings.front).map(str::to_owned);
    context.printer.print_status(
        if plan.is_empty() { "Unchanged" } else { step.verb },
        format_args!(
            "{} (version {}) in {}",
            target.names.function(),
            version.as_ref().map_or("?", VersionNumber::as_str),
            text::format_seconds(step.started.elapsed())
        ),
    );
    if let Some(url) = &url {
        context.printer.print_data(format_args!("{url}\n"));
    }
    // After the move, which must not wait for a version that may not answer.
    let missing = missing_tasks(&target, settings, version.as_ref()).await;
    for task in &missing {
        context.printer.print_warning(format_args!(
            "a schedule calls task `{task}`, which version {} doesn't have: it fails each time until a version with it is \
             live",
            version.as_ref().map_or("?", VersionNumber::as_str),
        ));
    }
    // As a deploy's document, without the artifact and the times, and with `missing_tasks`.
    Ok(report::add_fields(
        report::place_fields(&target.names),
        json!({
            "url": url,
            "function": report::function_fields(&target.names, version.as_ref()),
            "changes": report::changes_to_json(&plan),
            "missing_tasks": missing,
            "aws_calls": target.clients.calls(),
        }),
    ))
}

/// Returns the tasks that schedules call and the version lacks, as the version itself lists them: one
/// `lambda:Invoke`, and none without schedules. A version that doesn't answer lacks none: by then the alias
/// is where it should be.
async fn missing_tasks(
    target: &Target,
    settings: &Settings,
    version: Option<&VersionNumber>,
) -> BTreeSet<String> {
    let mut wanted: BTreeSet<String> = settings.schedules.iter().map(|it| it.task.clone()).collect();
    let (Some(version), false) = (version, wanted.is_empty()) else { return BTreeSet::new() };
    let payload = envelope::event(Kind::Probe).to_string();
    let probe = Invocation { qualifier: version.as_str(), payload: &payload, wait: Wait::Answer };
    let answer = lzap_aws::invoke(&target.clients, &target.names, probe).await.ok().flatten();
    let reply = answer.and_then(|it| Reply::parse(&serde_json::from_slice(&it.payload).ok()?));
    let Some(reply) = reply else { return BTreeSet::new() };
    wanted.retain(|task| !reply.tasks.contains(task));
    wanted
}

/// Observes, plans and applies under the lock. The lock comes first: nearly always there is something to do,
/// and the observed state can't change any more.
async fn apply_move(
    context: &Context,
    session: &mut Session<'_, Locked>,
    desired: &Desired,
) -> Result<(Observed, Plan), CliError> {
    let observed = session.observe(&Scope::Versions).await?;
    let plan = ConsentedPlan::ask(context, plan(desired, &observed)?)?;
    plan_view::show_plan(context.printer, plan.plan());
    session.apply(&plan, &Progress::new(context.printer)).await?;
    Ok((observed, plan.plan().clone()))
}
