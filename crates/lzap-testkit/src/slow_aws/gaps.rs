//! Rewrites requests of the benchmarked tools into forms that moto supports.

use bytes::Bytes;
use hyper::Method;
use hyper::http::request::Parts;
use serde_json::{Value, json};

/// Converts the Swagger 2 document of a REST API import to OpenAPI 3; `None` for other requests. moto imports only
/// OpenAPI 3 with a description, and AWS both. The two differ in nothing that moto stores.
pub(super) fn convert_swagger(parts: &Parts, body: &Bytes) -> Option<Bytes> {
    let path = parts.uri.path();
    let import = parts.method == Method::POST && path == "/restapis" || parts.method == Method::PUT;
    if !import || !path.starts_with("/restapis") {
        return None;
    }
    let mut document: Value = serde_json::from_slice(body).ok()?;
    let fields = document.as_object_mut().filter(|fields| fields.contains_key("swagger"))?;
    fields.remove("swagger");
    fields.insert("openapi".to_owned(), json!("3.0.1"));
    if fields.get("info").is_some_and(|info| info["description"].is_null()) {
        fields["info"]["description"] = json!("");
    }
    Some(document.to_string().into())
}

/// Replaces a SAM template with one function, whose code is on S3, by `expanded`, with the code's location for `BUCKET`
/// and `KEY`. Returns `None` for other templates. moto doesn't run transforms.
pub(super) fn expand_template(template: &str, expanded: &str) -> Option<String> {
    if !template.contains("AWS::Serverless-2016-10-31") {
        return None;
    }
    let (_, code) = template.split_once("CodeUri: s3://")?;
    let (bucket, key) = code.lines().next()?.trim().split_once('/')?;
    Some(
        expanded
            .replace("\"BUCKET\"", &json!(bucket).to_string())
            .replace("\"KEY\"", &json!(key).to_string()),
    )
}

/// Returns the form of a change set with `template` in place of its own one.
pub(super) fn replace_template(form: &Bytes, template: &str) -> Bytes {
    let kept = form_urlencoded::parse(form).filter(|(name, _)| !name.starts_with("Template"));
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(kept).append_pair("TemplateBody", template);
    form.finish().into()
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    #[test]
    fn convert_swagger_rewrites_only_api_imports() {
        let convert = |method: &str, target: &str, body: &'static str| {
            let request = Request::builder().method(method).uri(target).body(()).expect("a valid request");
            convert_swagger(&request.into_parts().0, &Bytes::from_static(body.as_bytes()))
        };
        let swagger = r#"{"swagger":"2.0","info":{"title":"shop"},"paths":{}}"#;
        let openapi = r#"{"info":{"title":"shop","description":""},"paths":{},"openapi":"3.0.1"}"#;
        for (method, target) in [("POST", "/restapis?mode=import"), ("PUT", "/restapis/abc?mode=overwrite")] {
            let document: Value =
                serde_json::from_slice(&convert(method, target, swagger).expect("convert")).expect("JSON");
            assert_eq!(document, serde_json::from_str::<Value>(openapi).expect("JSON"));
        }
        assert_eq!(convert("POST", "/restapis", r#"{"name":"shop"}"#), None);
        assert_eq!(convert("PUT", "/bucket/key", swagger), None);
    }

    #[test]
    fn expand_template_inserts_the_location_of_the_code() {
        let template = "Transform: AWS::Serverless-2016-10-31\n  CodeUri: s3://shop/abc\n  Handler: app";
        let expanded = r#"{"S3Bucket":"BUCKET","S3Key":"KEY"}"#;
        let done = expand_template(template, expanded);
        assert_eq!(done.as_deref(), Some(r#"{"S3Bucket":"shop","S3Key":"abc"}"#));
        assert_eq!(expand_template(expanded, expanded), None);
        let form = replace_template(&Bytes::from_static(b"Action=CreateChangeSet&TemplateURL=x"), "{}");
        assert_eq!(form, "Action=CreateChangeSet&TemplateBody=%7B%7D");
    }
}
