//! A command at work on a stage: it holds the stage's lock, ends in order after an interrupt, and releases the lock.
//!
//! A session is opened before the build, so that a command that would lose to another one loses at once. The lock is
//! taken only for a plan that isn't empty, right before the first write. A plan can be applied only in a session that
//! holds the lock ([`Locked`]), and only a plan that was consented to.
//!
//! The order of calls: [`Session::new`], [`Session::observe_alone`], [`Session::lock`], [`Session::apply`]
//! once for each part of a plan, [`Session::close`]. A session with the lock is closed after a failure too.

use std::time::Duration;

use lzap_aws::{Applied, ApplyError, Held, Lock, Scope, Site, Taking};
use lzap_core::event::Event;
use lzap_core::lock::Holder;
use lzap_core::observed::Observed;
use lzap_core::plan::Plan;
use lzap_core::resource::artifact::Object;
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use crate::commands::consent::ConsentedPlan;
use crate::context::{Context, Target};
use crate::error::CliError;
use crate::holder;
use crate::interrupt::Hold;
use crate::ui::progress::Progress;

/// The pause between two reads of the lock while a command waits for it.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A command at work on a stage, with or without its lock.
pub(crate) struct Session<'a, S> {
    /// The fields that both states have.
    work: Work<'a>,
    /// [`Unlocked`] or [`Locked`]: only the second has [`Session::apply`].
    state: S,
}

/// The state of a session without the lock.
pub(crate) struct Unlocked {
    /// Set if a command that died has left its lock. Its work is planned as any other; the lock itself goes
    /// when ours, which takes its place, is released.
    inherits: bool,
}

/// The state of a session that holds the lock.
pub(crate) struct Locked {
    /// Renewed in the background until it is released.
    lock: Lock,
    /// Keeps an interrupt from ending the process while the lock is held.
    _hold: Hold,
    /// A session that changes something leaves one mark, with its first plan.
    mark: Mark,
}

/// The mark in the bucket by which other commands see that the stage was changed. One per session is enough.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// To be left with the first plan that is applied. A session that applies none leaves no mark.
    Due,
    /// It was left.
    Left,
    /// It could not be left. The lock then stays in its place: see [`Session::close`].
    Failed,
    /// The command deletes everything, its own marks included.
    Unwanted,
}

/// A session that another lane of the same command may have locked.
pub(crate) enum AnySession<'a> {
    /// The lock was not needed yet: there was nothing to create before the build ended.
    Unlocked(Box<Session<'a, Unlocked>>),
    /// The other lane has taken the lock, to create prerequisites.
    Locked(Box<Session<'a, Locked>>),
}

/// The fields of a session in both states.
struct Work<'a> {
    context: &'a Context,
    target: &'a Target,
    /// This process, as other commands see it in the lock.
    me: Holder,
    /// Set if the command waits while another one holds the lock.
    waits: bool,
    /// Cancelled when another command has taken our lock. From then on nothing may be written.
    lost: CancellationToken,
    /// No new step starts: after an interrupt, or when another lane of the command failed.
    halt: CancellationToken,
    /// The steps of this session's plans that were applied.
    applied: Applied,
}

impl<'a> Session<'a, Unlocked> {
    /// Returns a session for `command` (as in `deploy dev`). Reads nothing, and takes no lock.
    pub(crate) fn new(context: &'a Context, target: &'a Target, command: &str, waits: bool) -> Self {
        let work = Work {
            context,
            target,
            me: holder::describe_this_process(&format!("{command} {}", target.names.stage)),
            waits,
            lost: CancellationToken::new(),
            // A child: a lane that fails stops its own command, and a signal stops both.
            halt: context.interrupts.stop().child_token(),
            applied: Applied::default(),
        };
        Self { work, state: Unlocked { inherits: false } }
    }

    /// Returns the observed state, once no other command works on the stage. While another one holds the lock
    /// it waits (`--wait`), or fails with exit code 6.
    ///
    /// The listing of the bucket shows whether there is a lock at all, so that reading it mostly costs no
    /// call.
    pub(crate) async fn observe_alone(&mut self, scope: &Scope) -> Result<Observed, CliError> {
        let Target { clients, names } = self.work.target;
        let mut told = false;
        loop {
            let observed = self.work.observe(scope).await?;
            if !observed.bucket.as_ref().is_some_and(|bucket| bucket.has(&names.lock_key())) {
                return Ok(observed);
            }
            // `None` means that the holder is known to be dead, or that its lock has expired.
            let Some(held) = lzap_aws::read_lock(clients, names, &self.work.me, holder::is_alive).await?
            else {
                // Not deleted here: only a session that holds the lock may write.
                self.state.inherits = true;
                return Ok(observed);
            };
            self.work.wait_for(&held, &mut told).await?;
        }
    }

    /// Returns whether a command that died has left its lock.
    pub(crate) fn inherits_lock(&self) -> bool {
        self.state.inherits
    }

    /// Takes the lock for `plan`, once there is a bucket for it. Returns whether `observed` still holds:
    /// whether no other command has changed the stage since.
    ///
    /// The bucket is created before the lock is taken, because the lock lies in it. Two commands at once are
    /// safe: the second one finds the bucket.
    pub(crate) async fn lock(
        mut self,
        plan: &ConsentedPlan,
        observed: &Observed,
        progress: &Progress,
    ) -> Result<(Session<'a, Locked>, bool), CliError> {
        // Held before the first write: from here on an interrupt waits for the calls that run.
        let hold = self.work.context.interrupts.hold();
        // A bucket that didn't exist had no objects.
        let seen: Vec<Object> = observed.bucket.clone().map(|bucket| bucket.objects).unwrap_or_default();
        self.work.apply(&plan.plan().new_bucket(), progress).await?;
        let settings = plan.plan().new_bucket_settings();
        let mut applied = std::mem::take(&mut self.work.applied);
        let locking = async {
            let lock = self.work.take_lock().await?;
            let still = lock.still(&seen).await;
            Ok::<_, CliError>((lock, still))
        };
        // The lock doesn't depend on the bucket's settings, so both are written at once.
        let (locked, settled) = tokio::join!(locking, self.work.apply_to(&mut applied, &settings, progress));
        self.work.applied = applied;
        let (lock, still) = locked?;
        let session = Session { work: self.work, state: Locked { lock, _hold: hold, mark: Mark::Due } };
        match settled.and(still.map_err(CliError::from)) {
            Ok(still) => Ok((session, still)),
            Err(error) => {
                session.close().await;
                Err(error)
            }
        }
    }

    /// Takes the lock before anything was read. Fails with "not deployed" if there is no bucket.
    pub(crate) async fn lock_first(self) -> Result<Session<'a, Locked>, CliError> {
        let hold = self.work.context.interrupts.hold();
        let lock = self.work.take_lock().await?;
        Ok(Session { work: self.work, state: Locked { lock, _hold: hold, mark: Mark::Due } })
    }

    /// Applies a plan without the lock: for a stage without a bucket, where a lock has no place, and which no deploy can be
    /// working on without creating one.
    pub(crate) async fn apply_unlocked(
        mut self,
        plan: &ConsentedPlan,
        progress: &Progress,
    ) -> Result<Applied, CliError> {
        self.work.apply(plan.plan(), progress).await?;
        Ok(self.work.applied)
    }
}

impl Session<'_, Locked> {
    /// The observed state.
    pub(crate) async fn observe(&self, scope: &Scope) -> Result<Observed, CliError> {
        self.work.observe(scope).await
    }

    /// Leaves no marks: the command deletes everything, and a mark would be left over.
    pub(crate) fn without_marks(mut self) -> Self {
        self.state.mark = Mark::Unwanted;
        self
    }

    /// Applies `plan`, but for the steps that were applied in this session before. Fails if the mark could
    /// not be written, even if all steps succeeded: without it another command wouldn't see the change.
    pub(crate) async fn apply(&mut self, plan: &ConsentedPlan, progress: &Progress) -> Result<(), CliError> {
        let Self { work, state } = self;
        let marks = state.mark == Mark::Due;
        let mark = async { if marks { state.lock.mark().await } else { Ok(()) } };
        let mut applied = std::mem::take(&mut work.applied);
        // The mark is written beside the first steps, so it costs no time of its own.
        let (done, marked) = tokio::join!(work.apply_to(&mut applied, plan.plan(), progress), mark);
        work.applied = applied;
        if marks {
            state.mark = if marked.is_ok() { Mark::Left } else { Mark::Failed };
        }
        done?;
        Ok(marked?)
    }

    /// Ends the session of a plan that has deleted the lock with everything else: releasing it would be a
    /// call to a bucket that doesn't exist.
    pub(crate) fn forget_lock(self) {
        self.state.lock.leave();
    }

    /// Releases the lock. Where the mark is missing the lock stays, and tells the next command in its place.
    /// A lock that can't be released is a warning, since it expires by itself.
    pub(crate) async fn close(self) {
        if self.state.mark == Mark::Failed {
            return self.state.lock.leave();
        }
        if let Err(error) = self.state.lock.release().await {
            self.work.context.printer.print_warning(format_args!(
                "the lock could not be released ({error}); it ends by itself, at once for this machine and after five \
                 minutes for others"
            ));
        }
    }
}

impl<S> Session<'_, S> {
    /// Returns the part of the plans that was applied so far.
    pub(crate) fn applied(&self) -> &Applied {
        &self.work.applied
    }

    /// Returns the token that ends this session's waits and keeps it from starting new steps, for another lane of the
    /// same command.
    pub(crate) fn halt(&self) -> CancellationToken {
        self.work.halt.clone()
    }
}

impl AnySession<'_> {
    /// Returns the part of the plans that was applied so far.
    pub(crate) fn applied(&self) -> &Applied {
        match self {
            Self::Unlocked(session) => session.applied(),
            Self::Locked(session) => session.applied(),
        }
    }

    /// Releases the lock, where it is held.
    pub(crate) async fn close(self) {
        if let Self::Locked(session) = self {
            session.close().await;
        }
    }
}

impl Work<'_> {
    /// Reads the stage without the lock or with it; both states do it alike.
    async fn observe(&self, scope: &Scope) -> Result<Observed, CliError> {
        Ok(lzap_aws::observe(&self.target.clients, &self.target.names, scope).await?)
    }

    /// Waits before the next read of the lock, or fails without `--wait`. `told` keeps the status line from
    /// being repeated.
    async fn wait_for(&self, held: &Held, told: &mut bool) -> Result<(), CliError> {
        let stage = self.target.names.stage.clone();
        if !self.waits {
            return Err(CliError::Locked { holder: held.holder.to_string(), stage });
        }
        if !std::mem::replace(told, true) {
            self.context.printer.print_status("Waiting", format_args!("for {}", held.holder));
        }
        tokio::select! {
            () = self.halt.cancelled() => Err(CliError::Interrupted { resume: None }),
            () = tokio::time::sleep(LOOK_EVERY) => Ok(()),
        }
    }

    /// Takes the lock as soon as it is free; without `--wait` it fails if another command holds it.
    async fn take_lock(&self) -> Result<Lock, CliError> {
        let Target { clients, names } = self.target;
        let mut told = false;
        loop {
            if self.halt.is_cancelled() {
                return Err(CliError::Interrupted { resume: None });
            }
            match lzap_aws::take_lock(clients, names, &self.me, holder::is_alive, &self.lost).await? {
                Taking::Taken(lock) => return Ok(lock),
                Taking::Held(held) => self.wait_for(&held, &mut told).await?,
                Taking::NoBucket => return Err(CliError::not_deployed(names)),
            }
        }
    }

    /// Applies `plan`, and adds the steps to those of this session, also those before a failure.
    async fn apply(&mut self, plan: &Plan, progress: &Progress) -> Result<(), CliError> {
        let mut applied = std::mem::take(&mut self.applied);
        let result = self.apply_to(&mut applied, plan, progress).await;
        self.applied = applied;
        result
    }

    /// Applies `plan`, shows its events on the progress line, and stops it when the lock is lost.
    ///
    /// `applied` is not a field here, because the bucket's settings are applied while the lock is taken.
    async fn apply_to(
        &self,
        applied: &mut Applied,
        plan: &Plan,
        progress: &Progress,
    ) -> Result<(), CliError> {
        let (events, mut incoming) = unbounded_channel::<Event>();
        let Target { clients, names } = self.target;
        let site = Site { clients, names, events: &events, stop: &self.halt };
        let mut apply = Box::pin(lzap_aws::apply(site, plan, applied));
        let result = loop {
            tokio::select! {
                // The result first: an event that is still in the channel then needn't be shown.
                biased;
                result = &mut apply => break result,
                Some(event) = incoming.recv() => progress.show_event(plan, &event),
                () = self.lost.cancelled(), if !self.halt.is_cancelled() => self.halt.cancel(),
            }
        };
        match result {
            // The stop was this function's own doing, so the error names its cause.
            Err(ApplyError::Stopped { .. }) if self.lost.is_cancelled() => {
                Err(CliError::LockLost { stage: names.stage.clone() })
            }
            result => Ok(result?),
        }
    }
}
