//! What AWS asks for before it carries out an operation: action, resource, and what conditions can see.
//!
//! From the Service Authorization Reference and the pages of the operations, by AWS's names of operations. Nothing here
//! comes from lzap.
//!
//! AWS: <https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html>

use std::collections::BTreeMap;

use lzap_testkit::{ACCOUNT, Call, Checked, Recording};
use serde_json::Value;

use crate::support::{REGION, Result};

/// One check that AWS makes.
#[derive(Clone, Debug)]
pub(super) struct Need {
    pub(super) action: String,
    pub(super) resource: String,
    pub(super) context: BTreeMap<String, String>,
}

/// What the requests don't say about the role that is dealt with.
#[derive(Clone, Copy)]
pub(super) struct Life<'a> {
    /// Its path.
    pub(super) path: &'a str,
    /// Its boundary, once it is made.
    pub(super) boundary: Option<&'a str>,
}

/// What all calls of a recording need.
pub(super) fn of(recording: &Recording, life: Life<'_>) -> Result<Vec<Need>> {
    let checked = recording.check_calls()?;
    let calls = recording.calls().iter().zip(&checked);
    Ok(calls.flat_map(|(call, checked)| Asked { call, checked, life }.needs()).collect())
}

struct Asked<'a> {
    call: &'a Call,
    checked: &'a Checked,
    life: Life<'a>,
}

impl Asked<'_> {
    fn needs(&self) -> Vec<Need> {
        match self.checked.operation.split_once(':').unwrap_or_default() {
            // "No permissions are required to perform this operation."
            ("sts", "GetCallerIdentity") => Vec::new(),
            ("s3", operation) => self.s3(operation),
            ("iam", operation) => self.iam(operation),
            ("lambda", operation) => self.lambda(operation),
            ("apigateway", operation) => self.apigateway(operation),
            ("events", operation) => self.events(operation),
            ("logs", operation) => self.logs(operation),
            other => panic!("an operation that this table doesn't know: {other:?}"),
        }
    }

    fn member(&self, name: &str) -> &str {
        self.checked.input[name].as_str().unwrap_or_default()
    }

    fn has(&self, name: &str) -> bool {
        match &self.checked.input[name] {
            Value::Array(list) => !list.is_empty(),
            Value::Object(map) => !map.is_empty(),
            other => !other.is_null(),
        }
    }

    /// Some operations of S3 are checked under another name.
    fn s3(&self, operation: &str) -> Vec<Need> {
        let bucket = format!("arn:aws:s3:::{}", self.member("Bucket"));
        let object = |key: &str| format!("{bucket}/{key}");
        let key = object(self.member("Key"));
        match operation {
            "CreateBucket" => vec![need("s3:CreateBucket", &bucket), need("s3:TagResource", &bucket)],
            "DeleteBucket" | "PutBucketTagging" | "GetBucketTagging" => {
                vec![need(&format!("s3:{operation}"), &bucket)]
            }
            "GetBucketEncryption" => vec![need("s3:GetEncryptionConfiguration", &bucket)],
            "GetBucketLifecycleConfiguration" => vec![need("s3:GetLifecycleConfiguration", &bucket)],
            "GetPublicAccessBlock" => vec![need("s3:GetBucketPublicAccessBlock", &bucket)],
            "PutPublicAccessBlock" => vec![need("s3:PutBucketPublicAccessBlock", &bucket)],
            "PutBucketEncryption" => vec![need("s3:PutEncryptionConfiguration", &bucket)],
            "PutBucketLifecycleConfiguration" => vec![need("s3:PutLifecycleConfiguration", &bucket)],
            "ListObjectsV2" => vec![need("s3:ListBucket", &bucket)],
            // A missing object is a 404 only to those who may list the bucket.
            "HeadObject" | "GetObject" => vec![need("s3:GetObject", &key), need("s3:ListBucket", &bucket)],
            "PutObject" | "DeleteObject" => vec![need(&format!("s3:{operation}"), &key)],
            "DeleteObjects" => {
                let objects = self.checked.input["Delete"]["Objects"].as_array();
                let keys = objects.into_iter().flatten().filter_map(|each| each["Key"].as_str());
                keys.map(|key| need("s3:DeleteObject", &object(key))).collect()
            }
            other => panic!("s3:{other} is not in the table"),
        }
    }

    fn iam(&self, operation: &str) -> Vec<Need> {
        let path = if self.has("Path") { self.member("Path") } else { self.life.path };
        let role = format!("arn:aws:iam::{ACCOUNT}:role{path}{}", self.member("RoleName"));
        let own = need(&format!("iam:{operation}"), &role);
        // The request's boundary where it has one, else the role's.
        let boundary = match operation {
            "CreateRole" | "PutRolePermissionsBoundary" => Some(self.member("PermissionsBoundary")),
            _ => self.life.boundary,
        };
        let own = match boundary.filter(|arn| !arn.is_empty()) {
            Some(arn) => own.with("iam:PermissionsBoundary", arn),
            None => own,
        };
        let tags = self.has("Tags").then(|| need("iam:TagRole", &role));
        std::iter::once(own).chain(tags).collect()
    }

    fn lambda(&self, operation: &str) -> Vec<Need> {
        let function = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", self.member("FunctionName"));
        let qualified = match self.member("Qualifier") {
            "" => function.clone(),
            qualifier => format!("{function}:{qualifier}"),
        };
        match operation {
            "Invoke" => vec![need("lambda:InvokeFunction", &qualified)],
            "TagResource" | "ListTags" => vec![need(&format!("lambda:{operation}"), self.member("Resource"))],
            // "Lambda returns tag data only if you have explicit allow permissions for lambda:ListTags."
            "GetFunction" => vec![need("lambda:GetFunction", &qualified), need("lambda:ListTags", &function)],
            "CreateFunction" | "UpdateFunctionConfiguration" | "UpdateFunctionCode" => {
                let mut needs = vec![need(&format!("lambda:{operation}"), &function)];
                needs.extend(self.has("Tags").then(|| need("lambda:TagResource", &function)));
                needs.extend(self.has("Role").then(|| {
                    need("iam:PassRole", self.member("Role"))
                        .with("iam:PassedToService", "lambda.amazonaws.com")
                }));
                needs.extend(self.code().map(|object| need("s3:GetObject", &object)));
                needs
            }
            _ => vec![need(&format!("lambda:{operation}"), &qualified)],
        }
    }

    /// Where the code comes from; Lambda reads it with the caller's permissions.
    fn code(&self) -> Option<String> {
        let code = [&self.checked.input["Code"], &self.checked.input];
        let place = code.into_iter().find(|place| place["S3Key"].is_string())?;
        Some(format!("arn:aws:s3:::{}/{}", place["S3Bucket"].as_str()?, place["S3Key"].as_str()?))
    }

    /// API Gateway's actions are HTTP's methods, and its resources are paths.
    fn apigateway(&self, operation: &str) -> Vec<Need> {
        let path = self.call.target.split('?').next().unwrap_or_default().trim_start_matches("/v2");
        let path = path.replace("%24", "$");
        let resource = format!("arn:aws:apigateway:{REGION}::{path}");
        let own = need(&format!("apigateway:{}", self.call.method), &resource);
        match operation {
            "CreateApi" => {
                let tags = self.checked.input["Tags"].as_object().into_iter().flatten();
                vec![tags.fold(own, |own, (key, value)| {
                    own.with(&format!("aws:RequestTag/{key}"), value.as_str().unwrap_or_default())
                })]
            }
            // All APIs here were made with these tags.
            "DeleteApi" => {
                vec![own.with("aws:ResourceTag/lzap:app", "hello").with("aws:ResourceTag/lzap:stage", "dev")]
            }
            "CreateStage" => {
                let stage = format!("{resource}/{}", self.member("StageName"));
                vec![own, need("apigateway:TagResource", &resource), need("apigateway:TagResource", &stage)]
            }
            _ => vec![own],
        }
    }

    fn events(&self, operation: &str) -> Vec<Need> {
        // The reference names no resource for the list; AWS's own refusals do.
        if operation == "ListRules" {
            return vec![need("events:ListRules", &format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/*"))];
        }
        let name = if self.has("Rule") { self.member("Rule") } else { self.member("Name") };
        let rule = match self.member("ResourceARN") {
            "" => format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"),
            arn => arn.to_owned(),
        };
        let tags = self.has("Tags") && operation == "PutRule";
        let tags = tags.then(|| need("events:TagResource", &rule));
        std::iter::once(need(&format!("events:{operation}"), &rule)).chain(tags).collect()
    }

    /// The tagging operations name a group by its ARN; all others as what its streams begin with.
    fn logs(&self, operation: &str) -> Vec<Need> {
        let group = format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{}", self.member("logGroupName"));
        let action = format!("logs:{operation}");
        match operation {
            "DescribeLogGroups" => {
                vec![need(&action, &format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group::log-stream:"))]
            }
            "TagResource" | "ListTagsForResource" => vec![need(&action, self.member("resourceArn"))],
            _ => {
                let stream = format!("{group}:log-stream:{}", self.member("logStreamName"));
                let tags = self.has("tags").then(|| need("logs:TagResource", &group));
                std::iter::once(need(&action, &stream)).chain(tags).collect()
            }
        }
    }
}

fn need(action: &str, resource: &str) -> Need {
    Need { action: action.to_owned(), resource: resource.to_owned(), context: BTreeMap::new() }
}

impl Need {
    fn with(mut self, key: &str, value: &str) -> Self {
        self.context.insert(key.to_owned(), value.to_owned());
        self
    }
}
