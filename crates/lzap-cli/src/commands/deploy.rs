//! `lzap deploy` and `lzap update`: settings → project → cloud → observed → draft → artifact → plan → apply → touch →
//! report. The steps between the draft and the touch are in [`converge`](super::converge).

use std::time::Instant;

use lzap_core::desired::StageFacts;
use lzap_core::settings::Settings;
use serde_json::Value;

use crate::cli::DeployArgs;
use crate::commands::converge::Deploy;
use crate::commands::session::Session;
use crate::commands::stages::Stages;
use crate::commands::{artifact, canary};
use crate::context::{Context, Loaded};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::deploy_report::DeployReport;

/// One of the two commands that deploy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// For any stage.
    Deploy,
    /// Only for a stage that is deployed.
    Update,
}

/// Deploys each selected stage, one after the other, or ends its canary. The first failure ends the command:
/// later stages aren't touched, and no JSON document of earlier ones is printed.
pub(crate) async fn run(context: &Context, args: &DeployArgs, mode: Mode) -> Result<Exit, CliError> {
    let stages = Stages::load(context, &args.stages)?;
    let mut documents = Vec::new();
    for stage in &stages.names {
        let settings = stages.loaded.settings(context, stage.as_deref())?;
        documents.push(match canary::chosen_ending(&args.plan) {
            Some(ending) => canary::end_canary(context, &settings, ending, args.wait).await?,
            None => Box::pin(deploy_stage(context, args, mode, (&stages.loaded, &settings))).await?,
        });
    }
    Ok(stages.report(context, documents))
}

/// Deploys one stage, and returns its JSON document.
///
/// Mistakes in the project are found before AWS is asked for anything, and all of the stage is read before
/// the compiler starts.
async fn deploy_stage(
    context: &Context,
    args: &DeployArgs,
    mode: Mode,
    (loaded, settings): (&Loaded, &Settings),
) -> Result<Value, CliError> {
    let started = Instant::now();
    let project = artifact::find_lzap_project(loaded, settings)?;
    artifact::warn_of_idle_settings(context.printer, settings, &project);
    let (target, source) = artifact::connect_and_read(context, settings, project).await?;
    let facts = StageFacts {
        settings,
        names: &target.names,
        uses: artifact::read_uses(&source.project),
        release: source.release.render(),
        options: args.plan.options(),
    };
    let deploy = Deploy { context, source: &source, facts };
    // Another command that works on the stage is noticed here, and not only after the build.
    let mut session = Session::new(context, &target, mode.name(), args.wait.wait);
    let observed = session.observe_alone(&deploy.scope()).await?;
    if mode == Mode::Update && !observed.is_deployed() {
        return Err(CliError::not_deployed(&target.names));
    }
    // Questions are asked here, before the build takes its time.
    let draft = deploy.draft_plan(&observed)?;
    let converged = Box::pin(deploy.converge(session, observed, draft)).await?;
    let report = DeployReport { settings, target: &target, started, converged };
    // After the switch, so that a failure here is no failed deploy: the new version is live, and the error
    // says so.
    if !args.plan.no_touch {
        report.request_url(context.printer).await?;
    }
    Ok(report.print_result(context.printer))
}

impl Mode {
    /// Returns the name of the command, for the lock and for messages.
    fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Update => "update",
        }
    }
}
