//! IAM: `winterbaume-iam`, with what its roles lack.
//!
//! Answered or checked here: policy documents that aren't JSON, the permissions boundary given to `CreateRole`, a
//! role's description, tags and boundary in `GetRole`, and the URL-encoding that IAM gives to policy documents. No
//! policy is evaluated: every signed caller may do everything.

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Request};
use serde_json::Value;
use winterbaume_core::{MockRequest, MockService as _, StatefulService as _};
use winterbaume_iam::views::RoleView;
use winterbaume_iam::{IamService, IamStateView};

use super::{forward, not_implemented};
use crate::answer::{self, Answer};
use crate::ports::Roles;
use crate::{ACCOUNT, REGION, percent};

/// IAM is global; its one endpoint is in us-east-1.
const HOST: &str = "iam.amazonaws.com";
/// The request parameters that are policy documents.
const DOCUMENTS: [&str; 2] = ["AssumeRolePolicyDocument", "PolicyDocument"];
/// The elements of answers that are, too.
const ANSWERED_DOCUMENTS: [&str; 3] = ["AssumeRolePolicyDocument", "PolicyDocument", "Document"];

/// IAM.
#[derive(Default)]
pub(crate) struct Iam {
    service: IamService,
}

impl Iam {
    /// Answers one request.
    pub(crate) async fn handle(&self, request: Request<Bytes>) -> Answer {
        let operation = read_parameter(&request, "Action").unwrap_or_default();
        if DOCUMENTS
            .iter()
            .any(|name| read_parameter(&request, name).is_some_and(|document| !is_policy(&document)))
        {
            return answer::query_error(400, "MalformedPolicyDocument", "Syntax errors in policy.");
        }
        let role = read_parameter(&request, "RoleName");
        let boundary = (operation == "CreateRole").then(|| boundary_request(&request)).flatten();
        let answer = forward(&self.service, HOST, request).await;
        if let Some(boundary) = boundary.filter(|_| answer.status().is_success()) {
            self.service.handle(boundary).await;
        }
        if answer.status().is_success() && matches!(operation.as_str(), "CreateRole" | "GetRole") {
            return self.whole_role(&operation, role.as_deref().unwrap_or_default()).await.unwrap_or(answer);
        }
        if String::from_utf8_lossy(answer.body()).contains("<Code>InvalidAction</Code>") {
            return answer::query_error(501, "NotImplemented", &not_implemented("iam", &operation));
        }
        encode_documents(answer)
    }

    /// A role with its description, tags and permissions boundary, which the service behind leaves out.
    /// AWS: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html>
    async fn whole_role(&self, operation: &str, name: &str) -> Option<Answer> {
        let role = self.snapshot().await.roles.remove(name)?;
        let body = format!(
            "<{operation}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><{operation}Result>{}</{operation}Result><ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{operation}Response>",
            role_element(&role),
            uuid::Uuid::new_v4()
        );
        Some(answer::build_answer(200, "text/xml", body))
    }

    /// The state, for the store.
    pub(crate) async fn snapshot(&self) -> IamStateView {
        self.service.snapshot(ACCOUNT, REGION).await
    }

    /// Takes up a state that was saved.
    pub(crate) async fn restore(&self, saved: IamStateView) -> Result<(), String> {
        self.service.restore(ACCOUNT, REGION, saved).await.map_err(|error| error.to_string())
    }
}

impl Roles for Iam {
    fn trust_policy<'a>(&'a self, role_arn: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            let roles = self.snapshot().await.roles;
            roles.into_values().find(|role| role.arn == role_arn).map(|role| role.assume_role_policy_document)
        })
    }
}

/// A parameter of a Query-protocol request, from the form or the query string.
pub(crate) fn read_parameter(request: &Request<Bytes>, name: &str) -> Option<String> {
    let form = std::str::from_utf8(request.body()).unwrap_or_default();
    let query = request.uri().query().unwrap_or_default();
    percent::pairs(form).chain(percent::pairs(query)).find(|(found, _)| found == name).map(|(_, value)| value)
}

/// Returns whether a document is a JSON object with statements.
fn is_policy(document: &str) -> bool {
    serde_json::from_str::<Value>(document).is_ok_and(|policy| policy.get("Statement").is_some())
}

fn role_element(role: &RoleView) -> String {
    let mut element = String::from("<Role>");
    let mut add = |tag: &str, content: &str| element.extend(["<", tag, ">", content, "</", tag, ">"]);
    add("Path", &answer::escape_xml(&role.path));
    add("RoleName", &answer::escape_xml(&role.name));
    add("RoleId", &answer::escape_xml(&role.role_id));
    add("Arn", &answer::escape_xml(&role.arn));
    let created =
        role.create_date.as_deref().and_then(|date| date.get(..19)).unwrap_or("1970-01-01T00:00:00");
    add("CreateDate", &format!("{created}Z"));
    add("AssumeRolePolicyDocument", &percent::encode(&role.assume_role_policy_document));
    add("MaxSessionDuration", &role.max_session_duration.to_string());
    if !role.description.is_empty() {
        add("Description", &answer::escape_xml(&role.description));
    }
    if let Some(boundary) = &role.permissions_boundary {
        let arn = answer::escape_xml(boundary);
        let content = format!(
            "<PermissionsBoundaryType>Policy</PermissionsBoundaryType><PermissionsBoundaryArn>{arn}</PermissionsBoundaryArn>"
        );
        add("PermissionsBoundary", &content);
    }
    let mut tags: Vec<_> = role.tags.iter().collect();
    tags.sort();
    if !tags.is_empty() {
        let member = |(key, value): (&String, &String)| {
            format!(
                "<member><Key>{}</Key><Value>{}</Value></member>",
                answer::escape_xml(key),
                answer::escape_xml(value)
            )
        };
        add("Tags", &tags.into_iter().map(member).collect::<String>());
    }
    element + "</Role>"
}

fn boundary_request(request: &Request<Bytes>) -> Option<MockRequest> {
    let role = read_parameter(request, "RoleName")?;
    let boundary = read_parameter(request, "PermissionsBoundary")?;
    let body = format!(
        "Action=PutRolePermissionsBoundary&RoleName={}&PermissionsBoundary={}",
        percent::encode(&role),
        percent::encode(&boundary)
    );
    Some(MockRequest {
        method: "POST".to_owned(),
        uri: format!("https://{HOST}/"),
        headers: HeaderMap::new(),
        body: Bytes::from(body),
    })
}

/// Policy documents in IAM's answers are URL-encoded (RFC 3986).
/// AWS: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html>
fn encode_documents(answer: Answer) -> Answer {
    let (mut parts, body) = answer.into_parts();
    let Ok(mut text) = String::from_utf8(body.to_vec()) else {
        return Answer::from_parts(parts, body);
    };
    for element in ANSWERED_DOCUMENTS {
        text = encode_element(&text, element);
    }
    parts.headers.remove("content-length");
    Answer::from_parts(parts, Bytes::from(text))
}

fn encode_element(text: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let mut encoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(&open) {
        let Some((content, after)) = after.split_once(&close) else {
            break;
        };
        let document = answer::unescape_xml(content);
        let plain = document.trim_start().starts_with('{');
        let content = if plain { percent::encode(&document) } else { content.to_owned() };
        encoded.extend([before, &open, &content, &close]);
        rest = after;
    }
    encoded.push_str(rest);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_encoded_once() {
        let xml = "<a><PolicyDocument>{&quot;a&quot;: 1}</PolicyDocument><PolicyDocument>%7B%7D</PolicyDocument></a>";
        let once = "<a><PolicyDocument>%7B%22a%22%3A%201%7D</PolicyDocument><PolicyDocument>%7B%7D</PolicyDocument></a>";
        assert_eq!(encode_element(xml, "PolicyDocument"), once);
        assert_eq!(encode_element(once, "PolicyDocument"), once);
    }
}
