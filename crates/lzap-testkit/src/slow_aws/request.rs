//! Parses the AWS requests that start a delay or are affected by one.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::Method;
use hyper::http::request::Parts;
use serde_json::Value;

/// One request, with the name of its resource.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum AwsRequest {
    CreateRole {
        role: String,
    },
    AssumeRole {
        role: String,
    },
    CreateFunction {
        function: String,
        role: String,
    },
    /// `UpdateFunctionCode` or `UpdateFunctionConfiguration`; the latter may name another role.
    UpdateFunction {
        function: String,
        role: Option<String>,
    },
    PublishVersion {
        function: String,
    },
    Invoke {
        function: String,
    },
    /// `GetFunction` or `GetFunctionConfiguration`, of any version.
    ReadFunction {
        function: String,
    },
    DeleteFunction {
        function: String,
    },
    /// `CreateChangeSet`.
    PlanStack {
        stack: String,
        template: Template,
    },
    /// `CreateStack` or `UpdateStack`.
    RunStack {
        stack: String,
        template: Template,
    },
    /// `ExecuteChangeSet`, for the last change set that was created.
    RunPlanned {
        stack: String,
    },
    /// `DescribeStacks` or `DescribeStackEvents`.
    ReadStack {
        stack: String,
    },
    /// `GetTemplate`.
    ReadTemplate {
        stack: String,
    },
    DeleteStack {
        stack: String,
    },
    /// An upload to S3; the file may be a template.
    PutObject {
        file: String,
    },
    Other,
}

/// The template of a stack.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Template {
    Body(String),
    /// The file name in its URL; neither host nor bucket is compared.
    File(String),
}

impl AwsRequest {
    pub(super) fn parse(parts: &Parts, body: &Bytes) -> Self {
        let path = parts.uri.path();
        if let Some(rest) = path.strip_prefix("/2015-03-31/functions") {
            return parse_lambda(&parts.method, rest.trim_matches('/'), body).unwrap_or(Self::Other);
        }
        if parts.method == Method::PUT {
            return Self::PutObject { file: last_part(path, '/') };
        }
        if path == "/" && parts.method == Method::POST { parse_form(body) } else { Self::Other }
    }
}

/// Parses a Lambda request; `rest` is the path after `/functions`. Operations without a delay return `None`.
fn parse_lambda(method: &Method, rest: &str, body: &Bytes) -> Option<AwsRequest> {
    let sent: Value = serde_json::from_slice(body).unwrap_or_default();
    let role = || sent["Role"].as_str().map(|arn| last_part(arn, '/'));
    let mut rest = rest.splitn(2, '/');
    let function = function_name(rest.next().unwrap_or_default());
    let request = match (method.as_str(), rest.next().unwrap_or_default()) {
        ("POST", "") => {
            AwsRequest::CreateFunction { function: sent["FunctionName"].as_str()?.to_owned(), role: role()? }
        }
        ("PUT", "code") => AwsRequest::UpdateFunction { function, role: None },
        ("PUT", "configuration") => AwsRequest::UpdateFunction { function, role: role() },
        ("POST", "versions") => AwsRequest::PublishVersion { function },
        ("POST", "invocations") => AwsRequest::Invoke { function },
        ("GET", "" | "configuration") if !function.is_empty() => AwsRequest::ReadFunction { function },
        ("DELETE", "") => AwsRequest::DeleteFunction { function },
        _ => return None,
    };
    Some(request)
}

/// Returns the function's name from a name or an ARN, with or without a qualifier.
fn function_name(text: &str) -> String {
    let text = text.replace("%3A", ":").replace("%3a", ":");
    match text.split(':').collect::<Vec<_>>()[..] {
        ["arn", _, _, _, _, _, name, ..] | [name, ..] => name.to_owned(),
        [] => text,
    }
}

/// Parses a request of the query protocol, which IAM, STS and CloudFormation use.
fn parse_form(body: &Bytes) -> AwsRequest {
    let fields: BTreeMap<_, _> = form_urlencoded::parse(body).into_owned().collect();
    let text = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let stack = parse_stack_name(&text("StackName"));
    match text("Action").as_str() {
        "CreateRole" => AwsRequest::CreateRole { role: text("RoleName") },
        "AssumeRole" => AwsRequest::AssumeRole { role: last_part(&text("RoleArn"), '/') },
        "CreateChangeSet" => AwsRequest::PlanStack { stack, template: parse_template(&fields) },
        "CreateStack" | "UpdateStack" => AwsRequest::RunStack { stack, template: parse_template(&fields) },
        "ExecuteChangeSet" => AwsRequest::RunPlanned { stack },
        "DescribeStacks" | "DescribeStackEvents" => AwsRequest::ReadStack { stack },
        "GetTemplate" => AwsRequest::ReadTemplate { stack },
        "DeleteStack" => AwsRequest::DeleteStack { stack },
        _ => AwsRequest::Other,
    }
}

fn parse_template(fields: &BTreeMap<String, String>) -> Template {
    match (fields.get("TemplateBody"), fields.get("TemplateURL")) {
        (Some(body), _) => Template::Body(body.clone()),
        (None, url) => Template::File(last_part(url.map_or("", |url| url), '/')),
    }
}

/// Returns the stack's name from `arn:…:stack/NAME/ID` or `NAME`.
fn parse_stack_name(text: &str) -> String {
    text.split_once(":stack/").map_or(text, |(_, name)| name.split('/').next().unwrap_or(name)).to_owned()
}

fn last_part(text: &str, separator: char) -> String {
    text.rsplit(separator).next().unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn ask(method: &str, target: &str, body: &str) -> AwsRequest {
        let request = Request::builder().method(method).uri(target).body(()).expect("a valid request");
        AwsRequest::parse(&request.into_parts().0, &Bytes::from(body.to_owned()))
    }

    fn shop() -> String {
        "shop".to_owned()
    }

    #[test]
    fn parse_finds_functions_by_name_arn_and_qualifier() {
        let functions = "/2015-03-31/functions";
        let arn = "arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012%3Afunction%3Ashop%3Alive";
        for (method, target, asked) in [
            ("GET", format!("{functions}/shop?Qualifier=1"), AwsRequest::ReadFunction { function: shop() }),
            (
                "GET",
                format!("{functions}/{arn}/configuration"),
                AwsRequest::ReadFunction { function: shop() },
            ),
            (
                "PUT",
                format!("{functions}/shop/code"),
                AwsRequest::UpdateFunction { function: shop(), role: None },
            ),
            ("POST", format!("{functions}/shop/versions"), AwsRequest::PublishVersion { function: shop() }),
            ("POST", format!("{functions}/shop%3Alive/invocations"), AwsRequest::Invoke { function: shop() }),
            ("DELETE", format!("{functions}/shop"), AwsRequest::DeleteFunction { function: shop() }),
            ("GET", format!("{functions}/"), AwsRequest::Other),
            ("GET", format!("{functions}/shop/policy"), AwsRequest::Other),
        ] {
            assert_eq!(ask(method, &target, ""), asked, "{method} {target}");
        }
    }

    #[test]
    fn parse_create_function_finds_its_role() {
        let body = r#"{"FunctionName":"shop","Role":"arn:aws:iam::123456789012:role/path/baker"}"#;
        let role = "baker".to_owned();
        let asked = AwsRequest::CreateFunction { function: shop(), role };
        assert_eq!(ask("POST", "/2015-03-31/functions/", body), asked);
    }

    #[test]
    fn parse_reads_forms_of_the_query_protocol() {
        let url = "http%3A%2F%2Flocalhost%2Fbucket%2Fabc.template";
        let file = Template::File("abc.template".to_owned());
        for (body, asked) in [
            ("Action=CreateRole&RoleName=baker", AwsRequest::CreateRole { role: "baker".to_owned() }),
            (
                "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fbaker",
                AwsRequest::AssumeRole { role: "baker".to_owned() },
            ),
            (
                &format!("Action=CreateStack&StackName=shop&TemplateURL={url}"),
                AwsRequest::RunStack { stack: shop(), template: file },
            ),
            (
                "Action=DescribeStacks&StackName=arn%3Aaws%3Acloudformation%3Aeu%3A1%3Astack%2Fshop%2Fid",
                AwsRequest::ReadStack { stack: shop() },
            ),
            ("Action=GetRole&RoleName=baker", AwsRequest::Other),
        ] {
            assert_eq!(ask("POST", "/", body), asked, "{body}");
        }
    }
}
