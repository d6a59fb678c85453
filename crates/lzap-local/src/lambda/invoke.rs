//! An invocation's way: checked, admitted, given an environment, driven, reported, answered.
//!
//! Each runs in a task of its own, so that a caller who hangs up doesn't end it. Asynchronous invocations wait in
//! memory: those that are still queued when the cloud stops are lost.
//! AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

mod later;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lzap_wire::limits::{ASYNC_PAYLOAD_BYTES, SYNC_PAYLOAD_BYTES};
use serde::de::IgnoredAny;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use super::error::ApiError;
use super::invocation::{Caller, InvocationKind, Invoked};
use super::invocations::Job;
use super::pool::{Lease, Place};
use super::service::LambdaService;
use super::state::{FunctionRef, Resolved, Ticket};
use super::worker::{
    Cause, Environment, Failure, Report, Settled, Spec, TailId, format_end, format_init_report,
    format_report, format_start,
};

/// The time that the answer is held back for the process to ask for more; after that it works on behind the answer.
const SETTLE: Duration = Duration::from_millis(200);
/// An invocation, as the API or another service asks for it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) reference: FunctionRef,
    pub(crate) payload: Bytes,
    pub(crate) kind: InvocationKind,
    pub(crate) caller: Caller,
    /// The invocation's id, when the caller has made it.
    pub(crate) request_id: Option<Uuid>,
    pub(crate) client_context: Option<String>,
    /// The caller's trace header.
    pub(crate) trace_id: Option<String>,
}

/// The outcome of a driven invocation.
struct Outcome {
    result: Result<Bytes, Failure>,
    log_tail: String,
}

impl LambdaService {
    /// Checks and runs one invocation.
    pub(crate) async fn call(self: &Arc<Self>, call: Call) -> Result<Invoked, ApiError> {
        let request_id = call.request_id.unwrap_or_else(Uuid::new_v4);
        let resolved = self.resolve(&call.reference, request_id)?;
        self.authorize(&call)?;
        let payload = check_payload(&call)?;
        let call = Call { payload, ..call };
        let answer = |status| Invoked {
            status,
            payload: Bytes::new(),
            function_error: None,
            executed_version: resolved.version.name.clone(),
            log_tail: None,
            request_id: request_id.to_string(),
        };
        match call.kind {
            InvocationKind::DryRun => Ok(answer(204)),
            InvocationKind::Event => {
                let invoked = answer(202);
                self.host.tasks.spawn(Arc::clone(self).run_later(call, request_id));
                Ok(invoked)
            }
            InvocationKind::RequestResponse => {
                let invoked = answer(200);
                Ok(finish_invoked(invoked, self.run(&call, resolved, request_id).await?))
            }
        }
    }

    fn resolve(&self, reference: &FunctionRef, request_id: Uuid) -> Result<Resolved, ApiError> {
        let [a, b, c, d, ..] = *request_id.as_bytes();
        let roll = f64::from(u32::from_be_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0);
        self.state().resolve(reference, self.now_ms(), roll)
    }

    fn authorize(&self, call: &Call) -> Result<(), ApiError> {
        match &call.caller {
            Caller::Service { principal, source_arn }
                if !self.state().allows(&call.reference, principal, source_arn) =>
            {
                Err(ApiError::access_denied(principal, &call.reference.full()))
            }
            Caller::Anonymous if !self.state().allows_everybody_through_url(&call.reference) => {
                Err(ApiError::access_denied("anonymous", &call.reference.full()))
            }
            _ => Ok(()),
        }
    }

    /// Runs an invocation in a task of its own and waits for it.
    async fn run(
        self: &Arc<Self>,
        call: &Call,
        resolved: Resolved,
        request_id: Uuid,
    ) -> Result<Outcome, ApiError> {
        let lease = self.pool.admit(&resolved)?;
        let place = self.find_place(&resolved).await?;
        let (sender, receiver) = oneshot::channel();
        let job = self.job(call, &resolved, request_id);
        let service = Arc::clone(self);
        self.host.tasks.spawn(async move {
            let drive = Drive { place, job, timeout: read_timeout(&resolved), sender };
            service.drive(drive, lease).await;
        });
        receiver.await.map_err(|_| ApiError::service("the invocation was lost"))
    }

    /// A place in an environment, or in a new one whose process isn't started yet.
    async fn find_place(&self, resolved: &Resolved) -> Result<Place<Environment>, ApiError> {
        if let Some(place) = self.pool.take_place(&resolved.key) {
            return Ok(place);
        }
        let store = self.code.clone();
        let sha256 = resolved.version.code.sha256.clone();
        let task_root = tokio::task::spawn_blocking(move || store.task_root(&sha256))
            .await
            .map_err(|error| ApiError::service(format!("unpacking stopped: {error}")))??;
        let spec = Spec::new(resolved, task_root);
        self.pool.take_or_add(&resolved.key, || Environment::open(spec, &self.host))
    }

    fn job(&self, call: &Call, resolved: &Resolved, request_id: Uuid) -> Job {
        let id = request_id.simple().to_string();
        let seconds = self.now_ms() / 1000;
        let trace = || format!("Root=1-{seconds:08x}-{};Parent={};Sampled=0", &id[..24], &id[16..]);
        Job {
            request_id: request_id.to_string(),
            payload: call.payload.clone(),
            invoked_arn: resolved.invoked_arn.clone(),
            deadline_ms: 0,
            trace_id: call.trace_id.clone().unwrap_or_else(trace),
            client_context: call.client_context.clone(),
        }
    }

    /// Starts the process if need be, lets it serve, answers, and leaves the environment to the next invocation.
    async fn drive(self: Arc<Self>, drive: Drive, lease: Lease<Environment>) {
        let Drive { place, mut job, timeout, sender } = drive;
        let environment = place.environment;
        let request_id = job.request_id.clone();
        let tail = environment.logs.begin();
        let (init, mut startup) = if place.is_new {
            let initialized = initialize_process(&environment, &request_id, timeout).await;
            (initialized.as_ref().ok().copied(), initialized.map(drop))
        } else {
            (None, environment.wait_until_started().await)
        };
        environment.logs.line_of(tail, &format_start(&request_id, &environment.key().version));
        let began = Instant::now();
        let deadline = began + timeout;
        job.deadline_ms = self.now_ms() + i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        if place.is_new && !matches!(startup, Ok(()) | Err(Cause::Entrypoint(_))) {
            // A failed init is tried once more, within the invocation's own time.
            startup = environment.start_process(deadline).await;
        }
        let result = match startup {
            Ok(()) => environment.serve(place.ticket, job, deadline).await,
            Err(cause) => {
                environment.fail_startup(cause.clone());
                Err(cause)
            }
        };
        let duration = began.elapsed().min(timeout);
        let settled = environment.settle(place.ticket, deadline.min(Instant::now() + SETTLE)).await;
        let result = result.map_err(|cause| cause.failure(&request_id, self.now_ms(), timeout));
        let numbers = Numbers { duration, init };
        let outcome = conclude_logs(&environment, tail, &request_id, result, &numbers);
        let ended = EndedInvocation { environment, ticket: place.ticket, settled, deadline };
        self.hand_back(ended, || {
            drop(lease);
            // The caller may have hung up.
            let _unread = sender.send(outcome);
        })
        .await;
    }

    /// Gives the place back before `answer` when the process is ready, so that the caller's next call finds it warm.
    async fn hand_back(&self, ended: EndedInvocation, answer: impl FnOnce()) {
        let EndedInvocation { environment, ticket, settled, deadline } = ended;
        match settled {
            Settled::Ready => {
                self.release_place(&environment, ticket);
                answer();
            }
            Settled::Dead => {
                self.discard(&environment, ticket);
                drop(environment);
                answer();
            }
            Settled::Busy => {
                answer();
                let mut settled = environment.settle(ticket, deadline).await;
                if settled == Settled::Busy {
                    settled = environment.stop_waiting(ticket);
                }
                if settled == Settled::Ready {
                    environment.take_stock();
                    self.release_place(&environment, ticket);
                } else {
                    self.discard(&environment, ticket);
                }
            }
        }
    }

    /// Leaves an environment to its next invocation, frozen when it has none; one that is out of date ends.
    fn release_place(&self, environment: &Arc<Environment>, ticket: Ticket) {
        let key = environment.key();
        if self.state().is_current(key, self.now_ms()) {
            self.pool.mark_used(key, environment);
        } else {
            self.pool.remove(key, environment);
        }
        environment.release_place(ticket);
    }

    /// Gives no more invocations to an environment whose process has ended.
    fn discard(&self, environment: &Arc<Environment>, ticket: Ticket) {
        self.pool.remove(environment.key(), environment);
        environment.release_place(ticket);
    }
}

/// An invocation that is ready to run.
struct Drive {
    place: Place<Environment>,
    job: Job,
    timeout: Duration,
    sender: oneshot::Sender<Outcome>,
}

/// An invocation whose outcome is known.
struct EndedInvocation {
    environment: Arc<Environment>,
    ticket: Ticket,
    settled: Settled,
    deadline: Instant,
}

/// The measured times of an invocation.
struct Numbers {
    duration: Duration,
    init: Option<Duration>,
}

/// The init phase, which has its own limit. The failure is logged; the invocation decides what follows.
async fn initialize_process(
    environment: &Environment,
    request_id: &str,
    timeout: Duration,
) -> Result<Duration, Cause> {
    let began = Instant::now();
    let limit = environment.init_limit(timeout);
    match environment.start_process(began + limit).await {
        Ok(()) => {
            let took = began.elapsed();
            // Output that was printed by then belongs before the invocation's first line.
            environment.take_stock();
            Ok(took)
        }
        Err(cause) => {
            let failure = cause.clone().failure(request_id, 0, limit);
            environment.logs.line(&format_init_report(began.elapsed(), "init", &failure));
            Err(cause)
        }
    }
}

/// Writes the closing lines and makes the outcome.
fn conclude_logs(
    environment: &Environment,
    tail: TailId,
    request_id: &str,
    result: Result<Bytes, Failure>,
    numbers: &Numbers,
) -> Outcome {
    environment.take_stock();
    let logs = &environment.logs;
    if let Err(Failure { log: Some(line), .. }) = &result {
        logs.line_of(tail, line);
    }
    logs.line_of(tail, &format_end(request_id));
    let report_of = Report {
        duration: numbers.duration,
        init: numbers.init,
        memory_mb: environment.memory_mb(),
        peak_bytes: environment.peak_bytes(),
    };
    logs.line_of(tail, &format_report(request_id, &report_of, result.as_ref().err()));
    Outcome { result, log_tail: logs.end(tail) }
}

fn finish_invoked(invoked: Invoked, outcome: Outcome) -> Invoked {
    let (payload, function_error) = match outcome.result {
        Ok(payload) => (payload, None),
        Err(failure) => (failure.body, Some("Unhandled".to_owned())),
    };
    Invoked { payload, function_error, log_tail: Some(outcome.log_tail), ..invoked }
}

fn read_timeout(resolved: &Resolved) -> Duration {
    Duration::from_secs(u64::from(resolved.version.settings.timeout_secs))
}

/// The payload, checked; an empty one is an empty object.
fn check_payload(call: &Call) -> Result<Bytes, ApiError> {
    let (name, limit) = match call.kind {
        InvocationKind::Event => ("Event", ASYNC_PAYLOAD_BYTES),
        _ => ("RequestResponse", SYNC_PAYLOAD_BYTES),
    };
    let bytes = call.payload.len();
    if bytes as u64 > limit {
        return Err(ApiError::too_large(format!(
            "{bytes} byte payload is too large for the {name} invocation type (limit {limit} bytes)"
        )));
    }
    if call.payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<IgnoredAny>(&call.payload) {
        Ok(_) => Ok(call.payload.clone()),
        Err(error) => Err(ApiError::payload_not_json(&format!("Could not parse payload into json: {error}"))),
    }
}
