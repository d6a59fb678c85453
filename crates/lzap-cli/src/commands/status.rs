//! `lzap status`: what is deployed, and how it differs from `lzap.toml`. Builds nothing.
//!
//! The drift is the plan of a deploy of the code that is live already. Changes of the code itself don't show,
//! because nothing is built.
//!
//! ```text
//! stage     shop-dev in eu-central-1 (123456789012)
//! url       https://abc123.execute-api.eu-central-1.amazonaws.com
//! version   8
//! deployed  2026-11-24T08:00:00Z
//! commit    4f1c2a9 with uncommitted changes by jane
//! artifact  sha256 9b74c989…
//! canary    version 9 gets 10 % of the requests
//! schedule  tidy  rate(1 hour)
//! drift     none
//! ```

use lzap_aws::Scope;
use lzap_core::desired::{DeployOptions, StageFacts};
use lzap_core::explain::{CommandContext, Explained as _};
use lzap_core::names::{KEEP_WARM, sha256_hex};
use lzap_core::observed::Observed;
use lzap_core::plan::{Plan, PlanError, plan_deploy};
use lzap_core::release::Release;
use lzap_core::resource::alias::Canary;
use lzap_core::resource::artifact::Artifact;
use lzap_core::resource::front::Front;
use lzap_core::settings::Settings;
use lzap_core::uses::Uses;
use serde_json::{Value, json};

use crate::cli::StatusArgs;
use crate::commands::stages::Stages;
use crate::context::{Context, Loaded, Target};
use crate::diagnostic::{self, render_error};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::plan_view::PlanView;
use crate::ui::printer::{Printer, print_error};
use crate::ui::{report, text};

/// Prints the status of each selected stage. With `--all` a stage that can't be read doesn't hide the others: its error
/// stands in its place, and the first one's exit code is the command's.
pub(crate) async fn run(context: &Context, args: &StatusArgs) -> Result<Exit, CliError> {
    let stages = Stages::load(context, &args.stages)?;
    let (mut documents, mut failed) = (Vec::new(), None);
    for stage in &stages.names {
        let stage = stage.as_deref();
        match Status::read(context, &stages.loaded, stage).await {
            Ok(status) => documents.push(status.show(context)),
            Err(error) if stages.all => {
                documents.push(show_failure(context.printer, &error, stage));
                failed.get_or_insert(error.exit());
            }
            Err(error) => return Err(error),
        }
        if stages.all {
            context.printer.print_data("\n");
        }
    }
    let done = stages.report(context, documents);
    Ok(failed.unwrap_or(done))
}

/// Prints the error of a stage that can't be read, and returns it as the stage's JSON document.
fn show_failure(printer: Printer, error: &CliError, stage: Option<&str>) -> Value {
    let command = CommandContext::new("status", stage);
    let stage = stage.unwrap_or_default();
    printer.print_data(format_args!("stage     {stage}\nstate     unknown: {error}\n"));
    print_error(&render_error(error, &command));
    report::add_fields(json!({"stage": stage}), diagnostic::to_json(error, &command))
}

/// A stage as it was read, for both formats of the output.
struct Status {
    target: Target,
    observed: Observed,
    drift: Drift,
    /// The front of `lzap.toml`, whose URL is shown.
    front: Front,
}

/// How a stage differs from `lzap.toml`.
enum Drift {
    /// The plan of a deploy of the code that is live or, beside a canary, of the canary's code.
    Known(Plan),
    /// It can't be told, for this reason.
    Unknown(&'static str),
}

impl Status {
    /// Reads the stage. Takes no lock, so a deploy that runs at the same time shows half of its changes.
    async fn read(context: &Context, loaded: &Loaded, stage: Option<&str>) -> Result<Self, CliError> {
        let settings = loaded.deployed_settings(context, stage)?;
        let target = Target::connect(context, &settings).await?;
        let uses = Uses::default();
        let kinds = StageFacts {
            settings: &settings,
            names: &target.names,
            uses,
            release: String::new(),
            options: DeployOptions::default(),
        }
        .kinds();
        let scope = Scope::Stage { uses, kinds };
        let observed = lzap_aws::observe(&target.clients, &target.names, &scope).await?;
        let drift = find_drift(&settings, &target, &observed)?;
        Ok(Self { target, observed, drift, front: settings.front })
    }

    /// Prints the stage's status, and returns it as JSON. A stage without a live version is "not deployed"; what a
    /// deploy that didn't end has created is listed.
    fn show(&self, context: &Context) -> Value {
        let names = &self.target.names;
        let place = format!("{} in {} ({})", names.function(), names.place.region, names.place.account);
        let Some(live) = self.observed.live() else {
            let remains = self.observed.remains();
            let lines =
                remains.iter().map(|found| format!("exists    {found}\n")).collect::<Vec<_>>().concat();
            context.printer.print_data(format_args!("stage     {place}\nstate     not deployed\n{lines}"));
            let fields = json!({"deployed": false, "exists": remains});
            return report::add_fields(report::place_fields(names), fields);
        };
        let url = self.observed.url(self.front);
        let release = Release::parse(&live.description).unwrap_or_default();
        let sha256 = sha256_hex(&live.code_sha256).unwrap_or_default();
        let commit = release.commit.as_deref().unwrap_or("(none)");
        let dirty = if release.dirty { " with uncommitted changes" } else { "" };
        let by = release.author.as_deref().map(|author| format!(" by {author}")).unwrap_or_default();
        context.printer.print_data(format_args!(
            "stage     {place}\nurl       {}\nversion   {}\ndeployed  {}\ncommit    {commit}{dirty}{by}\n\
             artifact  sha256 {sha256}\n{}{}{}drift     {}\n{}",
            url.unwrap_or("(none)"),
            live.number,
            release.time,
            self.canary()
                .map(|canary| format!("canary    {}\n", text::describe_canary(canary)))
                .unwrap_or_default(),
            self.workers().map(|workers| format!("workers   {workers}\n")).unwrap_or_default(),
            self.schedules()
                .map(|(name, when, state)| format!("schedule  {name}  {when}{state}\n"))
                .collect::<Vec<_>>()
                .concat(),
            match &self.drift {
                Drift::Unknown(reason) => format!("unknown: {reason}"),
                Drift::Known(drift) if drift.is_empty() => "none".to_owned(),
                Drift::Known(drift) => PlanView::of(drift).summary(),
            },
            self.drift.plan().map(|drift| PlanView::of(drift).changes("          ")).unwrap_or_default(),
        ));
        report::add_fields(
            report::place_fields(names),
            json!({
                "deployed": true,
                "url": url,
                "function": report::function_fields(names, Some(&live.number)),
                "release": {
                    "commit": release.commit,
                    "dirty": release.dirty,
                    "author": release.author,
                    "time": release.time,
                },
                "artifact": {"sha256": sha256},
                "workers": self.observed.workers.function.as_ref().map(|workers| json!({
                    "name": names.workers().function(),
                    "memory_mb": workers.config.memory_mb,
                    "concurrency": workers.concurrency,
                })),
                "schedules": self.schedules().map(|(name, when, state)| {
                    json!({"name": name, "schedule": when, "enabled": state.is_empty()})
                }).collect::<Value>(),
                "canary": self.canary().map(report::canary_fields),
                "drift": self.drift.plan().map(report::changes_to_json),
            }),
        )
    }
}

impl Drift {
    /// Returns the plan; `None` if it is unknown.
    fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Known(plan) => Some(plan),
            Self::Unknown(_) => None,
        }
    }
}

impl Status {
    /// Returns the version that gets a share of the requests, while a canary runs.
    fn canary(&self) -> Option<&Canary> {
        self.observed.alias.as_ref()?.canary.as_ref()
    }

    /// Returns the worker function that runs the chunks of maps, if it isn't the function itself.
    fn workers(&self) -> Option<String> {
        let workers = self.observed.workers.function.as_ref()?;
        let at_once = workers.concurrency.map(|n| format!(", {n} at once")).unwrap_or_default();
        let (name, memory) = (self.target.names.workers().function(), workers.config.memory_mb);
        Some(format!("{name} ({memory} MB{at_once})"))
    }

    /// Returns name, schedule and state of the rules that run a task; the state is empty for an enabled rule.
    /// The keep-warm rule is not one of them.
    fn schedules(&self) -> impl Iterator<Item = (&str, &str, &'static str)> {
        let own = self.observed.rules.iter().filter(|(name, rule)| rule.ours && *name != KEEP_WARM);
        own.map(|(name, rule)| {
            (name.as_str(), rule.schedule.as_str(), if rule.enabled { "" } else { "  (disabled)" })
        })
    }
}

/// Returns the plan of a deploy of the code that is live, or of the canary's: each change in it is a difference from
/// `lzap.toml`. The features in use come from the function's tag, since the crate isn't read.
fn find_drift(settings: &Settings, target: &Target, observed: &Observed) -> Result<Drift, CliError> {
    if !settings.problems.is_empty() {
        return Ok(Drift::Unknown("lzap.toml has problems"));
    }
    let canary = observed.alias.as_ref().and_then(|alias| alias.canary.as_ref());
    // A canary's deploy has written the newest settings, so the canary is what they are compared with.
    let newest = match canary {
        Some(canary) => observed.version(&canary.version),
        None => observed.live(),
    };
    // Without a live version there is nothing that a plan could be compared with.
    let Some(newest) = newest else {
        return Ok(Drift::Known(Plan::default()));
    };
    // Nothing is uploaded, so the path and the size don't matter: the hash alone decides whether the code
    // changes.
    let artifact = Artifact {
        path: std::path::PathBuf::new(),
        sha256: sha256_hex(&newest.code_sha256).unwrap_or_default(),
        code_sha256: newest.code_sha256.clone(),
        bytes: 0,
    };
    let tags = observed.function.as_ref().map(|function| &function.tags);
    let facts = StageFacts {
        settings,
        names: &target.names,
        uses: tags.map(Uses::of_tags).unwrap_or_default(),
        release: newest.description.clone(),
        options: DeployOptions { canary: canary.map(|canary| canary.percent), ..DeployOptions::default() },
    };
    match plan_deploy(&facts, artifact, observed) {
        Ok(plan) => Ok(Drift::Known(plan)),
        // No deploy is possible until it ends, so there is no plan of one.
        Err(PlanError::CanaryRuns { .. }) => {
            Ok(Drift::Unknown("lzap.toml has changed since the canary began"))
        }
        Err(error) => Err(error.into()),
    }
}
