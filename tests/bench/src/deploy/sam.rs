//! SAM: a function without requirements behind an API, as in the hello app of `sam init`.
//!
//! AWS expands SAM's template (its transform) and runs the stack. moto does the second only, so the stand expands, by
//! the library that AWS published for it, which comes with the tool.

use std::process::Command;

use lzap_testkit::target;
use serde_json::{Value, json};

use super::{Stand, Step, Tool};
use crate::REGION;
use crate::peer::Peer;
use lzap_testkit::shell::{Result, quiet_output};

const REQUIREMENTS: &str = "aws-sam-cli==1.170.0\nsetuptools==80.9.0\n";
const BUCKET: &str = "sam-bench-bucket";
const STACK: &str = "sam-hello";

const APP: &str = "def hello(event, context):
    return {'statusCode': 200, 'body': 'Hello'}
";

const TEMPLATE: &str = "AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: CODE
      Handler: app.hello
      Runtime: RUNTIME
      Events:
        Root:
          Type: Api
          Properties:
            Path: /
            Method: get
";

/// Prints the CloudFormation template that the transform makes of `argv[1]`.
const TRANSFORM: &str = "
import json, sys
import boto3
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
session = boto3.Session(region_name=sys.argv[2])
print(json.dumps(Translator({}, Parser(), boto_session=session).translate(yaml_parse(sys.argv[1]), {})))
";

pub(super) struct Sam {
    peer: Peer,
    /// The stack's template with `BUCKET` and `KEY` for the place of the code.
    expanded: String,
}

impl Sam {
    pub(super) fn new() -> Result<Self> {
        let peer = Peer::new("sam", REQUIREMENTS)?;
        let template = TEMPLATE.replace("RUNTIME", &format!("python{}", peer.python_version()?));
        peer.write("template.yaml", &template.replace("CODE", "hello/"))?;
        let source = template.replace("CODE", "s3://BUCKET/KEY");
        let expanded = quiet_output(peer.python.command("python").args(["-c", TRANSFORM, &source, REGION]))?;
        Ok(Self { peer, expanded: for_moto(serde_json::from_str(&expanded)?).to_string() })
    }

    fn sam(&self, args: &[&str]) -> Command {
        let mut command = self.peer.command("sam", args);
        command.args(["--stack-name", STACK, "--s3-bucket", BUCKET, "--region", REGION]);
        // No statistics, and nothing in the user's own folder.
        command.env("SAM_CLI_TELEMETRY", "0").env("HOME", target().join("bench/home"));
        command
    }
}

/// moto's API has a name, not a document; it can't be deployed without a method, which must come before; and it knows no
/// stages of stacks.
fn for_moto(mut template: Value) -> Value {
    let mut resources = serde_json::Map::new();
    for (name, mut resource) in template["Resources"].as_object().cloned().unwrap_or_default() {
        match resource["Type"].as_str() {
            Some("AWS::ApiGateway::Stage") => continue,
            Some("AWS::ApiGateway::Deployment") => {
                resources.insert("RootMethod".to_owned(), method());
            }
            Some("AWS::ApiGateway::RestApi") => {
                resource["Properties"] = json!({"Name": {"Ref": "AWS::StackName"}});
            }
            _ => {}
        }
        resources.insert(name, resource);
    }
    template["Resources"] = resources.into();
    template
}

fn method() -> Value {
    json!({"Type": "AWS::ApiGateway::Method", "Properties": {
        "RestApiId": {"Ref": "ServerlessRestApi"},
        "ResourceId": {"Fn::GetAtt": ["ServerlessRestApi", "RootResourceId"]},
        "HttpMethod": "GET",
        "AuthorizationType": "NONE",
        "Integration": {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": "arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations"},
    }})
}

impl Tool for Sam {
    fn name(&self) -> &'static str {
        "sam"
    }

    fn version(&self) -> Result<String> {
        Ok(format!("SAM {}", self.peer.version("aws-sam-cli")?))
    }

    fn api_is_in_a_stack(&self) -> bool {
        true
    }

    fn command(&self, step: Step, stand: &Stand) -> Result<Option<Command>> {
        match step {
            Step::First => {
                let place = json!({"LocationConstraint": REGION});
                let bucket = json!({"Bucket": BUCKET, "CreateBucketConfiguration": place});
                stand.moto.call_aws(REGION, &[("s3", "create_bucket", bucket)])?;
                stand.slow.expand_templates_to(&self.expanded);
                self.peer.write("hello/app.py", APP)?;
            }
            Step::Code => self.peer.write("hello/app.py", &APP.replace("Hello", "Hello again"))?,
            Step::Unchanged | Step::Delete => {}
        }
        let args: &[&str] = match step {
            Step::Delete => &["delete", "--no-prompts"],
            _ => &["deploy", "--no-fail-on-empty-changeset", "--capabilities", "CAPABILITY_IAM"],
        };
        Ok(Some(self.sam(args)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_is_put_into_words_that_moto_knows() {
        let template = json!({"Resources": {
            "ServerlessRestApi": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Body": {"swagger": "2.0"}}},
            "Deployment": {"Type": "AWS::ApiGateway::Deployment", "Properties": {}},
            "Stage": {"Type": "AWS::ApiGateway::Stage"},
            "Hello": {"Type": "AWS::Lambda::Function"},
        }});
        let resources = for_moto(template)["Resources"].take();
        let names: Vec<_> =
            resources.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["ServerlessRestApi", "RootMethod", "Deployment", "Hello"]);
        assert_eq!(resources["ServerlessRestApi"]["Properties"]["Name"]["Ref"], "AWS::StackName");
    }
}
