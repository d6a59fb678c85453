//! An invocation's way: checked, admitted, given an environment, driven, reported, answered.
//!
//! Each runs in a task of its own, so that a caller who hangs up doesn't end it. Asynchronous invocations wait in
//! memory: those that are still queued when the cloud stops are lost.
//! AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

mod later;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lzap_wire::limits::{ASYNC_PAYLOAD_BYTES, INIT_SECS, SYNC_PAYLOAD_BYTES};
use serde::de::IgnoredAny;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use super::error::ApiError;
use super::pool::Lease;
use super::runtime_api::Job;
use super::state::{FunctionRef, Resolved};
use super::worker::{Cause, Environment, Failure, Report, Settled, Spec, end, init_report, report, start};
use super::{Caller, Inner, InvocationKind, Invoked};

/// How long the answer is held back for the worker to ask for more; after that it works on behind the answer.
const SETTLE: Duration = Duration::from_millis(200);
/// How long a function may take to start.
const INIT: Duration = Duration::from_secs(INIT_SECS as u64);
/// The same for one that an emulator starts, whose code runs about ten times slower. The time of an invocation is the
/// user's own setting and stays.
const EMULATED_INIT: Duration = Duration::from_secs(30);

/// An invocation, as the API or another service asks for it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) reference: FunctionRef,
    pub(crate) payload: Bytes,
    pub(crate) kind: InvocationKind,
    pub(crate) caller: Caller,
    pub(crate) client_context: Option<String>,
    /// What the caller sent as its trace header.
    pub(crate) trace_id: Option<String>,
}

/// What a driven invocation came to.
struct Outcome {
    result: Result<Bytes, Failure>,
    log_tail: String,
}

impl Inner {
    /// Checks and runs one invocation.
    pub(crate) async fn call(self: &Arc<Self>, call: Call) -> Result<Invoked, ApiError> {
        let request_id = Uuid::new_v4();
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
                Ok(finished(invoked, self.run(&call, resolved, request_id).await?))
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
        let environment = self.environment(&resolved).await?;
        let (sender, receiver) = oneshot::channel();
        let job = self.job(call, &resolved, request_id);
        let inner = Arc::clone(self);
        self.host.tasks.spawn(async move {
            let drive = Drive { environment, job, timeout: timeout(&resolved), sender };
            inner.drive(drive, lease).await;
        });
        receiver.await.map_err(|_| ApiError::service("the invocation was lost"))
    }

    /// A warm environment, or a new one without a worker yet.
    async fn environment(&self, resolved: &Resolved) -> Result<Environment, ApiError> {
        while let Some(environment) = self.pool.take(&resolved.key) {
            if environment.is_up() {
                return Ok(environment);
            }
        }
        let store = self.code.clone();
        let sha256 = resolved.version.code.sha256.clone();
        let task_root = tokio::task::spawn_blocking(move || store.task_root(&sha256))
            .await
            .map_err(|error| ApiError::service(format!("unpacking stopped: {error}")))??;
        Environment::open(Spec::new(resolved, task_root), &self.host)
            .map_err(|error| ApiError::service(format!("the environment could not be made: {error}")))
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

    /// Starts the worker if need be, lets it serve, answers, and puts the environment back.
    async fn drive(self: Arc<Self>, drive: Drive, lease: Lease<Environment>) {
        let Drive { mut environment, mut job, timeout, sender } = drive;
        environment.logs.begin();
        let request_id = job.request_id.clone();
        let init =
            if environment.is_up() { None } else { Some(initialize(&mut environment, &request_id).await) };
        environment.logs.line(&start(&request_id, &environment.key().version));
        let began = Instant::now();
        let deadline = began + timeout;
        job.deadline_ms = self.now_ms() + i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        let result = match &init {
            Some(Err(Cause::Entrypoint(why))) => Err(Cause::Entrypoint(why.clone())),
            // A failed init is tried once more, within the invocation's own time.
            Some(Err(_)) => match environment.start(deadline).await {
                Ok(()) => environment.serve(job, deadline).await,
                Err(cause) => Err(cause),
            },
            _ => environment.serve(job, deadline).await,
        };
        let duration = began.elapsed().min(timeout);
        let settled = environment.settle(deadline.min(Instant::now() + SETTLE)).await;
        let result = result.map_err(|cause| cause.failure(&request_id, self.now_ms(), timeout));
        let init = init.and_then(Result::ok);
        let outcome = conclude(&mut environment, &request_id, result, &Numbers { duration, init });
        self.hand_back(environment, settled, deadline, || {
            drop(lease);
            // The caller may have hung up.
            let _unread = sender.send(outcome);
        })
        .await;
    }

    /// Gives the environment back before `answer` when it is ready, so that the caller's next call finds it warm.
    async fn hand_back(
        &self,
        mut environment: Environment,
        settled: Settled,
        deadline: Instant,
        answer: impl FnOnce(),
    ) {
        match settled {
            Settled::Ready => {
                self.shelve(environment);
                answer();
            }
            Settled::Dead => {
                drop(environment);
                answer();
            }
            Settled::Busy => {
                answer();
                if environment.settle(deadline).await == Settled::Ready {
                    environment.take_stock();
                    self.shelve(environment);
                }
            }
        }
    }

    /// Freezes an environment until its next invocation; one that is out of date ends.
    fn shelve(&self, environment: Environment) {
        let key = environment.key().clone();
        if self.state().is_current(&key, self.now_ms()) {
            environment.freeze();
            self.pool.put(&key, environment);
        }
    }
}

/// What a driven invocation needs.
struct Drive {
    environment: Environment,
    job: Job,
    timeout: Duration,
    sender: oneshot::Sender<Outcome>,
}

/// What was measured.
struct Numbers {
    duration: Duration,
    init: Option<Duration>,
}

/// The init phase: ten seconds of its own, more where an emulator makes it long. The failure is logged; the invocation
/// decides what follows.
async fn initialize(environment: &mut Environment, request_id: &str) -> Result<Duration, Cause> {
    let began = Instant::now();
    let limit = if environment.is_foreign() { EMULATED_INIT } else { INIT };
    match environment.start(began + limit).await {
        Ok(()) => {
            let took = began.elapsed();
            // What was printed by then belongs before the invocation's first line.
            environment.take_stock();
            Ok(took)
        }
        Err(cause) => {
            let failure = cause.clone().failure(request_id, 0, limit);
            environment.logs.line(&init_report(began.elapsed(), "init", &failure));
            Err(cause)
        }
    }
}

/// Writes the closing lines and makes the outcome.
fn conclude(
    environment: &mut Environment,
    request_id: &str,
    result: Result<Bytes, Failure>,
    numbers: &Numbers,
) -> Outcome {
    environment.take_stock();
    let logs = Arc::clone(&environment.logs);
    if let Err(Failure { log: Some(line), .. }) = &result {
        logs.line(line);
    }
    logs.line(&end(request_id));
    let report_of = Report {
        duration: numbers.duration,
        init: numbers.init,
        memory_mb: environment.memory_mb(),
        peak_bytes: environment.peak_bytes(),
    };
    logs.line(&report(request_id, &report_of, result.as_ref().err()));
    Outcome { result, log_tail: logs.tail() }
}

fn finished(invoked: Invoked, outcome: Outcome) -> Invoked {
    let (payload, function_error) = match outcome.result {
        Ok(payload) => (payload, None),
        Err(failure) => (failure.body, Some("Unhandled".to_owned())),
    };
    Invoked { payload, function_error, log_tail: Some(outcome.log_tail), ..invoked }
}

fn timeout(resolved: &Resolved) -> Duration {
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
