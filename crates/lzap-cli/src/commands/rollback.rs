//! `lzap rollback`: the alias back to an older version; one write, the lock apart. Works while the live version is
//! broken.

use std::collections::BTreeSet;
use std::time::Instant;

use lzap_aws::{Invocation, Scope, Wait};
use lzap_core::desired::{Desired, Rollback};
use lzap_core::observed::Observed;
use lzap_core::plan::plan;
use lzap_core::settings::Settings;
use lzap_core::step::Plan;
use lzap_wire::envelope::{self, Kind, Reply};
use serde_json::{Value, json};

use crate::cli::RollbackArgs;
use crate::commands::deploy;
use crate::commands::session::Session;
use crate::context::{Context, Target};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::progress::Progress;
use crate::ui::{report, text};

pub(crate) async fn run(context: &Context, args: &RollbackArgs) -> Result<Exit, CliError> {
    let started = Instant::now();
    let stage = args.stage.stage.as_deref();
    let settings = context.load(stage)?.settings(context, stage)?;
    let desired = Desired::Version(args.to.clone().map_or(Rollback::Previous, Rollback::To));
    let step = Move { command: "rollback", verb: "Rolled back", desired, wait: args.wait.wait, started };
    let document = move_alias(context, &settings, step).await?;
    context.printer.json(&document);
    Ok(Exit::Done)
}

/// A command that moves the alias and nothing else.
pub(crate) struct Move {
    pub(crate) command: &'static str,
    pub(crate) verb: &'static str,
    pub(crate) desired: Desired,
    pub(crate) wait: bool,
    pub(crate) started: Instant,
}

/// Moves the alias, says so, and answers the report.
pub(crate) async fn move_alias(
    context: &Context,
    settings: &Settings,
    step: Move,
) -> Result<Value, CliError> {
    let target = Target::connect(context, settings).await?;
    let mut session = Session::new(context, &target, step.command, step.wait);
    let moved = moved(context, &mut session, &step.desired).await;
    let version = session.applied.version().map(str::to_owned);
    session.close().await;
    let (observed, plan) = moved?;
    let version = version.or(observed.alias.as_ref().map(|alias| alias.version.clone()));
    let url = observed.api().map(|api| api.endpoint.clone()).unwrap_or_default();
    context.printer.status(
        if plan.is_empty() { "Unchanged" } else { step.verb },
        format_args!(
            "{} (version {}) in {}",
            target.names.function(),
            version.as_deref().unwrap_or("?"),
            text::seconds(step.started.elapsed())
        ),
    );
    context.printer.data(format_args!("{url}\n"));
    let missing = missing_tasks(&target, settings, version.as_deref()).await;
    for task in &missing {
        context.printer.warning(format_args!(
            "a schedule calls task `{task}`, which version {} doesn't have: it fails each time until a version with it is \
             live",
            version.as_deref().unwrap_or("?"),
        ));
    }
    Ok(report::with(
        report::place(&target.names),
        json!({
            "url": url,
            "function": report::function(&target.names, version.as_deref()),
            "changes": report::changes(&plan),
            "missing_tasks": missing,
            "aws_calls": target.clients.calls(),
        }),
    ))
}

/// The tasks that schedules call and the version lacks, by what it says itself: one `lambda:Invoke`, and none without
/// schedules. One that doesn't answer is not held up for that: the alias is where it should be.
async fn missing_tasks(target: &Target, settings: &Settings, version: Option<&str>) -> BTreeSet<String> {
    let mut wanted: BTreeSet<String> = settings.schedules.iter().map(|it| it.task.clone()).collect();
    let (Some(qualifier), false) = (version, wanted.is_empty()) else { return BTreeSet::new() };
    let payload = envelope::event(Kind::Probe).to_string();
    let probe = Invocation { qualifier, payload: &payload, wait: Wait::Answer };
    let answer = lzap_aws::invoke(&target.clients, &target.names, probe).await.ok().flatten();
    let reply = answer.and_then(|it| Reply::parse(&serde_json::from_slice(&it.payload).ok()?));
    let Some(reply) = reply else { return BTreeSet::new() };
    wanted.retain(|task| !reply.tasks.contains(task));
    wanted
}

/// Locks before it looks: nearly always there is something to do, and what was seen can't change any more.
async fn moved(
    context: &Context,
    session: &mut Session<'_>,
    desired: &Desired,
) -> Result<(Observed, Plan), CliError> {
    session.lock_first().await?;
    let observed = session.observe(Scope::Versions).await?;
    let plan = plan(desired, &observed)?;
    deploy::show(context, &plan);
    session.carry_out(&plan, &Progress::new(context.printer)).await?;
    Ok((observed, plan))
}
