//! The invocations of one environment, shared between those who wait for an answer and the Runtime API that brings it.
//!
//! [`InFlight`] decides; this module keeps events and waiters beside it, behind one lock that is never held across an
//! await.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use super::state::{InFlight, Poll, StaleAnswer, Ticket, TimeOut};

/// The event of one invocation, and what the runtime learns beside it.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    pub(crate) invoked_arn: String,
    /// Unix milliseconds at which the invocation fails.
    pub(crate) deadline_ms: i64,
    pub(crate) trace_id: String,
    /// The content of `X-Amz-Client-Context`, decoded.
    pub(crate) client_context: Option<String>,
}

/// An answer of the process to an invocation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The result.
    Response(Bytes),
    /// The result was longer than an answer may be.
    TooLarge,
    /// Its handler failed; the body says how.
    Error(Bytes),
}

/// A job on its way to the process.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) job: Job,
    /// Of this delivery alone.
    pub(crate) invocation_id: String,
}

/// The invocations of one environment.
#[derive(Debug)]
pub(crate) struct Invocations {
    shared: Mutex<OpenInvocations>,
    /// Wakes one poll for each event that is queued.
    queued: Notify,
    /// Wakes those who wait until the process asks for more.
    polled: Notify,
}

#[derive(Debug)]
struct OpenInvocations {
    in_flight: InFlight,
    jobs: BTreeMap<Ticket, Job>,
    waiters: BTreeMap<Ticket, oneshot::Sender<Answer>>,
}

/// A request of the process for its next event; it is withdrawn when dropped.
#[derive(Debug)]
pub(crate) struct Polling {
    invocations: Arc<Invocations>,
    poll: Poll,
}

impl Invocations {
    /// An environment that is to have so many invocations at once.
    pub(crate) fn new(max_concurrency: u32) -> Arc<Self> {
        let in_flight = InFlight::new(max_concurrency);
        let shared = OpenInvocations { in_flight, jobs: BTreeMap::new(), waiters: BTreeMap::new() };
        Arc::new(Self { shared: Mutex::new(shared), queued: Notify::new(), polled: Notify::new() })
    }

    /// Asks or changes the machine itself.
    pub(crate) fn with<T>(&self, ask: impl FnOnce(&mut InFlight) -> T) -> T {
        ask(&mut self.lock().in_flight)
    }

    /// Queues the event of an accepted invocation; the receiver gets the answer, or fails when there won't be one.
    pub(crate) fn queue_event(&self, ticket: Ticket, job: Job) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        let mut shared = self.lock();
        shared.in_flight.queue_event(ticket, &job.request_id);
        shared.jobs.insert(ticket, job);
        shared.waiters.insert(ticket, sender);
        drop(shared);
        self.queued.notify_one();
        receiver
    }

    /// The process asks for its next event.
    pub(crate) fn begin_poll(self: &Arc<Self>) -> Polling {
        let poll = self.with(InFlight::begin_poll);
        self.polled.notify_waiters();
        Polling { invocations: Arc::clone(self), poll }
    }

    /// Brings an answer to the invocation that waits for it.
    ///
    /// # Errors
    /// When the answer is stale; then it has no effect.
    pub(crate) fn bring_answer(
        &self,
        request_id: &str,
        invocation_id: Option<&str>,
        answer: Answer,
    ) -> Result<(), StaleAnswer> {
        let mut shared = self.lock();
        let ticket = shared.in_flight.accept_answer(request_id, invocation_id)?;
        if let Some(waiter) = shared.waiters.remove(&ticket) {
            // The waiter goes only with the whole service.
            let _unheard = waiter.send(answer);
        }
        Ok(())
    }

    /// The time of an invocation that waits for its answer is over.
    pub(crate) fn time_out(&self, ticket: Ticket) -> TimeOut {
        self.with(|in_flight| in_flight.time_out(ticket))
    }

    /// Waits until the process asks for more after an answer.
    pub(crate) async fn wait_until_settled(&self, ticket: Ticket) {
        loop {
            let polled = self.polled.notified();
            if self.with(|in_flight| in_flight.is_settled(ticket)) {
                return;
            }
            polled.await;
        }
    }

    /// The caller is done with an invocation.
    pub(crate) fn release_place(&self, ticket: Ticket) {
        let mut shared = self.lock();
        shared.in_flight.release_place(ticket);
        shared.jobs.remove(&ticket);
        shared.waiters.remove(&ticket);
    }

    fn lock(&self) -> MutexGuard<'_, OpenInvocations> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Polling {
    /// Waits for the next event; `None` when the process was replaced meanwhile.
    pub(crate) async fn next(self) -> Option<Delivery> {
        loop {
            let queued = self.invocations.queued.notified();
            match self.take_event() {
                Ok(delivery) => return Some(delivery),
                Err(is_waiting) if !is_waiting => return None,
                Err(_) => queued.await,
            }
        }
    }

    /// An event that waits; else whether this poll still may get one.
    fn take_event(&self) -> Result<Delivery, bool> {
        let mut shared = self.invocations.lock();
        let invocation_id = Uuid::new_v4().to_string();
        let ticket = shared.in_flight.deliver_event(self.poll, &invocation_id);
        let job = ticket.and_then(|ticket| shared.jobs.remove(&ticket));
        let is_waiting = shared.in_flight.is_waiting(self.poll);
        // One wake-up may stand for several events, or have gone to a poll that doesn't count any more.
        if !is_waiting && shared.in_flight.has_queued() {
            self.invocations.queued.notify_one();
        }
        job.map(|job| Delivery { job, invocation_id }).ok_or(is_waiting)
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        self.invocations.with(|in_flight| in_flight.withdraw_poll(self.poll));
    }
}
