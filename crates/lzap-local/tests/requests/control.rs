//! The control APIs, called without an SDK: a function of one script, with HTTP APIs and a URL in front of it.

use std::{
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lzap_local::AccessKey;
use serde_json::{Value, json};

use crate::signing::sign_lines;

/// A client of the cloud's one endpoint.
pub(crate) struct Control {
    /// `HOST:PORT`.
    pub(crate) address: String,
    /// The key of the cloud's owner.
    pub(crate) key: AccessKey,
}

impl Control {
    /// Creates a function that runs `bootstrap`, which API Gateway may invoke, and gives its ARN.
    pub(crate) fn create_function(&self, bootstrap: &str) -> String {
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole",
        }] });
        let form = format!(
            "Action=CreateRole&Version=2010-05-08&RoleName=echo&AssumeRolePolicyDocument={}",
            percent_encode(&trust.to_string())
        );
        let (status, body) = self.call("iam", "POST /", "application/x-www-form-urlencoded", form.as_bytes());
        assert_eq!(status, 200, "{body}");
        let function = json!({
            "FunctionName": "echo", "Role": "arn:aws:iam::000000000000:role/echo", "Runtime": "provided.al2023",
            "Handler": "bootstrap", "Timeout": 20, "MemorySize": 512,
            "Code": { "ZipFile": BASE64_STANDARD.encode(zip(bootstrap)) },
        });
        let created = self.json("lambda", "POST /2015-03-31/functions", &function);
        let start = Instant::now();
        let path = "GET /2015-03-31/functions/echo/configuration";
        while self.json("lambda", path, &Value::Null)["State"] != "Active" {
            assert!(start.elapsed() < Duration::from_secs(20), "the function does not become active");
            std::thread::sleep(Duration::from_millis(50));
        }
        let permission = json!({
            "StatementId": "gateway", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com",
        });
        self.json("lambda", "POST /2015-03-31/functions/echo/policy", &permission);
        created["FunctionArn"].as_str().expect("an ARN").to_owned()
    }

    /// Creates an HTTP API with one route and one stage, and gives its `HOST:PORT`.
    pub(crate) fn create_api(&self, function: &str, payload_version: &str, stage: &str) -> String {
        let api =
            self.json("apigateway", "POST /v2/apis", &json!({ "name": "echo", "protocolType": "HTTP" }));
        let id = api["apiId"].as_str().expect("an id");
        let integration = json!({
            "integrationType": "AWS_PROXY", "integrationUri": function, "payloadFormatVersion": payload_version,
        });
        let integration = self.json("apigateway", &format!("POST /v2/apis/{id}/integrations"), &integration);
        let target = format!("integrations/{}", integration["integrationId"].as_str().expect("an id"));
        let route = json!({ "routeKey": "$default", "target": target });
        self.json("apigateway", &format!("POST /v2/apis/{id}/routes"), &route);
        let stage = json!({ "stageName": stage, "autoDeploy": true });
        self.json("apigateway", &format!("POST /v2/apis/{id}/stages"), &stage);
        let endpoint = api["apiEndpoint"].as_str().expect("a URL");
        format!("127.0.0.1:{}", endpoint.rsplit(':').next().expect("a port"))
    }

    /// Creates a public URL of a function, and gives its `HOST:PORT`.
    pub(crate) fn create_url(&self, function: &str) -> String {
        let url = self.json(
            "lambda",
            &format!("POST /2021-10-31/functions/{function}/url"),
            &json!({ "AuthType": "NONE" }),
        );
        for permission in [
            json!({ "StatementId": "url", "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE" }),
            json!({ "StatementId": "function", "Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": true }),
        ] {
            let mut permission = permission;
            permission["Principal"] = json!("*");
            self.json("lambda", &format!("POST /2015-03-31/functions/{function}/policy"), &permission);
        }
        let address = url["FunctionUrl"].as_str().expect("a URL").trim_end_matches('/');
        format!("127.0.0.1:{}", address.rsplit(':').next().expect("a port"))
    }

    fn json(&self, service: &str, operation: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = self.call(service, operation, "application/json", body.as_bytes());
        assert!((200..300).contains(&status), "{operation}: {status} {answer}");
        serde_json::from_str(&answer).expect("JSON")
    }

    /// Status and body of one call.
    fn call(&self, service: &str, operation: &str, content_type: &str, body: &[u8]) -> (u16, String) {
        let (method, path) = operation.split_once(' ').expect("a method and a path");
        let url = format!("http://{}{path}", self.address);
        let signature = sign_lines(&self.key, ("us-east-1", service), method, &url, body);
        let mut stream = TcpStream::connect(&self.address).expect("the cloud listens");
        let head = format!(
            "{operation} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: {content_type}\r\n\
             {signature}content-length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        stream.write_all(body).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, body.to_owned())
    }
}

fn zip(bootstrap: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("bootstrap", options).expect("a file");
    zip.write_all(bootstrap.as_bytes()).expect("written");
    zip.finish().expect("a zip").into_inner()
}

/// Encodes every byte.
fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        let _ = write!(encoded, "%{byte:02X}");
        encoded
    })
}
