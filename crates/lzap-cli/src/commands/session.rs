//! A command at work on a stage: alone, by the stage's lock; told of interrupts; leaving nothing behind but what it did.
//!
//! A session is opened before the build, so that a command that would lose to another one loses at once. The lock is
//! taken only for a plan that isn't empty, right before the first write, and given back in [`Session::close`], however
//! the command ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lzap_aws::{Applied, ApplyError, Held, Lock, Scope, Site, Taking};
use lzap_core::event::Event;
use lzap_core::lock::Holder;
use lzap_core::observed::{Object, Observed};
use lzap_core::step::Plan;
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use crate::context::{Context, Target};
use crate::error::CliError;
use crate::holder;
use crate::interrupt::Hold;
use crate::ui::progress::Progress;

/// How often a command that waits looks for the lock.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A command at work on a stage.
pub(crate) struct Session<'a> {
    context: &'a Context,
    target: &'a Target,
    me: Holder,
    /// Another's lock is waited for.
    wait: bool,
    lock: Option<(Lock, Hold)>,
    /// Another has taken our lock.
    lost: CancellationToken,
    /// No new step starts; by an interrupt, or by whoever works beside.
    pub(crate) halt: CancellationToken,
    /// What was done so far.
    pub(crate) applied: Applied,
    marks: bool,
    /// The mark could not be left.
    unmarked: bool,
    /// A command that is gone has left its lock.
    stale: AtomicBool,
}

impl<'a> Session<'a> {
    /// A session for `command` (as in `deploy dev`), without a look at the lock.
    pub(crate) fn new(context: &'a Context, target: &'a Target, command: &str, wait: bool) -> Self {
        Self {
            context,
            target,
            me: holder::me(&format!("{command} {}", target.names.stage)),
            wait,
            lock: None,
            lost: CancellationToken::new(),
            halt: context.interrupts.stop().child_token(),
            applied: Applied::default(),
            marks: true,
            unmarked: false,
            stale: AtomicBool::new(false),
        }
    }

    /// Of a command that deletes everything, its own marks included.
    pub(crate) fn without_marks(mut self) -> Self {
        self.marks = false;
        self
    }

    /// What is there, once nobody else works on the stage: ends the command, or waits, while another holds the lock.
    ///
    /// The listing of the bucket tells whether there is a lock at all, so that looking for it mostly costs no call.
    pub(crate) async fn observe_alone(&self, scope: Scope) -> Result<Observed, CliError> {
        let Target { clients, names } = self.target;
        let mut told = false;
        loop {
            let observed = self.observe(scope).await?;
            if !observed.bucket.as_ref().is_some_and(|bucket| bucket.has(&names.lock_key())) {
                return Ok(observed);
            }
            let Some(held) = lzap_aws::read_lock(clients, names, &self.me, holder::lives).await? else {
                self.stale.store(true, Ordering::Relaxed);
                return Ok(observed);
            };
            self.wait_for(&held, &mut told).await?;
        }
    }

    /// Whether there is something to take up: a lock whose command died. What that left is planned as anything else;
    /// the lock itself goes when ours, which is put in its place, is given back.
    pub(crate) fn inherits(&self) -> bool {
        self.stale.load(Ordering::Relaxed)
    }

    async fn wait_for(&self, held: &Held, told: &mut bool) -> Result<(), CliError> {
        let stage = self.target.names.stage.clone();
        if !self.wait {
            return Err(CliError::Locked { holder: held.holder.to_string(), stage });
        }
        if !std::mem::replace(told, true) {
            self.context.printer.status("Waiting", format_args!("for {}", held.holder));
        }
        tokio::select! {
            () = self.halt.cancelled() => Err(CliError::Interrupted { resume: None }),
            () = tokio::time::sleep(LOOK_EVERY) => Ok(()),
        }
    }

    /// What is there.
    pub(crate) async fn observe(&self, scope: Scope) -> Result<Observed, CliError> {
        Ok(lzap_aws::observe(&self.target.clients, &self.target.names, scope).await?)
    }

    /// Whether the lock is ours.
    pub(crate) fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// Takes the lock for `plan`, once there is a bucket for it. Answers whether what was `observed` still holds: whether
    /// no other command has changed the stage since.
    pub(crate) async fn lock(
        &mut self,
        plan: &Plan,
        observed: &Observed,
        progress: &Progress,
    ) -> Result<bool, CliError> {
        // Held before the first write: from here on an interrupt has to wait for the calls that run.
        let hold = self.context.interrupts.hold();
        let seen: Vec<Object> = observed.bucket.clone().map(|bucket| bucket.objects).unwrap_or_default();
        self.carry_out(&plan.new_bucket(), progress).await?;
        let settings = plan.new_bucket_settings();
        let mut applied = std::mem::take(&mut self.applied);
        let locked = async {
            let lock = self.take().await?.ok_or_else(|| CliError::not_deployed(&self.target.names))?;
            let still = lock.still(&seen).await;
            Ok::<_, CliError>((lock, still))
        };
        let (locked, settled) = tokio::join!(locked, self.apply(&settings, &mut applied, progress));
        self.applied = applied;
        let (lock, still) = locked?;
        self.lock = Some((lock, hold));
        settled?;
        Ok(still?)
    }

    /// Takes the lock before anything was read.
    pub(crate) async fn lock_first(&mut self) -> Result<(), CliError> {
        let hold = self.context.interrupts.hold();
        let lock = self.take().await?.ok_or_else(|| CliError::not_deployed(&self.target.names))?;
        self.lock = Some((lock, hold));
        Ok(())
    }

    /// The lock, as soon as it is free; `None` where there is no bucket.
    async fn take(&self) -> Result<Option<Lock>, CliError> {
        let Target { clients, names } = self.target;
        let mut told = false;
        loop {
            if self.halt.is_cancelled() {
                return Err(CliError::Interrupted { resume: None });
            }
            match lzap_aws::take_lock(clients, names, &self.me, holder::lives, &self.lost).await? {
                Taking::Taken(lock) => return Ok(Some(lock)),
                Taking::Held(held) => self.wait_for(&held, &mut told).await?,
                Taking::NoBucket => return Ok(None),
            }
        }
    }

    /// Carries `plan` out, but for what is done already, and says so on the way.
    pub(crate) async fn carry_out(&mut self, plan: &Plan, progress: &Progress) -> Result<(), CliError> {
        let marks = self.marks && self.lock.is_some();
        if plan.steps.is_empty() && !marks {
            return Ok(());
        }
        let mark = async {
            match &self.lock {
                Some((lock, _)) if marks => lock.mark().await,
                _ => Ok(()),
            }
        };
        let mut applied = std::mem::take(&mut self.applied);
        let (done, marked) = tokio::join!(self.apply(plan, &mut applied, progress), mark);
        self.applied = applied;
        // One mark is enough: it says that somebody was here since.
        self.marks = self.marks && !marks;
        self.unmarked = marked.is_err();
        done?;
        Ok(marked?)
    }

    async fn apply(&self, plan: &Plan, applied: &mut Applied, progress: &Progress) -> Result<(), CliError> {
        let (events, mut incoming) = unbounded_channel::<Event>();
        let Target { clients, names } = self.target;
        let site = Site { clients, names, events: &events, stop: &self.halt };
        let mut apply = Box::pin(lzap_aws::apply(site, plan, applied));
        let result = loop {
            tokio::select! {
                biased;
                result = &mut apply => break result,
                Some(event) = incoming.recv() => progress.show(plan, &event),
                () = self.lost.cancelled(), if !self.halt.is_cancelled() => self.halt.cancel(),
            }
        };
        match result {
            Err(ApplyError::Stopped { .. }) if self.lost.is_cancelled() => {
                Err(CliError::LockLost { stage: names.stage.clone() })
            }
            result => Ok(result?),
        }
    }

    /// The lock was deleted with all the rest.
    pub(crate) fn forget_lock(&mut self) {
        if let Some((lock, _hold)) = self.lock.take() {
            lock.leave();
        }
    }

    /// Gives the lock back; but where the mark is missing it stays, and tells the next command in the mark's place.
    pub(crate) async fn close(mut self) {
        let Some((lock, _hold)) = self.lock.take() else { return };
        if self.unmarked {
            return lock.leave();
        }
        if let Err(error) = lock.release().await {
            self.context.printer.warning(format_args!(
                "the lock could not be given back ({error}); it ends by itself, at once for this machine and after five \
                 minutes for others"
            ));
        }
    }
}
