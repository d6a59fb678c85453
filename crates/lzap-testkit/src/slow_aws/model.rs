//! A model of AWS's delays without I/O; the caller passes the time.
//!
//! A new role can't be assumed at first, a new function is `Pending`, a changed one `InProgress`. Meanwhile AWS rejects
//! conflicting requests. AWS: <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::request::AwsRequest;
use super::stacks::Stacks;
use super::waits::Waits;

/// The delays that are running, and the CloudFormation stacks.
#[derive(Debug)]
pub(super) struct Model {
    waits: Waits,
    /// The time from which each role can be assumed, by role name.
    roles: BTreeMap<String, Duration>,
    functions: BTreeMap<String, FunctionChange>,
    stacks: Stacks,
}

#[derive(Clone, Copy, Debug)]
struct FunctionChange {
    kind: ChangeKind,
    until: Duration,
}

#[derive(Clone, Copy, Debug)]
enum ChangeKind {
    New,
    Updated,
}

/// An error response that the layer returns without calling the emulator.
#[derive(Debug, PartialEq)]
pub(super) struct WaitError {
    pub(super) service: Service,
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// The service of an error; the response formats differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Service {
    Lambda,
    Sts,
}

impl Model {
    pub(super) fn new(waits: Waits) -> Self {
        let (roles, functions) = (BTreeMap::new(), BTreeMap::new());
        Self { waits, roles, functions, stacks: Stacks::new(waits) }
    }

    /// Returns the stacks of CloudFormation.
    pub(super) fn stacks(&mut self) -> &mut Stacks {
        &mut self.stacks
    }

    /// Returns AWS's error for a request that a running delay forbids at the time `now`.
    pub(super) fn find_refusal(&self, request: &AwsRequest, now: Duration) -> Option<WaitError> {
        match request {
            AwsRequest::AssumeRole { role } => self.check_role(role, now).map(|_| WaitError {
                service: Service::Sts,
                status: 403,
                code: "AccessDenied",
                message: format!("User is not authorized to perform: sts:AssumeRole on resource: {role}"),
            }),
            AwsRequest::CreateFunction { role, .. } => self.check_role(role, now),
            AwsRequest::UpdateFunction { function, role } => {
                let role = role.as_ref().and_then(|role| self.check_role(role, now));
                self.check_change(function, now).or(role)
            }
            AwsRequest::PublishVersion { function } => self.check_change(function, now),
            // During an update Lambda runs the previous code, so only a new function rejects invocations.
            AwsRequest::Invoke { function } => match self.find_change(function, now)? {
                ChangeKind::New => self.check_change(function, now),
                ChangeKind::Updated => None,
            },
            _ => None,
        }
    }

    fn check_role(&self, role: &str, now: Duration) -> Option<WaitError> {
        let message = "The role defined for the function cannot be assumed by Lambda.".to_owned();
        let code = "InvalidParameterValueException";
        let refusal = WaitError { service: Service::Lambda, status: 400, code, message };
        (now < *self.roles.get(role)?).then_some(refusal)
    }

    fn check_change(&self, function: &str, now: Duration) -> Option<WaitError> {
        let why = match self.find_change(function, now)? {
            ChangeKind::New => "The function is currently in the following state: Pending".to_owned(),
            ChangeKind::Updated => format!("An update is in progress for resource: {function}"),
        };
        let message = format!("The operation cannot be performed at this time. {why}");
        let code = "ResourceConflictException";
        Some(WaitError { service: Service::Lambda, status: 409, code, message })
    }

    /// Returns the change of a function whose delay isn't over.
    fn find_change(&self, function: &str, now: Duration) -> Option<ChangeKind> {
        self.functions.get(function).filter(|changing| now < changing.until).map(|changing| changing.kind)
    }

    /// Applies a request that the emulator accepted at the time `now`, and starts its delay.
    pub(super) fn record_success(&mut self, request: &AwsRequest, now: Duration) {
        match request {
            AwsRequest::CreateRole { role } => {
                self.roles.insert(role.clone(), now + self.waits.role);
            }
            AwsRequest::CreateFunction { function, .. } => {
                let until = now + self.waits.created;
                self.functions.insert(function.clone(), FunctionChange { kind: ChangeKind::New, until });
            }
            AwsRequest::UpdateFunction { function, .. } => {
                let until = now + self.waits.updated;
                self.functions.insert(function.clone(), FunctionChange { kind: ChangeKind::Updated, until });
            }
            AwsRequest::DeleteFunction { function } => {
                self.functions.remove(function);
            }
            _ => self.stacks.record_success(request, now),
        }
    }

    /// Rewrites an answer so that it shows the changes in progress at the time `now`; `None` when there are none.
    pub(super) fn rewrite_answer(&self, request: &AwsRequest, now: Duration, body: &[u8]) -> Option<Vec<u8>> {
        match request {
            AwsRequest::CreateFunction { function, .. }
            | AwsRequest::UpdateFunction { function, .. }
            | AwsRequest::ReadFunction { function } => {
                let mut answer: Value = serde_json::from_slice(body).ok()?;
                write_state(&mut answer, self.find_change(function, now)?);
                Some(answer.to_string().into_bytes())
            }
            AwsRequest::ReadStack { stack } => self.stacks.rewrite_status(stack, now, body),
            AwsRequest::ReadTemplate { stack } => self.stacks.restore_template(stack, body),
            _ => None,
        }
    }
}

/// Writes the state into an answer of Lambda. The configuration is the answer itself, or its member `Configuration`.
fn write_state(answer: &mut Value, kind: ChangeKind) {
    let configuration =
        if answer["Configuration"].is_object() { &mut answer["Configuration"] } else { answer };
    let field = match kind {
        ChangeKind::New => "State",
        ChangeKind::Updated => "LastUpdateStatus",
    };
    configuration[field] = match kind {
        ChangeKind::New => json!("Pending"),
        ChangeKind::Updated => json!("InProgress"),
    };
    configuration[format!("{field}Reason")] = json!("The function is being created.");
    configuration[format!("{field}ReasonCode")] = json!("Creating");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn create() -> AwsRequest {
        AwsRequest::CreateFunction { function: "shop".to_owned(), role: "baker".to_owned() }
    }

    fn update() -> AwsRequest {
        AwsRequest::UpdateFunction { function: "shop".to_owned(), role: None }
    }

    fn invoke() -> AwsRequest {
        AwsRequest::Invoke { function: "shop".to_owned() }
    }

    fn read() -> AwsRequest {
        AwsRequest::ReadFunction { function: "shop".to_owned() }
    }

    fn code(model: &Model, request: &AwsRequest, millis: u64) -> Option<&'static str> {
        model.find_refusal(request, at(millis)).map(|refusal| refusal.code)
    }

    #[test]
    fn new_role_cannot_be_assumed_for_six_seconds() {
        let mut model = Model::new(Waits::TYPICAL);
        model.record_success(&AwsRequest::CreateRole { role: "baker".to_owned() }, at(1_000));
        assert_eq!(code(&model, &create(), 6_999), Some("InvalidParameterValueException"));
        assert_eq!(code(&model, &create(), 7_000), None);
        let assume = AwsRequest::AssumeRole { role: "baker".to_owned() };
        assert_eq!(code(&model, &assume, 6_999), Some("AccessDenied"));
        assert_eq!(code(&model, &assume, 7_000), None);
        // A role that was there before is ready.
        let older = AwsRequest::CreateFunction { function: "shop".to_owned(), role: "older".to_owned() };
        assert_eq!(code(&model, &older, 1_001), None);
    }

    #[test]
    fn new_function_is_pending_and_rejects_changes_and_invocations() {
        let mut model = Model::new(Waits::TYPICAL);
        model.record_success(&create(), at(0));
        for request in [update(), invoke(), AwsRequest::PublishVersion { function: "shop".to_owned() }] {
            assert_eq!(code(&model, &request, 1_999), Some("ResourceConflictException"), "{request:?}");
            assert_eq!(code(&model, &request, 2_000), None, "{request:?}");
        }
        let shown = model.rewrite_answer(&read(), at(1_999), br#"{"Configuration":{"State":"Active"}}"#);
        let shown: Value = serde_json::from_slice(&shown.expect("rewritten")).expect("JSON");
        assert_eq!(shown["Configuration"]["State"], "Pending");
        assert_eq!(model.rewrite_answer(&read(), at(2_000), br#"{"State":"Active"}"#), None);
    }

    #[test]
    fn changed_function_is_in_progress_and_accepts_invocations() {
        let mut model = Model::new(Waits::TYPICAL);
        model.record_success(&update(), at(0));
        assert_eq!(code(&model, &update(), 1_499), Some("ResourceConflictException"));
        assert_eq!(code(&model, &invoke(), 1_499), None);
        assert_eq!(code(&model, &update(), 1_500), None);
        let shown = model.rewrite_answer(&read(), at(1_499), br#"{"LastUpdateStatus":"Successful"}"#);
        let shown: Value = serde_json::from_slice(&shown.expect("rewritten")).expect("JSON");
        assert_eq!(shown["LastUpdateStatus"], "InProgress");
    }

    #[test]
    fn deleted_function_has_no_delay() {
        let mut model = Model::new(Waits::TYPICAL);
        model.record_success(&update(), at(0));
        model.record_success(&AwsRequest::DeleteFunction { function: "shop".to_owned() }, at(100));
        assert_eq!(code(&model, &update(), 200), None);
    }
}
