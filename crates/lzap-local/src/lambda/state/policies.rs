//! Resource policies: the permissions of AWS services and of everybody to call a function or one of its qualifiers.
//!
//! A policy belongs to the function or to one version or alias; who calls the alias needs the statement there.
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html>

use serde_json::{Value, json};

use super::functions::{State, check_revision};
use super::model::{AuthType, Function, LATEST, Policy, Statement};
use super::names::{FunctionRef, all_digits, is_word};
use crate::lambda::error::ApiError;

const POLICY_BYTES: usize = 20_480;
const INVOKE_FUNCTION: &str = "lambda:InvokeFunction";
const INVOKE_FUNCTION_URL: &str = "lambda:InvokeFunctionUrl";

/// The statement that `AddPermission` adds.
#[derive(Clone, Debug)]
pub(crate) struct NewStatement {
    pub(crate) sid: String,
    pub(crate) action: String,
    pub(crate) principal: String,
    pub(crate) source_arn: Option<String>,
    pub(crate) source_account: Option<String>,
    pub(crate) function_url_auth_type: Option<AuthType>,
    pub(crate) invoked_via_function_url: Option<bool>,
    pub(crate) revision_id: Option<String>,
}

impl State {
    /// `AddPermission`.
    pub(crate) fn add_permission(
        &mut self,
        reference: &FunctionRef,
        new: NewStatement,
    ) -> Result<Statement, ApiError> {
        check_statement(&new)?;
        self.has_qualifier(reference)?;
        let revision_id = self.next_revision(&reference.arn);
        let function = self.function_mut(reference)?;
        let resource = reference.full();
        let old = function.policies.get(&policy_key(reference)).cloned().unwrap_or_default();
        check_revision(new.revision_id.as_deref(), &old.revision_id)?;
        if old.statements.iter().any(|statement| statement.sid == new.sid) {
            return Err(ApiError::conflict(
                "The statement id (sid) provided already exists. Please provide a new statement id, or remove the \
                 existing statement.",
            ));
        }
        let statement = Statement {
            sid: new.sid,
            action: new.action,
            principal: new.principal,
            source_arn: new.source_arn,
            source_account: new.source_account,
            resource,
            function_url_auth_type: new.function_url_auth_type,
            invoked_via_function_url: new.invoked_via_function_url,
        };
        let mut policy = Policy { revision_id, statements: old.statements };
        policy.statements.push(statement.clone());
        let bytes = render_policy(&policy).to_string().len();
        if bytes > POLICY_BYTES {
            return Err(ApiError::policy_too_long(bytes, POLICY_BYTES));
        }
        function.policies.insert(policy_key(reference), policy);
        Ok(statement)
    }

    /// `RemovePermission`.
    pub(crate) fn remove_permission(
        &mut self,
        reference: &FunctionRef,
        sid: &str,
        sent: Option<&str>,
    ) -> Result<(), ApiError> {
        let missing = || ApiError::not_found(format!("Statement {sid} is not found in resource policy."));
        let policy = self.policy(reference).map_err(|error| match error.message.as_str() {
            NO_RESOURCE => missing(),
            _ => error,
        })?;
        check_revision(sent, &policy.revision_id)?;
        let mut statements = policy.statements.clone();
        let at = statements.iter().position(|statement| statement.sid == sid).ok_or_else(missing)?;
        statements.remove(at);
        let revision_id = self.next_revision(&reference.arn);
        let function = self.function_mut(reference)?;
        if statements.is_empty() {
            function.policies.remove(&policy_key(reference));
        } else {
            function.policies.insert(policy_key(reference), Policy { revision_id, statements });
        }
        Ok(())
    }

    /// `GetPolicy`.
    pub(crate) fn policy(&self, reference: &FunctionRef) -> Result<&Policy, ApiError> {
        self.has_qualifier(reference)?;
        let function = self.function(reference)?;
        function.policies.get(&policy_key(reference)).ok_or_else(|| ApiError::not_found(NO_RESOURCE))
    }

    fn has_qualifier(&self, reference: &FunctionRef) -> Result<(), ApiError> {
        let function = self.function(reference)?;
        if reference.qualifier.as_deref() == Some(LATEST) {
            return Err(ApiError::invalid("We currently do not support adding policies for $LATEST."));
        }
        match function.qualified(reference.qualifier.as_deref()) {
            Some(_) => Ok(()),
            None => Err(ApiError::no_function(&reference.full())),
        }
    }
}

/// AWS's message about a policy or function URL that isn't there.
pub(super) const NO_RESOURCE: &str = "The resource you requested does not exist.";

fn policy_key(reference: &FunctionRef) -> String {
    reference.qualifier.clone().unwrap_or_default()
}

fn check_statement(new: &NewStatement) -> Result<(), ApiError> {
    if !is_word(&new.sid) || new.sid.len() > 100 {
        let constraint = "must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)";
        return Err(ApiError::constraint(&new.sid, "statementId", constraint));
    }
    let verb = new.action.strip_prefix("lambda:").unwrap_or(&new.action);
    if new.action != "*"
        && (verb == new.action || !(verb == "*" || verb.bytes().all(|b| b.is_ascii_alphabetic())))
    {
        let constraint = "must satisfy regular expression pattern: (lambda:[*]|lambda:[a-zA-Z]+|[*])";
        return Err(ApiError::constraint(&new.action, "action", constraint));
    }
    if new.principal.is_empty() || new.principal.contains(char::is_whitespace) {
        return Err(ApiError::invalid(
            "The provided principal was invalid. Please check the principal and try again.",
        ));
    }
    if new.function_url_auth_type.is_some() && new.action != INVOKE_FUNCTION_URL {
        return Err(ApiError::invalid(format!(
            "FunctionUrlAuthType is only supported for {INVOKE_FUNCTION_URL} action"
        )));
    }
    if new.invoked_via_function_url.is_some() && new.action != INVOKE_FUNCTION {
        return Err(ApiError::invalid(format!(
            "InvokedViaFunctionUrl is only supported for {INVOKE_FUNCTION} action"
        )));
    }
    Ok(())
}

/// True if the policy of exactly this qualifier lets `principal` invoke for `source_arn`.
pub(crate) fn allows_service(
    function: &Function,
    qualifier: Option<&str>,
    principal: &str,
    source_arn: &str,
) -> bool {
    let account = source_arn.split(':').nth(4).unwrap_or_default();
    list_statements(function, qualifier).iter().any(|statement| {
        statement.covers(INVOKE_FUNCTION)
            && (statement.principal == principal || statement.principal == "*")
            && statement.source_arn.as_deref().is_none_or(|pattern| arn_like(pattern, source_arn))
            && statement.source_account.as_deref().is_none_or(|wanted| wanted == account)
            && statement.invoked_via_function_url != Some(true)
    })
}

/// True if the policy of exactly this qualifier lets everybody send requests to a function URL without a signature.
/// Since October 2025 AWS wants two permissions for it: for the URL, and for the function that it invokes.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html>
pub(crate) fn allows_everybody_through_url(function: &Function, qualifier: Option<&str>) -> bool {
    // A request without a signature has no source ARN or account that a condition could match.
    let mut public: Vec<&Statement> = list_statements(function, qualifier).iter().collect();
    public.retain(|statement| {
        statement.principal == "*" && statement.source_arn.is_none() && statement.source_account.is_none()
    });
    let opens_url = public.iter().any(|statement| {
        statement.covers(INVOKE_FUNCTION_URL)
            && statement.function_url_auth_type.is_none_or(|wanted| wanted == AuthType::None)
    });
    let opens_function = public.iter().any(|statement| {
        statement.covers(INVOKE_FUNCTION) && statement.invoked_via_function_url != Some(false)
    });
    opens_url && opens_function
}

/// The statements of exactly this qualifier; `$LATEST` spelled out is the function itself.
fn list_statements<'a>(function: &'a Function, qualifier: Option<&str>) -> &'a [Statement] {
    let key = qualifier.filter(|q| *q != LATEST).unwrap_or_default();
    function.policies.get(key).map_or(&[], |policy| &policy.statements)
}

/// IAM's `ArnLike`: each of the six colon-delimited parts is compared on its own; `*` and `?` match inside a part.
///
/// AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
fn arn_like(pattern: &str, arn: &str) -> bool {
    let (patterns, parts): (Vec<&str>, Vec<&str>) =
        (pattern.splitn(6, ':').collect(), arn.splitn(6, ':').collect());
    patterns.len() == parts.len()
        && patterns
            .iter()
            .zip(&parts)
            .all(|(pattern, part)| match_wildcard(pattern.as_bytes(), part.as_bytes()))
}

/// Glob match in linear space: on a mismatch, the last `*` takes one more byte.
fn match_wildcard(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b) if *b == b'?' || *b == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

/// The policy document, as `GetPolicy` returns it.
pub(crate) fn render_policy(policy: &Policy) -> Value {
    let statements: Vec<Value> = policy.statements.iter().map(Statement::render_document).collect();
    json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements })
}

impl Statement {
    fn covers(&self, action: &str) -> bool {
        self.action == action || matches!(self.action.as_str(), "lambda:*" | "*")
    }

    /// The statement, as `AddPermission` returns it.
    pub(crate) fn render_document(&self) -> Value {
        let mut document = json!({
            "Sid": self.sid,
            "Effect": "Allow",
            "Principal": render_principal(&self.principal),
            "Action": self.action,
            "Resource": self.resource,
        });
        let mut condition = serde_json::Map::new();
        let mut equals = serde_json::Map::new();
        if let Some(account) = &self.source_account {
            equals.insert("AWS:SourceAccount".to_owned(), json!(account));
        }
        if let Some(auth_type) = self.function_url_auth_type {
            equals.insert("lambda:FunctionUrlAuthType".to_owned(), json!(auth_type.name()));
        }
        if !equals.is_empty() {
            condition.insert("StringEquals".to_owned(), Value::Object(equals));
        }
        if let Some(invoked_via) = self.invoked_via_function_url {
            let value = json!({ "lambda:InvokedViaFunctionUrl": invoked_via.to_string() });
            condition.insert("Bool".to_owned(), value);
        }
        if let Some(arn) = &self.source_arn {
            condition.insert("ArnLike".to_owned(), json!({ "AWS:SourceArn": arn }));
        }
        if !condition.is_empty() {
            document["Condition"] = Value::Object(condition);
        }
        document
    }
}

fn render_principal(name: &str) -> Value {
    if name == "*" {
        return json!("*");
    }
    if name.len() == 12 && all_digits(name) {
        return json!({ "AWS": format!("arn:aws:iam::{name}:root") });
    }
    if name.starts_with("arn:") { json!({ "AWS": name }) } else { json!({ "Service": name }) }
}

#[cfg(test)]
mod tests {
    use super::arn_like;

    #[test]
    fn source_arns_match_as_iam_does() {
        let api = "arn:aws:execute-api:eu-west-1:000000000000:abc123/$default/GET/users/7";
        for (pattern, matches) in [
            ("arn:aws:execute-api:eu-west-1:000000000000:abc123/*/*", true),
            ("arn:aws:execute-api:eu-west-1:000000000000:abc12?/*", true),
            ("arn:aws:execute-api:*:000000000000:abc123/*/GET/*", true),
            (api, true),
            ("arn:aws:execute-api:eu-west-1:000000000000:other/*/*", false),
            ("arn:aws:execute-api:eu-west-1:000000000000:abc123/*/PUT/*", false),
            ("arn:aws:execute-api:*", false),
            ("*", false),
        ] {
            assert_eq!(arn_like(pattern, api), matches, "{pattern}");
        }
    }
}
