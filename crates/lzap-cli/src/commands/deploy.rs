//! `lzap deploy` and `lzap update`: settings → project → cloud → lock read → observed → draft → artifact, and beside it
//! what needs none → plan → lock → apply → touch → report.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lzap_aws::{Applied, Scope, Touch};
use lzap_build::project::Project;
use lzap_core::desired::{self, Artifact, Desired};
use lzap_core::observed::Observed;
use lzap_core::plan::plan;
use lzap_core::settings::Settings;
use lzap_core::step::Plan;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::cli::DeployArgs;
use crate::commands::artifact::{self, Built};
use crate::commands::session::Session;
use crate::commands::{Stages, canary};
use crate::context::{Context, Loaded, Target};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::plan_view::View;
use crate::ui::progress::Progress;
use crate::ui::{ask, report, text};

/// Which of the two commands it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Whatever is there.
    Deploy,
    /// Only a stage that is deployed.
    Update,
}

pub(crate) async fn run(context: &Context, args: &DeployArgs, mode: Mode) -> Result<Exit, CliError> {
    let stages = Stages::load(context, &args.stages)?;
    let mut documents = Vec::new();
    for stage in &stages.names {
        let settings = stages.loaded.settings(context, stage.as_deref())?;
        documents.push(match canary::ending(args) {
            Some(ending) => canary::end(context, &settings, ending, args.wait).await?,
            None => deploy(context, args, mode, (&stages.loaded, &settings)).await?,
        });
    }
    Ok(stages.report(context, documents))
}

async fn deploy(
    context: &Context,
    args: &DeployArgs,
    mode: Mode,
    (loaded, settings): (&Loaded, &Settings),
) -> Result<Value, CliError> {
    let started = Instant::now();
    let project = artifact::project(loaded, settings)?;
    artifact::warn_of_idle_settings(context.printer, settings, &project);
    let target = Target::connect(context, settings).await?;
    let wanted = Wanted { settings, project: &project, target: &target, args };
    let mut session = Session::new(context, &target, mode.name(), args.wait.wait);
    let converged = converge(context, &mut session, &wanted, mode).await;
    session.close().await;
    let outcome = Outcome { wanted, started, converged: converged? };
    outcome.touch(context).await?;
    Ok(outcome.report(context))
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Update => "update",
        }
    }
}

/// What is to be deployed.
struct Wanted<'a> {
    settings: &'a Settings,
    project: &'a Project,
    target: &'a Target,
    args: &'a DeployArgs,
}

impl Wanted<'_> {
    /// What has to be read of the stage.
    fn scope(&self) -> Scope {
        Scope::Stage(artifact::uses(self.project))
    }

    /// The plan to deploy `artifact`.
    fn plan(&self, artifact: Artifact, observed: &Observed) -> Result<Plan, CliError> {
        let release = artifact::release(self.project).render();
        let names = self.target.names.clone();
        let uses = artifact::uses(self.project);
        let mut stage = desired::stage(self.settings, names, artifact, release, uses);
        stage.adopt = self.args.adopt;
        stage.canary = self.args.canary;
        Ok(plan(&Desired::Stage(Box::new(stage)), observed)?)
    }
}

/// How the stage came to be as it should.
struct Converged {
    observed: Observed,
    plan: Plan,
    applied: Applied,
    built: Built,
    applied_in: Duration,
}

async fn converge(
    context: &Context,
    session: &mut Session<'_>,
    wanted: &Wanted<'_>,
    mode: Mode,
) -> Result<Converged, CliError> {
    let mut observed = session.observe_alone(wanted.scope()).await?;
    if mode == Mode::Update && !observed.is_deployed() {
        return Err(CliError::not_deployed(&wanted.target.names));
    }
    let draft = wanted.plan(Artifact::pending(), &observed)?;
    consent(context, &draft)?;
    let built = build(context, session, wanted, &mut observed, draft).await?;
    let mut plan = wanted.plan(built.desired(), &observed)?;
    show_rest(context, &plan, &session.applied);
    let progress = Progress::new(context.printer);
    let applying = Instant::now();
    let writes = !plan.is_empty() || session.inherits();
    if writes && !session.is_locked() && !session.lock(&plan, &observed, &progress).await? {
        observed = session.observe(wanted.scope()).await?;
        plan = wanted.plan(built.desired(), &observed)?;
        overtaken(context, &plan)?;
    }
    session.carry_out(&plan, &progress).await?;
    let applied = std::mem::take(&mut session.applied);
    Ok(Converged { observed, plan, applied, built, applied_in: applying.elapsed() })
}

/// The build; and beside it, once the compiler really has something to do, the making of what needs no artifact.
///
/// Whichever fails ends the other: a build at once, the making after the calls that run.
async fn build(
    context: &Context,
    session: &mut Session<'_>,
    wanted: &Wanted<'_>,
    observed: &mut Observed,
    draft: Plan,
) -> Result<Built, CliError> {
    let (compiling, finished, halt) = (Notify::new(), Notify::new(), session.halt.clone());
    let progress = Progress::new(context.printer);
    let build = async {
        let build = artifact::build(context.printer, &progress, wanted.project, wanted.settings, &compiling);
        let built = tokio::select! {
            biased;
            () = halt.cancelled() => Err(CliError::Interrupted { resume: None }),
            built = build => built,
        };
        finished.notify_one();
        if built.is_err() {
            halt.cancel();
        }
        built
    };
    let early = async {
        tokio::select! {
            biased;
            () = finished.notified() => return Ok(()),
            () = compiling.notified() => {}
        }
        let made = early(context, session, wanted, (observed, draft), &progress).await;
        if made.is_err() {
            halt.cancel();
        }
        made
    };
    let (built, made) = tokio::join!(build, early);
    match (built, made) {
        (Ok(built), Ok(())) => Ok(built),
        (Err(error @ CliError::Build(_)), _) => {
            stays(context, wanted, session);
            Err(error)
        }
        (_, Err(error)) | (Err(error), Ok(())) => Err(error),
    }
}

/// Makes what isn't there yet and needs no artifact.
async fn early(
    context: &Context,
    session: &mut Session<'_>,
    wanted: &Wanted<'_>,
    (observed, mut draft): (&mut Observed, Plan),
    progress: &Progress,
) -> Result<(), CliError> {
    let mut part = draft.early();
    if part.steps.is_empty() {
        return Ok(());
    }
    show_early(context, &part);
    if !session.lock(&draft, observed, progress).await? {
        *observed = session.observe(wanted.scope()).await?;
        draft = wanted.plan(Artifact::pending(), observed)?;
        consent(context, &draft)?;
        part = draft.early();
        show_early(context, &part);
    }
    session.carry_out(&part, progress).await
}

/// Names what was made although the build failed.
fn stays(context: &Context, wanted: &Wanted<'_>, session: &Session<'_>) {
    if session.applied.is_empty() {
        return;
    }
    let nothing = Observed::nothing(wanted.target.names.clone());
    let Ok(plan) = wanted.plan(Artifact::pending(), &nothing) else { return };
    let made = session.applied.begun(&plan).into_iter().map(|change| &plan.changes[change]);
    let made: Vec<String> =
        made.map(|change| format!("{} {}", change.resource.as_str(), change.name)).collect();
    let stage = &wanted.settings.stage;
    context.printer.status(
        "Made",
        format_args!(
            "already: {}; the next `lzap deploy {stage}` takes it up, `lzap undeploy {stage}` deletes it",
            made.join(", ")
        ),
    );
}

/// Asks before a plan that takes something away: before the build where that can be told, and before anything else.
fn consent(context: &Context, plan: &Plan) -> Result<(), CliError> {
    if !plan.is_destructive() || context.yes {
        return Ok(());
    }
    show(context, plan);
    ask::confirm("Delete and replace these?", "the plan deletes or replaces something", context.yes)
}

/// Another command changed the stage between the look and the lock.
fn overtaken(context: &Context, plan: &Plan) -> Result<(), CliError> {
    context.printer.status("Changed", "by another command meanwhile, or by one that died; planned again");
    consent(context, plan)?;
    show(context, plan);
    Ok(())
}

/// Says what is made while the compiler runs.
fn show_early(context: &Context, part: &Plan) {
    let begun: BTreeSet<usize> = part.steps.iter().map(|step| step.change).collect();
    let view = View { plan: part, shown: &|change| begun.contains(&change) };
    context.printer.status("Plan", format_args!("{}, while it compiles", view.summary()));
    context.printer.talk(&view.changes(INDENT));
}

/// Says what is going to happen beside what was made already.
fn show_rest(context: &Context, plan: &Plan, applied: &Applied) {
    let begun = applied.begun(plan);
    if begun.is_empty() {
        return show(context, plan);
    }
    let view = View { plan, shown: &|change| !begun.contains(&change) };
    context.printer.status("Plan", format_args!("{}, with the artifact", view.summary()));
    context.printer.talk(&view.changes(INDENT));
}

/// Where the changes begin under the word "Plan".
const INDENT: &str = "             ";

/// Says what is going to happen.
pub(crate) fn show(context: &Context, plan: &Plan) {
    let view = View::of(plan);
    context.printer.status("Plan", view.summary());
    context.printer.talk(&view.changes(INDENT));
    if plan.has_drift() {
        context.printer.status("Drift", "what was changed by hand is put back");
    }
}

struct Outcome<'a> {
    wanted: Wanted<'a>,
    started: Instant,
    converged: Converged,
}

impl Outcome<'_> {
    fn url(&self) -> &str {
        let observed = self.converged.observed.api().map(|api| api.endpoint.as_str());
        self.converged.applied.endpoint().or(observed).unwrap_or_default()
    }

    fn version(&self) -> Option<&str> {
        let observed = self.converged.observed.alias.as_ref().map(|alias| alias.version.as_str());
        self.converged.applied.version().or(observed)
    }

    /// Requests the live URL once.
    async fn touch(&self, context: &Context) -> Result<(), CliError> {
        let Wanted { settings, target, args, .. } = &self.wanted;
        if args.no_touch || self.converged.plan.is_empty() {
            return Ok(());
        }
        match lzap_aws::touch(&target.clients, self.url(), &settings.touch_path).await {
            Touch::Answered(status) => {
                context.printer.status("Touched", format_args!("{} answered {status}", settings.touch_path));
                Ok(())
            }
            Touch::Unreachable(reason) => {
                context.printer.warning(format_args!("{} could not be reached: {reason}", self.url()));
                Ok(())
            }
            Touch::ServerError(status) => Err(CliError::Touch {
                url: format!("{}{}", self.url(), settings.touch_path),
                status,
                stage: settings.stage.clone(),
                log: lzap_aws::last_log_lines(&target.clients, &target.names, 20).await,
            }),
        }
    }

    fn report(&self, context: &Context) -> Value {
        let names = &self.wanted.target.names;
        let version = self.version().unwrap_or("?");
        let verb = if self.converged.plan.is_empty() { "Unchanged" } else { "Deployed" };
        let took = text::seconds(self.started.elapsed());
        context.printer.status(verb, format_args!("{} (version {version}) in {took}", names.function()));
        context.printer.data(format_args!("{}\n", self.url()));
        report::with(report::place(names), self.details())
    }

    fn details(&self) -> Value {
        let names = &self.wanted.target.names;
        let Converged { plan, built, applied_in, .. } = &self.converged;
        let artifact = &built.artifact;
        json!({
            "url": self.url(),
            "function": report::function(names, self.version()),
            "artifact": {
                "bucket": names.bucket(),
                "key": names.artifact_key(&artifact.sha256),
                "sha256": artifact.sha256,
                "bytes": artifact.bytes,
                "architecture": artifact.architecture.as_str(),
            },
            "changes": report::changes(plan),
            "seconds": {
                "build": report::seconds(built.build),
                "package": report::seconds(built.package),
                "apply": report::seconds(*applied_in),
                "total": report::seconds(self.started.elapsed()),
            },
            "aws_calls": self.wanted.target.clients.calls(),
        })
    }
}
