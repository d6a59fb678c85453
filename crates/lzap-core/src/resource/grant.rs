//! An IAM action that an operation needs, and the resources that it must be allowed on.

use serde_json::{Value, json};

use crate::ids::RuleName;
use crate::names::{Names, Place, TAG_APP, TAG_STAGE};

/// The resources that an action is allowed on. The deployer's policy has a statement for each, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GrantScope {
    /// The bucket of the account and region.
    Bucket,
    /// The stage's objects in it: artifacts and the lock.
    Objects,
    /// The role that lzap creates.
    Role,
    /// The same, but with a permissions boundary only as long as the role has it.
    BoundedRole,
    /// The same, but only where `lzap.toml` sets a boundary: to put it back.
    Boundary,
    /// The same, but only where `lzap.toml` sets no boundary: to delete one.
    NoBoundary,
    /// The role that the function runs as, for Lambda alone.
    PassedRole,
    /// The function, its versions and its alias; and the worker function's, where there is one.
    Function,
    /// The worker function.
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

/// An action, and the resources that it must be allowed on.
pub type Grant = (&'static str, GrantScope);

/// Gives a kind's operations their table of grants: `grants(&self)`, and all of its rows as `GRANTS`. An operation without
/// a row doesn't compile.
macro_rules! grants {
    ($operation:ident { $($call:pat => [$($action:literal on $scope:ident),*];)+ }) => {
        impl $operation {
            /// The IAM actions that AWS checks when the operation is applied.
            pub fn grants(&self) -> &'static [$crate::resource::grant::Grant] {
                match self {
                    $($call => &[$(($action, $crate::resource::grant::GrantScope::$scope)),*],)+
                }
            }
        }

        /// The IAM actions of all operations of this kind.
        pub(crate) const GRANTS: &[&[$crate::resource::grant::Grant]] =
            &[$(&[$(($action, $crate::resource::grant::GrantScope::$scope)),*]),+];
    };
}
pub(crate) use grants;

impl GrantScope {
    /// The scope under these settings of the role; `None` where nothing needs to be allowed.
    pub(crate) fn for_role(self, names: &Names, boundary: Option<&str>) -> Option<Self> {
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

    /// Its ARN, or a pattern where AWS chooses the name.
    pub(crate) fn arns(self, names: &Names, has_workers: bool) -> Value {
        let Place { partition, region, .. } = &names.place;
        let bucket = || format!("arn:{partition}:s3:::{}", names.bucket());
        let api = |path: &str| json!(format!("arn:{partition}:apigateway:{region}::/apis{path}"));
        let functions =
            || if has_workers { vec![names.clone(), names.workers()] } else { vec![names.clone()] };
        // One ARN is a string, several are a list.
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
            Self::Rule => json!(names.rule_arn(&RuleName::new("*"))),
            // The Service Authorization Reference names no resource; AWS's refusals name this one.
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

    /// The condition of its statement, where there is one.
    pub(crate) fn condition(self, names: &Names, boundary: Option<&str>) -> Option<Value> {
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
