//! `lzap deploy` and `lzap update`: settings → project → cloud → artifact → desired → observed → plan → apply →
//! touch → report.

use std::time::Instant;

use lzap_aws::{Applied, Scope, Touch};
use lzap_core::desired::{self, Desired, Stage};
use lzap_core::observed::Observed;
use lzap_core::plan::{PlanError, plan};
use lzap_core::settings::Settings;
use lzap_core::step::Plan;
use serde_json::json;

use crate::cli::DeployArgs;
use crate::commands::artifact::{self, Built};
use crate::context::{Context, Target};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::progress::Progress;
use crate::ui::{ask, plan_view, report, text};

/// Which of the two commands it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Whatever is there.
    Deploy,
    /// Only a stage that is deployed.
    Update,
}

pub(crate) async fn run(context: &Context, args: &DeployArgs, mode: Mode) -> Result<Exit, CliError> {
    let started = Instant::now();
    let loaded = context.load(args.stage.stage.as_deref())?;
    let settings = loaded.settings(context, args.stage.stage.as_deref())?;
    let project = artifact::project(&loaded, &settings)?;
    let target = Target::connect(context, &settings).await?;
    if mode == Mode::Update {
        require_deployed(&target).await?;
    }
    let built = artifact::build(context.printer, &project, &settings).await?;
    let release = artifact::release(&project).render();
    let stage = desired::stage(&settings, target.names.clone(), built.desired(), release);
    let observed = observe(&target, &stage).await?;
    let plan = plan(&Desired::Stage(Box::new(stage)), &observed)?;
    show(context, &plan);
    if plan.is_destructive() {
        ask::confirm("Delete and replace these?", "the plan deletes or replaces something", context.yes)?;
    }
    let applying = Instant::now();
    let applied = apply(context, &target, &plan).await?;
    let outcome = Outcome { target, observed, plan, applied, built, applied_in: applying.elapsed() };
    if !args.no_touch && !outcome.plan.is_empty() {
        outcome.touch(context, &settings).await?;
    }
    outcome.report(context, started);
    Ok(Exit::Done)
}

/// Before a build that takes a minute.
async fn require_deployed(target: &Target) -> Result<(), CliError> {
    if lzap_aws::live_version(&target.clients, &target.names).await?.is_some() {
        return Ok(());
    }
    let (app, stage) = (target.names.app.clone(), target.names.stage.clone());
    Err(PlanError::NotDeployed { app, stage }.into())
}

/// What is there, as far as a deploy of `stage` needs to know.
pub(crate) async fn observe(target: &Target, stage: &Stage) -> Result<Observed, CliError> {
    let artifact_key = stage.names.artifact_key(&stage.artifact.sha256);
    let scope = Scope::Deploy { code_sha256: &stage.artifact.code_sha256, artifact_key: &artifact_key };
    Ok(lzap_aws::observe(&target.clients, &target.names, scope).await?)
}

/// Says what is going to happen.
pub(crate) fn show(context: &Context, plan: &Plan) {
    context.printer.status("Plan", plan_view::summary(plan));
    context.printer.talk(&plan_view::changes(plan, "             "));
}

/// Carries the plan out, and says so on the way.
pub(crate) async fn apply(context: &Context, target: &Target, plan: &Plan) -> Result<Applied, CliError> {
    let (events, mut incoming) = tokio::sync::mpsc::unbounded_channel();
    let progress = Progress::new(context.printer);
    let apply = lzap_aws::apply(&target.clients, &target.names, plan, &events);
    tokio::pin!(apply);
    loop {
        tokio::select! {
            biased;
            result = &mut apply => return Ok(result?),
            Some(event) = incoming.recv() => progress.show(plan, &event),
        }
    }
}

struct Outcome {
    target: Target,
    observed: Observed,
    plan: Plan,
    applied: Applied,
    built: Built,
    applied_in: std::time::Duration,
}

impl Outcome {
    fn url(&self) -> &str {
        let observed = self.observed.api().map(|api| api.endpoint.as_str());
        self.applied.endpoint.as_deref().or(observed).unwrap_or_default()
    }

    fn version(&self) -> Option<&str> {
        let observed = self.observed.alias.as_ref().map(|alias| alias.version.as_str());
        self.applied.version.as_deref().or(observed)
    }

    /// Requests the live URL once.
    async fn touch(&self, context: &Context, settings: &Settings) -> Result<(), CliError> {
        match lzap_aws::touch(&self.target.clients, self.url(), &settings.touch_path).await {
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
                log: lzap_aws::last_log_lines(&self.target.clients, &self.target.names, 20).await,
            }),
        }
    }

    fn report(&self, context: &Context, started: Instant) {
        let names = &self.target.names;
        let version = self.version().unwrap_or("?");
        let verb = if self.plan.is_empty() { "Unchanged" } else { "Deployed" };
        context.printer.status(
            verb,
            format_args!("{} (version {version}) in {}", names.function(), text::seconds(started.elapsed())),
        );
        context.printer.data(format_args!("{}\n", self.url()));
        let artifact = &self.built.artifact;
        context.printer.json(&report::with(
            report::place(names),
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
                "changes": report::changes(&self.plan),
                "seconds": {
                    "build": report::seconds(self.built.build),
                    "package": report::seconds(self.built.package),
                    "apply": report::seconds(self.applied_in),
                    "total": report::seconds(started.elapsed()),
                },
                "aws_calls": self.target.clients.calls(),
            }),
        ));
    }
}
