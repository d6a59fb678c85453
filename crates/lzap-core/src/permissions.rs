//! What the deploying identity needs to be allowed: the least, for one app and stage, as an IAM policy.
//!
//! Made from the table of steps: [`of`] matches every [`Call`] there is, so that a new one doesn't compile without its
//! row. Beside the steps stand the reads. What is allowed on what is from the Service Authorization Reference
//! (<https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html>, read 2026-11); where AWS asks
//! for more than it says there, a comment has the page. Each wildcard that is left is explained in
//! `docs/permissions.md`. What the *function* may do is in [`crate::role`]; how a workflow on GitHub gets these
//! permissions, in [`github`].
//!
//! Who calls (`sts:GetCallerIdentity`) needs no permission.

pub mod github;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::names::{Names, Place, TAG_APP, TAG_STAGE};
use crate::step::Call;

/// What an action is allowed on. A statement of the policy for each that is needed, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// The bucket of the account and region.
    Bucket,
    /// The stage's objects in it: artifacts and the lock.
    Objects,
    /// The role that lzap makes.
    Role,
    /// The same, but where a boundary is set only as long as the role has it.
    BoundedRole,
    /// The same, but only where a boundary is set: the way to put it back.
    Boundary,
    /// The same, but only where no boundary is set: the way to take one away.
    NoBoundary,
    /// The role that the function runs as, handed to Lambda and to nobody else.
    PassedRole,
    /// The function, its versions and its alias; the workers, where there are any.
    Function,
    /// The workers, where there are any.
    Workers,
    /// A version of the function.
    Version,
    /// The log group, as all but the tagging operations name it.
    LogGroup,
    /// The log group, as the tagging operations name it.
    LogGroupTags,
    /// The list of log groups.
    LogGroups,
    /// The stage's rules: keep-warm, and the schedules that were ever configured.
    Rule,
    /// The list of rules.
    Rules,
    /// The list of HTTP APIs.
    Apis,
    /// A new HTTP API with the stage's tags.
    NewApi,
    /// An HTTP API with the stage's tags.
    Api,
    /// The integrations of an HTTP API.
    Integrations,
    /// An integration of an HTTP API.
    Integration,
    /// The routes of an HTTP API.
    Routes,
    /// A route of an HTTP API.
    Route,
    /// The stages of an HTTP API.
    Stages,
    /// A stage of an HTTP API.
    Stage,
    /// The tags of an HTTP API, which the tagging operations name by its ARN.
    ApiTags,
}

/// An action that is needed, and what on.
pub type Grant = (&'static str, Resource);

/// The table of steps: [`of`], and all its rows as [`STEPS`].
macro_rules! steps {
    ($($call:pat => [$($action:literal on $resource:ident),+];)+) => {
        /// What AWS checks when `call` is carried out.
        pub fn of(call: &Call) -> &'static [Grant] {
            match call {
                Call::OfWorkers(call) => of(call),
                $($call => &[$(($action, Resource::$resource)),+],)+
            }
        }

        /// Every row of the table.
        const STEPS: &[&[Grant]] = &[$(&[$(($action, Resource::$resource)),+]),+];
    };
}

steps! {
    Call::CreateBucket => ["s3:CreateBucket" on Bucket, "s3:TagResource" on Bucket];
    Call::BlockPublicAccess => ["s3:PutBucketPublicAccessBlock" on Bucket];
    Call::EncryptBucket => ["s3:PutEncryptionConfiguration" on Bucket];
    Call::PutBucketLifecycle => ["s3:PutLifecycleConfiguration" on Bucket];
    Call::AddBucketExpiry => [
        "s3:GetLifecycleConfiguration" on Bucket,
        "s3:PutLifecycleConfiguration" on Bucket
    ];
    Call::TagBucket => ["s3:PutBucketTagging" on Bucket];
    Call::UploadArtifact(_) => ["s3:PutObject" on Objects];
    Call::DeleteObjects(_) => ["s3:DeleteObject" on Objects];
    Call::DeleteBucketIfEmpty => ["s3:DeleteBucket" on Bucket];
    Call::CreateRole { .. } => ["iam:CreateRole" on BoundedRole, "iam:TagRole" on Role];
    Call::UpdateTrustPolicy(_) => ["iam:UpdateAssumeRolePolicy" on Role];
    Call::PutPermissionsBoundary(_) => ["iam:PutRolePermissionsBoundary" on Boundary];
    Call::DeletePermissionsBoundary => ["iam:DeleteRolePermissionsBoundary" on NoBoundary];
    Call::PutRolePolicy(_) => ["iam:PutRolePolicy" on BoundedRole];
    Call::TagRole(_) => ["iam:TagRole" on Role];
    Call::DeleteRolePolicy(_) => ["iam:DeleteRolePolicy" on Role];
    Call::DetachRolePolicy(_) => ["iam:DetachRolePolicy" on Role];
    Call::DeleteRole => ["iam:DeleteRole" on Role];
    Call::CreateLogGroup { .. } => ["logs:CreateLogGroup" on LogGroup, "logs:TagResource" on LogGroupTags];
    Call::PutRetention(_) => ["logs:PutRetentionPolicy" on LogGroup];
    Call::TagLogGroup(_) => ["logs:TagResource" on LogGroupTags];
    Call::DeleteLogGroup => ["logs:DeleteLogGroup" on LogGroup];
    // Lambda fetches the code with the caller's permissions.
    Call::CreateFunction { .. } => [
        "lambda:CreateFunction" on Function,
        "lambda:TagResource" on Function,
        "iam:PassRole" on PassedRole,
        "s3:GetObject" on Objects
    ];
    Call::UpdateFunctionConfiguration(_) => [
        "lambda:UpdateFunctionConfiguration" on Function,
        "iam:PassRole" on PassedRole
    ];
    Call::UpdateFunctionCode { .. } => ["lambda:UpdateFunctionCode" on Function, "s3:GetObject" on Objects];
    Call::TagFunction(_) => ["lambda:TagResource" on Function];
    Call::PutConcurrency(_) => ["lambda:PutFunctionConcurrency" on Workers];
    Call::DeleteConcurrency => ["lambda:DeleteFunctionConcurrency" on Workers];
    Call::PublishVersion { .. } => ["lambda:PublishVersion" on Function];
    Call::Probe { .. } => ["lambda:InvokeFunction" on Version];
    Call::CreateAlias(_) => ["lambda:CreateAlias" on Function];
    Call::UpdateAlias { .. } => ["lambda:UpdateAlias" on Function];
    Call::PutAsync(_) => ["lambda:PutFunctionEventInvokeConfig" on Function];
    Call::DeleteAsync => ["lambda:DeleteFunctionEventInvokeConfig" on Function];
    Call::AddPermission(_) => ["lambda:AddPermission" on Function];
    Call::RemovePermission(_) => ["lambda:RemovePermission" on Function];
    Call::DeleteVersion(_) => ["lambda:DeleteFunction" on Function];
    Call::DeleteFunction => ["lambda:DeleteFunction" on Function];
    Call::CreateApi { .. } => ["apigateway:POST" on NewApi];
    Call::CreateIntegration(_) => ["apigateway:POST" on Integrations];
    Call::UpdateIntegration { .. } => ["apigateway:PATCH" on Integration];
    Call::CreateRoute { .. } => ["apigateway:POST" on Routes];
    Call::UpdateRoute { .. } => ["apigateway:PATCH" on Route];
    // The reference doesn't list apigateway:TagResource; API Gateway wants it for a stage with tags all the same:
    // <https://github.com/hashicorp/terraform-provider-aws/issues/20634>
    Call::CreateStage { .. } => [
        "apigateway:POST" on Stages,
        "apigateway:TagResource" on Stages,
        "apigateway:TagResource" on Stage
    ];
    Call::UpdateStage(_) => ["apigateway:PATCH" on Stage];
    Call::TagApi { .. } => ["apigateway:POST" on ApiTags];
    Call::DeleteApi(_) => ["apigateway:DELETE" on Api];
    Call::PutRule { .. } => ["events:PutRule" on Rule, "events:TagResource" on Rule];
    Call::PutTarget { .. } => ["events:PutTargets" on Rule];
    Call::TagRule { .. } => ["events:TagResource" on Rule];
    Call::RemoveTargets { .. } => ["events:RemoveTargets" on Rule];
    Call::DeleteRule(_) => ["events:DeleteRule" on Rule];
}

/// What no step is: reading a stage, waiting, the log, the lock.
const BESIDE: &[Grant] = &[
    ("s3:GetBucketPublicAccessBlock", Resource::Bucket),
    ("s3:GetBucketTagging", Resource::Bucket),
    ("s3:GetEncryptionConfiguration", Resource::Bucket),
    ("s3:GetLifecycleConfiguration", Resource::Bucket),
    // Also for `GetObject`: without it a missing lock is a 403, not a 404. A condition on the prefix would deny that.
    // AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
    ("s3:ListBucket", Resource::Bucket),
    // The lock is put, read and deleted.
    ("s3:GetObject", Resource::Objects),
    ("s3:PutObject", Resource::Objects),
    ("s3:DeleteObject", Resource::Objects),
    ("iam:GetRole", Resource::Role),
    ("iam:GetRolePolicy", Resource::Role),
    ("iam:ListRolePolicies", Resource::Role),
    ("iam:ListAttachedRolePolicies", Resource::Role),
    ("lambda:GetFunction", Resource::Function),
    // Without it `GetFunction` leaves the tags out.
    // AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>
    ("lambda:ListTags", Resource::Function),
    ("lambda:GetFunctionConfiguration", Resource::Function),
    ("lambda:ListVersionsByFunction", Resource::Function),
    ("lambda:ListAliases", Resource::Function),
    ("lambda:GetPolicy", Resource::Function),
    ("lambda:GetFunctionEventInvokeConfig", Resource::Function),
    ("logs:DescribeLogGroups", Resource::LogGroups),
    ("logs:ListTagsForResource", Resource::LogGroupTags),
    ("logs:FilterLogEvents", Resource::LogGroup),
    ("events:ListRules", Resource::Rules),
    ("events:ListTargetsByRule", Resource::Rule),
    ("events:ListTagsForResource", Resource::Rule),
    ("apigateway:GET", Resource::Apis),
    ("apigateway:GET", Resource::Integrations),
    ("apigateway:GET", Resource::Routes),
    ("apigateway:GET", Resource::Stage),
];

/// The policy that the identity needs which deploys this stage, updates it, looks at it, rolls it back and deletes it.
///
/// `boundary` bounds the role that lzap makes: then only a role with it may be made and changed. Of an existing role
/// nothing is needed but to pass it on. With `workers`, what is allowed on the function is allowed on theirs.
pub fn policy(names: &Names, boundary: Option<&str>, workers: bool) -> Value {
    let mut needed: BTreeMap<Resource, BTreeSet<&str>> = BTreeMap::new();
    for (action, resource) in STEPS.iter().copied().flatten().chain(BESIDE) {
        if let Some(resource) =
            resource.with(names, boundary).filter(|it| workers || *it != Resource::Workers)
        {
            needed.entry(resource).or_default().insert(action);
        }
    }
    let statements: Vec<Value> = needed
        .into_iter()
        .map(|(resource, actions)| {
            let mut statement = Map::new();
            statement.insert("Sid".to_owned(), json!(format!("{resource:?}")));
            statement.insert("Effect".to_owned(), json!("Allow"));
            statement.insert("Action".to_owned(), json!(actions));
            statement.insert("Resource".to_owned(), resource.arns(names, workers));
            if let Some(condition) = resource.condition(names, boundary) {
                statement.insert("Condition".to_owned(), condition);
            }
            Value::Object(statement)
        })
        .collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// How many characters IAM counts of a policy: all but white space.
pub fn size(policy: &Value) -> usize {
    policy.to_string().chars().filter(|c| !c.is_whitespace()).count()
}

impl Resource {
    /// What it comes down to with these settings of the role; `None` where nothing is ever done to it.
    fn with(self, names: &Names, boundary: Option<&str>) -> Option<Self> {
        match (self, boundary) {
            (Self::Role | Self::BoundedRole | Self::Boundary | Self::NoBoundary, _)
                if !names.makes_role() =>
            {
                None
            }
            (Self::Boundary, None) | (Self::NoBoundary, Some(_)) => None,
            (Self::BoundedRole | Self::NoBoundary, None) => Some(Self::Role),
            (Self::Boundary, Some(_)) => Some(Self::BoundedRole),
            _ => Some(self),
        }
    }

    /// Its ARN, or the pattern of those that AWS makes up.
    fn arns(self, names: &Names, workers: bool) -> Value {
        let Place { partition, region, .. } = &names.place;
        let bucket = || format!("arn:{partition}:s3:::{}", names.bucket());
        let api = |path: &str| json!(format!("arn:{partition}:apigateway:{region}::/apis{path}"));
        let functions = || if workers { vec![names.clone(), names.workers()] } else { vec![names.clone()] };
        // One ARN as it is, several as a list.
        let each = |arn: fn(&Names) -> Vec<String>| {
            let all: Vec<String> = functions().iter().flat_map(arn).collect();
            if let [one] = all.as_slice() { json!(one) } else { json!(all) }
        };
        match self {
            Self::Bucket => json!(bucket()),
            Self::Objects => json!(format!("{}/{}*", bucket(), names.prefix())),
            Self::Role | Self::BoundedRole | Self::Boundary | Self::NoBoundary | Self::PassedRole => {
                json!(names.role_arn())
            }
            Self::Function => each(|names| vec![names.function_arn(), format!("{}:*", names.function_arn())]),
            Self::Workers => json!(names.workers().function_arn()),
            Self::Version => each(|names| vec![format!("{}:*", names.function_arn())]),
            // AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html>
            Self::LogGroup => each(|names| vec![format!("{}:*", names.log_group_arn())]),
            Self::LogGroupTags => each(|names| vec![names.log_group_arn()]),
            Self::LogGroups => json!(names.arn("logs", "log-group:*")),
            Self::Rule => json!(names.rule_arn("*")),
            // The reference names no resource; AWS's refusals name this one.
            Self::Rules => json!(names.arn("events", "rule/*")),
            Self::Apis | Self::NewApi => api(""),
            Self::Api => api("/*"),
            Self::Integrations => api("/*/integrations"),
            Self::Integration => api("/*/integrations/*"),
            Self::Routes => api("/*/routes"),
            Self::Route => api("/*/routes/*"),
            Self::Stages => api("/*/stages"),
            Self::Stage => api("/*/stages/*"),
            Self::ApiTags => json!(format!("arn:{partition}:apigateway:{region}::/tags/*")),
        }
    }

    /// When it is allowed, beside always.
    fn condition(self, names: &Names, boundary: Option<&str>) -> Option<Value> {
        let tags = |of: &str| {
            let key = |tag: &str| format!("aws:{of}Tag/{tag}");
            json!({ "StringEquals": { key(TAG_APP): names.app, key(TAG_STAGE): names.stage } })
        };
        match self {
            Self::PassedRole => {
                Some(json!({ "StringEquals": { "iam:PassedToService": "lambda.amazonaws.com" } }))
            }
            Self::BoundedRole => Some(json!({ "StringEquals": { "iam:PermissionsBoundary": boundary } })),
            Self::NewApi => Some(tags("Request")),
            Self::Api => Some(tags("Resource")),
            _ => None,
        }
    }
}
