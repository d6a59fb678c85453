//! Delays of CloudFormation: a stack stays in progress at least as long as the delays of its resources.
//!
//! The emulator creates the resources of a stack internally and at once, so the layer can't delay them. It rewrites the
//! answers about the stack instead. The delay is that of the role plus that of the function when both are created, that
//! of an update when the function changes, and none otherwise. AWS takes longer, since CloudFormation polls.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::request::{AwsRequest, Template};
use super::waits::Waits;

/// The stacks of the emulator, and the uploaded files that can be their templates.
#[derive(Debug)]
pub(super) struct Stacks {
    waits: Waits,
    /// The texts of uploaded files by file name.
    files: BTreeMap<String, String>,
    by_name: BTreeMap<String, Stack>,
}

#[derive(Debug, Default)]
struct Stack {
    /// The deployed template.
    current: Option<String>,
    /// The template of the last change set that wasn't executed.
    planned: Option<String>,
    /// The SAM template as the client sent it, when the layer expanded it.
    source: Option<String>,
    /// The end of the delay, on the clock of `now`.
    until: Duration,
}

impl Stacks {
    pub(super) fn new(waits: Waits) -> Self {
        Self { waits, files: BTreeMap::new(), by_name: BTreeMap::new() }
    }

    /// Stores an uploaded file.
    pub(super) fn store_file(&mut self, file: &str, text: &str) {
        self.files.insert(file.to_owned(), text.to_owned());
    }

    /// Stores the SAM template that the client sent for a stack.
    pub(super) fn store_source(&mut self, stack: &str, source: &str) {
        self.by_name.entry(stack.to_owned()).or_default().source = Some(source.to_owned());
    }

    /// Returns the text of a template; `None` when its file wasn't uploaded.
    pub(super) fn find_text<'a>(&'a self, template: &'a Template) -> Option<&'a str> {
        match template {
            Template::Body(body) => Some(body),
            Template::File(file) => self.files.get(file).map(String::as_str),
        }
    }

    /// Applies a request that the emulator accepted at the time `now`.
    pub(super) fn record_success(&mut self, request: &AwsRequest, now: Duration) {
        match request {
            AwsRequest::PlanStack { stack, template } => {
                let planned = self.find_text(template).map(str::to_owned);
                self.by_name.entry(stack.clone()).or_default().planned = planned;
            }
            AwsRequest::RunStack { stack, template } => {
                let next = self.find_text(template).map(str::to_owned);
                self.start_change(stack, next, now);
            }
            AwsRequest::RunPlanned { stack } => {
                let next = self.by_name.get_mut(stack).and_then(|stack| stack.planned.take());
                self.start_change(stack, next, now);
            }
            AwsRequest::DeleteStack { stack } => {
                self.by_name.remove(stack);
            }
            _ => {}
        }
    }

    /// Deploys the template `next` and starts its delay.
    fn start_change(&mut self, name: &str, next: Option<String>, now: Duration) {
        let waits = self.waits;
        let stack = self.by_name.entry(name.to_owned()).or_default();
        if let Some(next) = next {
            stack.until = now + compute_hold(waits, stack.current.as_deref(), &next);
            stack.current = Some(next);
        }
    }

    /// Rewrites the answer about a stack that is in progress at the time `now`; `None` when its delay is over.
    pub(super) fn rewrite_status(&self, stack: &str, now: Duration, body: &[u8]) -> Option<Vec<u8>> {
        self.by_name.get(stack).filter(|stack| now < stack.until)?;
        let text = String::from_utf8_lossy(body);
        // Some clients poll the status and others the events, so both must show a stack in progress.
        let text = remove_completion_events(&text);
        let text = ["CREATE", "UPDATE"].iter().fold(text, |text, verb| {
            let (done, doing) = (format!("{verb}_COMPLETE"), format!("{verb}_IN_PROGRESS"));
            let status = |status: &str| format!("<StackStatus>{status}</StackStatus>");
            text.replace(&status(&done), &status(&doing))
        });
        Some(text.into_bytes())
    }

    /// Puts the SAM template back into an answer of `GetTemplate`, since AWS returns the original by default.
    pub(super) fn restore_template(&self, stack: &str, body: &[u8]) -> Option<Vec<u8>> {
        let source = self.by_name.get(stack)?.source.as_ref()?;
        let text = String::from_utf8_lossy(body);
        let (head, rest) = text.split_once("<TemplateBody>")?;
        let (_, tail) = rest.split_once("</TemplateBody>")?;
        let source = source.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        Some(format!("{head}<TemplateBody>{source}</TemplateBody>{tail}").into_bytes())
    }
}

/// Returns the delay of a change from the template `before` to `after`.
fn compute_hold(waits: Waits, before: Option<&str>, after: &str) -> Duration {
    let (before, after) = (before.map(parse_resources), parse_resources(after));
    let functions = filter_by_type(&after, "AWS::Lambda::Function");
    let Some(before) = before else {
        return match (functions.is_empty(), filter_by_type(&after, "AWS::IAM::Role").is_empty()) {
            (true, _) => Duration::ZERO,
            (false, true) => waits.created,
            (false, false) => waits.role + waits.created,
        };
    };
    if filter_by_type(&before, "AWS::Lambda::Function") == functions { Duration::ZERO } else { waits.updated }
}

fn parse_resources(template: &str) -> Value {
    let mut template: Value = serde_json::from_str(template).unwrap_or_default();
    template["Resources"].take()
}

fn filter_by_type<'a>(resources: &'a Value, kind: &str) -> Vec<&'a Value> {
    let all = resources.as_object().into_iter().flat_map(|all| all.values());
    all.filter(|resource| resource["Type"] == kind).collect()
}

/// Removes the events that report the stack itself as complete.
fn remove_completion_events(text: &str) -> String {
    let Some((head, events)) = text.split_once("<StackEvents>") else {
        return text.to_owned();
    };
    let (events, tail) = events.split_once("</StackEvents>").unwrap_or((events, ""));
    let end = "</member>";
    let kept: String = events.split_inclusive(end).filter(|event| !is_completion_event(event)).collect();
    format!("{head}<StackEvents>{kept}</StackEvents>{tail}")
}

fn is_completion_event(event: &str) -> bool {
    event.contains("<ResourceType>AWS::CloudFormation::Stack</ResourceType>")
        && event.contains("_COMPLETE</ResourceStatus>")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(types: &[&str], key: &str) -> String {
        let resource = |kind: &&str| ((*kind).to_owned(), json!({"Type": kind, "Properties": {"Key": key}}));
        json!({"Resources": types.iter().map(resource).collect::<serde_json::Map<_, _>>()}).to_string()
    }

    const ROLE: &str = "AWS::IAM::Role";
    const FUNCTION: &str = "AWS::Lambda::Function";
    const API: &str = "AWS::ApiGateway::RestApi";

    #[test]
    fn compute_hold_adds_the_delays_of_new_and_changed_resources() {
        let all = template(&[ROLE, FUNCTION, API], "one");
        let api = template(&[API], "one");
        for (before, after, millis) in [
            (None, &all, 8_000),
            (None, &template(&[FUNCTION], "one"), 2_000),
            (None, &api, 0),
            (Some(&all), &all, 0),
            (Some(&all), &template(&[ROLE, FUNCTION, API], "two"), 1_500),
            (Some(&api), &template(&[API], "two"), 0),
        ] {
            let held = compute_hold(Waits::TYPICAL, before.map(String::as_str), after);
            assert_eq!(held, Duration::from_millis(millis), "{before:?} {after}");
        }
    }

    #[test]
    fn executed_change_set_keeps_the_stack_in_progress_until_its_delay_ends() {
        let mut stacks = Stacks::new(Waits::TYPICAL);
        let stack = || "shop".to_owned();
        let body = b"<StackStatus>CREATE_COMPLETE</StackStatus>";
        stacks.store_file("abc.template", &template(&[ROLE, FUNCTION], "one"));
        let template = Template::File("abc.template".to_owned());
        stacks.record_success(&AwsRequest::PlanStack { stack: stack(), template }, Duration::ZERO);
        assert_eq!(stacks.rewrite_status("shop", Duration::ZERO, body), None);
        stacks.record_success(&AwsRequest::RunPlanned { stack: stack() }, Duration::from_secs(1));
        let shown = stacks.rewrite_status("shop", Duration::from_secs(8), body);
        assert_eq!(shown.as_deref(), Some(b"<StackStatus>CREATE_IN_PROGRESS</StackStatus>".as_slice()));
        assert_eq!(stacks.rewrite_status("shop", Duration::from_secs(9), body), None);
    }

    #[test]
    fn restore_template_returns_the_source_escaped() {
        let mut stacks = Stacks::new(Waits::TYPICAL);
        let body = b"<R><TemplateBody>{}</TemplateBody></R>";
        assert_eq!(stacks.restore_template("shop", body), None);
        stacks.store_source("shop", "a: <b>");
        let shown = stacks.restore_template("shop", body);
        assert_eq!(shown.as_deref(), Some(b"<R><TemplateBody>a: &lt;b&gt;</TemplateBody></R>".as_slice()));
    }

    #[test]
    fn remove_completion_events_drops_only_the_event_of_the_stack() {
        let event = |kind: &str, status: &str| {
            format!(
                "<member><ResourceType>{kind}</ResourceType><ResourceStatus>{status}</ResourceStatus></member>"
            )
        };
        let kept =
            event(FUNCTION, "CREATE_COMPLETE") + &event("AWS::CloudFormation::Stack", "CREATE_IN_PROGRESS");
        let end = event("AWS::CloudFormation::Stack", "CREATE_COMPLETE");
        let answer = format!("<R><StackEvents>{end}{kept}</StackEvents></R>");
        assert_eq!(remove_completion_events(&answer), format!("<R><StackEvents>{kept}</StackEvents></R>"));
    }
}
