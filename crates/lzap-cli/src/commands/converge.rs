//! From the observed state to the desired one: the build, beside it the prerequisites, then the plan under the lock.
//!
//! ```text
//! draft ─┬─ build ─────────────────────────┬─ plan with the artifact ─ lock, if not yet ─ apply
//!        └─ lock ─ create prerequisites ───┘
//! ```
//!
//! Two lanes run at the same time: the build, and the creation of the resources that need no artifact. The
//! lock is taken once: for those resources, or if they exist for the plan. Reading starts at
//! [`Deploy::converge`]. Not here: the decisions (`lzap_core::plan`) and the calls (`lzap_aws::apply`).

use std::time::{Duration, Instant};

use lzap_aws::{Applied, Scope};
use lzap_core::desired::StageFacts;
use lzap_core::observed::Observed;
use lzap_core::plan::{Plan, plan_deploy};
use lzap_core::resource::artifact::Artifact;
use tokio::sync::Notify;

use crate::commands::artifact::{self, Built, Source};
use crate::commands::consent::ConsentedPlan;
use crate::commands::session::{AnySession, Locked, Session, Unlocked};
use crate::context::Context;
use crate::error::CliError;
use crate::ui::plan_view;
use crate::ui::progress::Progress;

/// A deploy of one stage: the facts that decide its plan, and the crate that is built.
pub(crate) struct Deploy<'a> {
    pub(crate) context: &'a Context,
    pub(crate) source: &'a Source,
    pub(crate) facts: StageFacts<'a>,
}

/// A stage that is in its desired state, and the plan that brought it there.
pub(crate) struct Converged {
    /// The state before the plan was applied. What the plan has created is in `applied`.
    pub(crate) observed: Observed,
    /// The plan that was applied; empty if nothing had to change.
    pub(crate) plan: Plan,
    /// The results of the steps, such as the URL of a new front.
    pub(crate) applied: Applied,
    pub(crate) built: Built,
    /// The time that the plan took, without the build.
    pub(crate) applied_in: Duration,
}

impl<'a> Deploy<'a> {
    /// Returns the resources that have to be read for the plan: optional kinds only if the stage uses them.
    pub(crate) fn scope(&self) -> Scope {
        Scope::Stage { uses: self.facts.uses, kinds: self.facts.kinds() }
    }

    /// Returns the plan as far as it is known without the artifact, after the user's consent. The question
    /// comes before the build, which may take minutes.
    pub(crate) fn draft_plan(&self, observed: &Observed) -> Result<ConsentedPlan, CliError> {
        ConsentedPlan::ask(self.context, plan_deploy(&self.facts, Artifact::pending(), observed)?)
    }

    /// Builds the artifact, plans with it, and applies the plan. The consent to the draft counts for the
    /// final plan: a further question comes only if that deletes more.
    pub(crate) async fn converge(
        &self,
        session: Session<'a, Unlocked>,
        observed: Observed,
        draft: ConsentedPlan,
    ) -> Result<Converged, CliError> {
        let (built, Prepared { session, observed, draft }) =
            Box::pin(self.build_and_prepare(session, observed, draft)).await?;
        let artifact = built.desired();
        let planned = plan_deploy(&self.facts, artifact.clone(), &observed).map_err(CliError::from);
        // The session may hold the lock by now, so an error is returned only after it is closed.
        let planned = planned.and_then(|plan| draft.replace_plan(self.context, plan));
        let plan = match planned {
            Ok(plan) => plan,
            Err(error) => {
                session.close().await;
                return Err(error);
            }
        };
        plan_view::show_rest(self.context.printer, plan.plan(), &session.applied().begun());
        let applying = Instant::now();
        let (observed, plan, applied) = self.apply(session, observed, plan, artifact).await?;
        Ok(Converged { observed, plan, applied, built, applied_in: applying.elapsed() })
    }

    /// Applies the plan under the lock. Plans again first if another command changed the stage since it was
    /// observed.
    async fn apply(
        &self,
        session: AnySession<'a>,
        observed: Observed,
        plan: ConsentedPlan,
        artifact: Artifact,
    ) -> Result<(Observed, Plan, Applied), CliError> {
        let progress = Progress::new(self.context.printer);
        let (mut session, still_holds) = match session {
            // An unchanged deploy writes nothing, not even the lock; a lock that a dead command left is
            // taken, to be released.
            AnySession::Unlocked(session) if plan.plan().is_empty() && !session.inherits_lock() => {
                return Ok((observed, Plan::default(), session.applied().clone()));
            }
            AnySession::Unlocked(session) => session.lock(&plan, &observed, &progress).await?,
            // The lock was held since the prerequisites, so what was observed then is still true.
            AnySession::Locked(session) => (*session, true),
        };
        let applied = async {
            let (observed, plan) = if still_holds {
                (observed, plan)
            } else {
                self.plan_again(&session, plan, artifact).await?
            };
            session.apply(&plan, &progress).await?;
            Ok((observed, plan.plan().clone()))
        };
        let applied = applied.await;
        let done = session.applied().clone();
        // After a failure too: the lock must not outlive the command.
        session.close().await;
        applied.map(|(observed, plan)| (observed, plan, done))
    }

    /// Plans again, because another command changed the stage between the observation and the lock. The new
    /// plan may delete what the earlier one did without a question.
    async fn plan_again(
        &self,
        session: &Session<'_, Locked>,
        plan: ConsentedPlan,
        artifact: Artifact,
    ) -> Result<(Observed, ConsentedPlan), CliError> {
        let observed = session.observe(&self.scope()).await?;
        let again = plan_deploy(&self.facts, artifact, &observed)?;
        let printer = self.context.printer;
        printer.print_status("Changed", "by another command meanwhile, or by one that died; planned again");
        let plan = plan.replace_plan(self.context, again)?;
        plan_view::show_plan(printer, plan.plan());
        Ok((observed, plan))
    }

    /// Builds; and beside it, once the compiler really has something to do, creates the prerequisites.
    ///
    /// A lane that fails ends the other: a build at once, the creation after the calls that run. The build's
    /// error wins where both failed and it was a real one, because the other lane then only stopped.
    async fn build_and_prepare(
        &self,
        session: Session<'a, Unlocked>,
        observed: Observed,
        draft: ConsentedPlan,
    ) -> Result<(Built, Prepared<'a>), CliError> {
        // `compiling` begins the second lane, `finished` ends its wait, `halt` ends the other lane after a
        // failure.
        let (compiling, finished, halt) = (Notify::new(), Notify::new(), session.halt());
        let progress = Progress::new(self.context.printer);
        let build = async {
            let (printer, settings) = (self.context.printer, self.facts.settings);
            let build = artifact::build_artifact(printer, &progress, self.source, settings, &compiling);
            let built = tokio::select! {
                // In this order, so that a build that ends at the moment of an interrupt counts as
                // interrupted.
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
        let prepare = async {
            tokio::select! {
                // A build without work notifies `finished` alone; the plan then creates everything in one go.
                biased;
                () = finished.notified() => {
                    return Ok(Prepared { session: AnySession::Unlocked(Box::new(session)), observed, draft });
                }
                () = compiling.notified() => {}
            }
            let prepared = self.create_prerequisites(session, observed, draft, &progress).await;
            if prepared.is_err() {
                halt.cancel();
            }
            prepared
        };
        match tokio::join!(build, prepare) {
            (Ok(built), Ok(prepared)) => Ok((built, prepared)),
            (Err(error), Ok(Prepared { session, .. })) => {
                self.report_created(&error, session.applied());
                session.close().await;
                Err(error)
            }
            // The build failed by itself, and the other lane stopped because of it.
            (Err(error @ CliError::Build(_)), Err((_, applied))) => {
                self.report_created(&error, &applied);
                Err(error)
            }
            // The build, if it failed too, was only interrupted by this error.
            (_, Err((error, _))) => Err(error),
        }
    }

    /// Creates the prerequisites under the lock, and keeps the lock for the rest of the plan. Takes no lock
    /// if there are none to create.
    ///
    /// An error comes with the steps that were applied, since the session is closed by then.
    async fn create_prerequisites(
        &self,
        session: Session<'a, Unlocked>,
        observed: Observed,
        draft: ConsentedPlan,
        progress: &Progress,
    ) -> Result<Prepared<'a>, (CliError, Applied)> {
        if draft.prerequisites().plan().is_empty() {
            return Ok(Prepared { session: AnySession::Unlocked(Box::new(session)), observed, draft });
        }
        plan_view::show_prerequisites(self.context.printer, draft.prerequisites().plan());
        let locked = session.lock(&draft, &observed, progress).await;
        let (mut session, still_holds) = locked.map_err(|error| (error, Applied::default()))?;
        let created = async {
            let (observed, draft) = if still_holds {
                (observed, draft)
            } else {
                let observed = session.observe(&self.scope()).await?;
                let again = plan_deploy(&self.facts, Artifact::pending(), &observed)?;
                let draft = draft.replace_plan(self.context, again)?;
                plan_view::show_prerequisites(self.context.printer, draft.prerequisites().plan());
                (observed, draft)
            };
            session.apply(&draft.prerequisites(), progress).await?;
            Ok((observed, draft))
        };
        let created: Result<_, CliError> = created.await;
        match created {
            Ok((observed, draft)) => {
                Ok(Prepared { session: AnySession::Locked(Box::new(session)), observed, draft })
            }
            Err(error) => {
                let applied = session.applied().clone();
                session.close().await;
                Err((error, applied))
            }
        }
    }

    /// Names the prerequisites that were created although the build failed. They stay: the next deploy needs
    /// them.
    fn report_created(&self, error: &CliError, applied: &Applied) {
        if !matches!(error, CliError::Build(_)) || applied.is_empty() {
            return;
        }
        let created: Vec<String> =
            applied.begun().into_iter().map(|it| format!("{} {}", it.kind.name, it.name)).collect();
        let stage = &self.facts.settings.stage;
        self.context.printer.print_status(
            "Created",
            format_args!(
                "already: {}; the next `lzap deploy {stage}` uses it, `lzap undeploy {stage}` deletes it",
                created.join(", ")
            ),
        );
    }
}

/// A stage whose prerequisites exist, or are left to the plan because the build was done first.
struct Prepared<'a> {
    /// Locked if prerequisites had to be created, else still without the lock.
    session: AnySession<'a>,
    /// The state that the draft was planned from.
    observed: Observed,
    /// The plan without the artifact, with what was confirmed so far.
    draft: ConsentedPlan,
}
