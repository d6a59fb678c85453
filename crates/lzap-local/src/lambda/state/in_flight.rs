//! The invocations that one execution environment has: which of them its process works on, and which answer counts.
//!
//! A classic environment has one invocation at a time, one of Lambda Managed Instances up to
//! `PerExecutionEnvironmentMaxConcurrency`. The same machine serves both. It has no clock and no randomness: the caller
//! says when a time is over, and makes the invocation ids.
//!
//! **An id for each delivery.** The retry of an asynchronous invocation has the request id of the first attempt. So a
//! late answer to the first attempt would answer the second one. `Lambda-Runtime-Invocation-Id` tells the two apart:
//! each delivery has its own, and the runtime sends it back with the answer. A runtime that doesn't know the header
//! sends none; then the request id alone decides.
//!
//! **A timeout.** AWS ends a classic environment whose invocation ran out of time. On Managed Instances the code keeps
//! running, and the other invocations too. The invocation that timed out keeps its place here, because a task of the
//! process still works on it, until the late answer or the next request for an event shows that the task is free.
//!
//! **A process with fewer tasks.** AWS rejects an invocation for an environment whose tasks are all busy. How many a process
//! has shows in its requests for events: one with fewer tasks than `max_concurrency` gets no more invocations than tasks,
//! from the moment when its first answer is behind it.
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-execution-environment.html>

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// The range of `PerExecutionEnvironmentMaxConcurrency`.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_LambdaManagedInstancesCapacityProviderConfig.html>
pub const ENVIRONMENT_CONCURRENCY: RangeInclusive<u32> = 1..=1600;

/// Names an invocation within its environment. The request id can't: a retry has the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Names one request of the process for its next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Poll(u64);

/// The reason why an answer has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StaleAnswer {
    /// The invocation timed out, or the answer belongs to an earlier delivery of the request.
    TimedOut,
    /// The process has no such invocation, or has answered it already.
    Unknown,
}

/// The consequence of the end of an invocation's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeOut {
    /// The answer came first.
    Answered,
    /// The invocation failed; the process goes on.
    ProcessStays,
    /// The invocation failed, and the process must be ended.
    EndProcess,
}

/// The progress of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It has a place, but its event isn't ready: the process may still be starting.
    Accepted,
    /// Its event waits until the process asks for one.
    Queued,
    /// The process has the event.
    Delivered,
    /// The process has answered, and may still work until it asks for another event.
    Answered,
    /// The process has asked for another event since.
    Settled,
    /// Its time is over, and the process still works on it.
    TimedOut,
}

#[derive(Clone, Debug)]
struct Held {
    ticket: Ticket,
    request_id: String,
    /// Empty until the delivery.
    invocation_id: String,
    stage: Stage,
    /// Set when the caller is done with it.
    released: bool,
}

/// The invocations of one environment. Its invariant: never more than `max_concurrency`, those included that timed out
/// and still occupy the process.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    max_concurrency: usize,
    held: Vec<Held>,
    /// Requests for an event that are waiting.
    polls: BTreeSet<Poll>,
    /// The most tasks that the process was seen to have, at work or waiting.
    tasks_seen: usize,
    /// Set when the process has come back from an answer, so that all its tasks have had the time to show themselves.
    has_shown_tasks: bool,
    /// The last number that was given to a ticket or a poll.
    last: u64,
    closed: bool,
}

impl InFlight {
    /// An environment without invocations, whose process hasn't started.
    pub(crate) fn new(max_concurrency: u32) -> Self {
        let max_concurrency = usize::try_from(max_concurrency).unwrap_or(usize::MAX).max(1);
        Self {
            max_concurrency,
            held: Vec::new(),
            polls: BTreeSet::new(),
            tasks_seen: 0,
            has_shown_tasks: false,
            last: 0,
            closed: false,
        }
    }

    /// Gives an invocation a place; `None` when there is no free one.
    pub(crate) fn reserve_place(&mut self) -> Option<Ticket> {
        if !self.is_available() {
            return None;
        }
        let ticket = Ticket(self.next());
        self.held.push(Held {
            ticket,
            request_id: String::new(),
            invocation_id: String::new(),
            stage: Stage::Accepted,
            released: false,
        });
        Some(ticket)
    }

    /// Returns whether there is a place for another invocation.
    ///
    /// A process that works only on what timed out and asks for nothing gets no more: it may never ask again.
    pub(crate) fn is_available(&self) -> bool {
        let is_stuck = self.polls.is_empty()
            && self.count(Stage::TimedOut) > 0
            && self.count(Stage::Delivered) + self.count(Stage::Answered) == 0;
        let limit = if self.has_shown_tasks { self.tasks_seen } else { self.max_concurrency };
        !self.closed && !is_stuck && self.held.len() < limit.min(self.max_concurrency)
    }

    /// Lets the process have the event of an accepted invocation.
    pub(crate) fn queue_event(&mut self, ticket: Ticket, request_id: &str) {
        if let Some(held) = self.find(ticket).filter(|held| held.stage == Stage::Accepted) {
            request_id.clone_into(&mut held.request_id);
            held.stage = Stage::Queued;
        }
    }

    /// The process asks for an event, which shows that one of its tasks is free.
    pub(crate) fn begin_poll(&mut self) -> Poll {
        let poll = Poll(self.next());
        self.polls.insert(poll);
        if let Some(answered) = self.held.iter_mut().find(|held| held.stage == Stage::Answered) {
            answered.stage = Stage::Settled;
            self.has_shown_tasks = true;
        } else if self.tasks() > self.max_concurrency {
            // More than the process may have: one of them gave up an invocation that timed out.
            self.free_timed_out(|_| true);
        }
        self.tasks_seen = self.tasks_seen.max(self.tasks());
        poll
    }

    /// The process doesn't wait for that event any more: its connection is gone.
    pub(crate) fn withdraw_poll(&mut self, poll: Poll) {
        self.polls.remove(&poll);
    }

    /// Returns whether the request for an event still counts; one of a process that was replaced doesn't.
    pub(crate) fn is_waiting(&self, poll: Poll) -> bool {
        self.polls.contains(&poll)
    }

    /// Returns whether an event waits until the process asks for it.
    pub(crate) fn has_queued(&self) -> bool {
        self.count(Stage::Queued) > 0
    }

    /// Hands the first event that waits to a poll, under a new invocation id.
    pub(crate) fn deliver_event(&mut self, poll: Poll, invocation_id: &str) -> Option<Ticket> {
        if !self.is_waiting(poll) {
            return None;
        }
        let held = self.held.iter_mut().find(|held| held.stage == Stage::Queued)?;
        held.stage = Stage::Delivered;
        invocation_id.clone_into(&mut held.invocation_id);
        let ticket = held.ticket;
        self.polls.remove(&poll);
        Some(ticket)
    }

    /// The process answers an invocation, with the id of the delivery or, in older runtimes, without.
    ///
    /// # Errors
    /// When the answer must have no effect.
    pub(crate) fn accept_answer(
        &mut self,
        request_id: &str,
        invocation_id: Option<&str>,
    ) -> Result<Ticket, StaleAnswer> {
        let invocation_id = invocation_id.filter(|id| !id.is_empty());
        let matches = |held: &Held| {
            held.request_id == request_id && invocation_id.is_none_or(|id| held.invocation_id == id)
        };
        if let Some(held) = self.held.iter_mut().find(|held| held.stage == Stage::Delivered && matches(held))
        {
            held.stage = Stage::Answered;
            return Ok(held.ticket);
        }
        if self.free_timed_out(matches) {
            return Err(StaleAnswer::TimedOut);
        }
        // An id of an earlier delivery. AWS's emulator answers as it does after a timeout.
        let is_delivered = |held: &Held| held.stage == Stage::Delivered && held.request_id == request_id;
        if self.held.iter().any(is_delivered) {
            Err(StaleAnswer::TimedOut)
        } else {
            Err(StaleAnswer::Unknown)
        }
    }

    /// The time of an invocation that waits for its answer is over.
    pub(crate) fn time_out(&mut self, ticket: Ticket) -> TimeOut {
        match self.stage(ticket) {
            Some(Stage::Answered | Stage::Settled) => TimeOut::Answered,
            _ => self.stop_waiting(ticket),
        }
    }

    /// The time of an invocation is over, whether it is answered or not.
    pub(crate) fn stop_waiting(&mut self, ticket: Ticket) -> TimeOut {
        match self.stage(ticket) {
            Some(Stage::Accepted | Stage::Queued) => self.held.retain(|held| held.ticket != ticket),
            Some(Stage::Delivered | Stage::Answered) => {
                if let Some(held) = self.find(ticket) {
                    held.stage = Stage::TimedOut;
                }
            }
            Some(Stage::Settled | Stage::TimedOut) | None => {}
        }
        // With one invocation at a time AWS ends the environment. With several it doesn't; but a process that has
        // nothing left whose time isn't over, and asks for nothing, would keep its place and serve no more.
        let has_other = |held: &Held| {
            matches!(held.stage, Stage::Accepted | Stage::Queued | Stage::Delivered | Stage::Answered)
        };
        if self.max_concurrency > 1 && (!self.polls.is_empty() || self.held.iter().any(has_other)) {
            return TimeOut::ProcessStays;
        }
        self.closed = true;
        TimeOut::EndProcess
    }

    /// The caller is done with an invocation. Its place is free, unless the process still works on it.
    pub(crate) fn release_place(&mut self, ticket: Ticket) {
        if self.stage(ticket) != Some(Stage::TimedOut) {
            self.held.retain(|held| held.ticket != ticket);
        } else if let Some(held) = self.find(ticket) {
            held.released = true;
        }
    }

    /// A new process takes the place of one that didn't start: nothing that the old one asked for counts any more.
    pub(crate) fn forget_process(&mut self) {
        self.polls.clear();
        self.tasks_seen = 0;
        self.has_shown_tasks = false;
    }

    /// The process has ended, or will: the environment takes no more invocations.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Returns whether the environment takes no more invocations, ever.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Returns whether the caller has nothing more to wait for: the process asked for more since the answer, or the
    /// time is over.
    pub(crate) fn is_settled(&self, ticket: Ticket) -> bool {
        matches!(self.stage(ticket), None | Some(Stage::Settled | Stage::TimedOut))
    }

    /// The number of invocations whose caller isn't done with them.
    pub(crate) fn len(&self) -> usize {
        self.held.iter().filter(|held| !held.released).count()
    }

    /// Returns whether the process has nothing at all to work on, so that it may be frozen.
    pub(crate) fn is_idle(&self) -> bool {
        self.held.is_empty()
    }

    /// Frees the place of the first invocation that timed out and for which `matches` holds.
    fn free_timed_out(&mut self, matches: impl Fn(&Held) -> bool) -> bool {
        let found = self.held.iter().position(|held| held.stage == Stage::TimedOut && matches(held));
        let Some(index) = found else { return false };
        if self.held[index].released {
            self.held.remove(index);
        } else {
            self.held[index].stage = Stage::Settled;
        }
        true
    }

    /// The tasks of the process that are known to work or wait now.
    fn tasks(&self) -> usize {
        let working = [Stage::Delivered, Stage::Answered, Stage::TimedOut].map(|stage| self.count(stage));
        self.polls.len() + working.iter().sum::<usize>()
    }

    fn stage(&self, ticket: Ticket) -> Option<Stage> {
        self.held.iter().find(|held| held.ticket == ticket).map(|held| held.stage)
    }

    fn find(&mut self, ticket: Ticket) -> Option<&mut Held> {
        self.held.iter_mut().find(|held| held.ticket == ticket)
    }

    fn count(&self, stage: Stage) -> usize {
        self.held.iter().filter(|held| held.stage == stage).count()
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}
