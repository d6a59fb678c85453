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
//! schedule  tidy  rate(1 hour)
//! drift     none
//! ```

use lzap_aws::Scope;
use lzap_core::desired::{DeployOptions, StageFacts};
use lzap_core::names::{KEEP_WARM, sha256_hex};
use lzap_core::observed::Observed;
use lzap_core::plan::{Plan, plan_deploy};
use lzap_core::release::Release;
use lzap_core::resource::artifact::Artifact;
use lzap_core::resource::front::Front;
use lzap_core::settings::Settings;
use lzap_core::uses::Uses;
use serde_json::{Value, json};

use crate::cli::StatusArgs;
use crate::commands::stages::Stages;
use crate::context::{Context, Target};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::plan_view::PlanView;
use crate::ui::report;

/// Prints the status of each selected stage.
pub(crate) async fn run(context: &Context, args: &StatusArgs) -> Result<Exit, CliError> {
    let stages = Stages::load(context, &args.stages)?;
    let mut documents = Vec::new();
    for stage in &stages.names {
        let settings = stages.loaded.deployed_settings(context, stage.as_deref())?;
        documents.push(Status::read(context, settings).await?.show(context));
        if stages.all {
            context.printer.print_data("\n");
        }
    }
    Ok(stages.report(context, documents))
}

/// A stage as it was read, for both formats of the output.
struct Status {
    target: Target,
    observed: Observed,
    /// `None` while `lzap.toml` has problems: what the stage should look like is then unknown.
    drift: Option<Plan>,
    /// The front of `lzap.toml`, whose URL is shown.
    front: Front,
}

impl Status {
    /// Reads the stage. Takes no lock, so a deploy that runs at the same time shows half of its changes.
    async fn read(context: &Context, settings: Settings) -> Result<Self, CliError> {
        let target = Target::connect(context, &settings).await?;
        let uses = Uses::default();
        let kinds = stage_facts(&settings, &target, uses, String::new()).kinds();
        let scope = Scope::Stage { uses, kinds };
        let observed = lzap_aws::observe(&target.clients, &target.names, &scope).await?;
        let is_valid = settings.problems.is_empty();
        let drift = is_valid.then(|| plan_drift(&settings, &target, &observed)).transpose()?;
        Ok(Self { target, observed, drift, front: settings.front })
    }

    /// Prints the stage's status, and returns it as JSON. A stage without a live version is "not deployed",
    /// whatever else exists of it.
    fn show(&self, context: &Context) -> Value {
        let names = &self.target.names;
        let place = format!("{} in {} ({})", names.function(), names.place.region, names.place.account);
        let Some(live) = self.observed.live() else {
            context.printer.print_data(format_args!("stage     {place}\nstate     not deployed\n"));
            return report::add_fields(report::place_fields(names), json!({"deployed": false}));
        };
        let url = self.observed.url(self.front);
        let release = Release::parse(&live.description).unwrap_or_default();
        let sha256 = sha256_hex(&live.code_sha256).unwrap_or_default();
        let commit = release.commit.as_deref().unwrap_or("(none)");
        let dirty = if release.dirty { " with uncommitted changes" } else { "" };
        let by = release.author.as_deref().map(|author| format!(" by {author}")).unwrap_or_default();
        context.printer.print_data(format_args!(
            "stage     {place}\nurl       {}\nversion   {}\ndeployed  {}\ncommit    {commit}{dirty}{by}\n\
             artifact  sha256 {sha256}\n{}{}drift     {}\n{}",
            url.unwrap_or("(none)"),
            live.number,
            release.time,
            self.workers().map(|workers| format!("workers   {workers}\n")).unwrap_or_default(),
            self.schedules()
                .map(|(name, when, state)| format!("schedule  {name}  {when}{state}\n"))
                .collect::<Vec<_>>()
                .concat(),
            match &self.drift {
                None => "unknown: lzap.toml has problems".to_owned(),
                Some(drift) if drift.is_empty() => "none".to_owned(),
                Some(drift) => PlanView::of(drift).summary(),
            },
            self.drift.as_ref().map(|drift| PlanView::of(drift).changes("          ")).unwrap_or_default(),
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
                "drift": self.drift.as_ref().map(report::changes_to_json),
            }),
        )
    }
}

impl Status {
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

/// Returns the plan of a deploy of the code that is live: each change in it is a difference from `lzap.toml`.
/// The features in use come from the function's tag, since the crate isn't read.
fn plan_drift(settings: &Settings, target: &Target, observed: &Observed) -> Result<Plan, CliError> {
    // Nothing is live, so there is no version that a plan could be compared with.
    let Some(live) = observed.live() else {
        return Ok(Plan::default());
    };
    // Nothing is uploaded, so the path and the size don't matter: the hash alone decides whether the code
    // changes.
    let artifact = Artifact {
        path: std::path::PathBuf::new(),
        sha256: sha256_hex(&live.code_sha256).unwrap_or_default(),
        code_sha256: live.code_sha256.clone(),
        bytes: 0,
    };
    let tags = observed.function.as_ref().map(|function| &function.tags);
    let uses = tags.map(Uses::of_tags).unwrap_or_default();
    Ok(plan_deploy(&stage_facts(settings, target, uses, live.description.clone()), artifact, observed)?)
}

/// Returns the facts for a plan of the version that is live.
fn stage_facts<'a>(
    settings: &'a Settings,
    target: &'a Target,
    uses: Uses,
    release: String,
) -> StageFacts<'a> {
    StageFacts { settings, names: &target.names, uses, release, options: DeployOptions::default() }
}
