//! Reading a stage: everything at once, two calls deep.
//!
//! A stage that exists and is unchanged takes 14 reads: 4 of Lambda, 2 of IAM, 1 of Logs, 4 of API Gateway (the list,
//! then three parts of the API together), 2 of `EventBridge`, 1 of S3. What doesn't exist is `None`, never an error.

use std::collections::BTreeMap;

use futures::future::{try_join, try_join4, try_join5};
use lzap_core::names::Names;
use lzap_core::observed::{Alias, Bucket, Function, LiveRule, Observed, Permission, Role, Version};

use crate::clients::Clients;
use crate::error::AwsError;
use crate::s3::BucketState;
use crate::{apigateway, events, iam, lambda, logs, s3};

/// What an observation is for: some reads serve one purpose only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// A deploy: also whether the artifact is up, unless the function has its code already.
    Deploy {
        /// The code, as Lambda names it.
        code_sha256: &'a str,
        /// The artifact's key in the bucket.
        artifact_key: &'a str,
    },
    /// A look, or a rollback: nothing but the common reads.
    Status,
    /// An undeploy: also whose the bucket is, and the stage's objects in it.
    Undeploy,
}

/// What is there of the stage.
///
/// # Errors
/// A read was refused, or nobody answered. The bucket's name belongs to another account.
pub async fn observe(clients: &Clients, names: &Names, scope: Scope<'_>) -> Result<Observed, AwsError> {
    // Boxed: the SDK's futures are large, and five groups of them would fill a thread's stack.
    let reads = try_join5(
        Box::pin(code(clients, names, scope)),
        Box::pin(role(clients, names)),
        Box::pin(logs::describe_log_group(clients, names)),
        Box::pin(apigateway::get_apis(clients, names)),
        Box::pin(rule(clients, names)),
    );
    let (code, role, log_group, apis, rule) = reads.await.map_err(|error| clients.explain(error))?;
    let FunctionReads { function, versions, alias, permissions } = code.function;
    Ok(Observed {
        names: names.clone(),
        bucket: code.bucket,
        artifact_uploaded: code.artifact_uploaded,
        role,
        log_group,
        function,
        versions,
        alias,
        permissions,
        apis,
        rule,
    })
}

struct CodeReads {
    function: FunctionReads,
    bucket: Option<Bucket>,
    artifact_uploaded: bool,
}

/// The function and the bucket; then, where only the bucket can tell whether the artifact must be uploaded, the
/// object. The second step is no deeper than the API's parts, which are read meanwhile.
async fn code(clients: &Clients, names: &Names, scope: Scope<'_>) -> Result<CodeReads, AwsError> {
    let (function, bucket) =
        try_join(Box::pin(function(clients, names)), Box::pin(bucket(clients, names, scope))).await?;
    let artifact_uploaded = match scope {
        Scope::Deploy { code_sha256, artifact_key } if bucket.is_some() && !function.has(code_sha256) => {
            s3::head_object(clients, names, artifact_key).await?
        }
        _ => false,
    };
    Ok(CodeReads { function, bucket, artifact_uploaded })
}

struct FunctionReads {
    function: Option<Function>,
    versions: Vec<Version>,
    alias: Option<Alias>,
    permissions: BTreeMap<String, Permission>,
}

impl FunctionReads {
    fn has(&self, code_sha256: &str) -> bool {
        self.function.as_ref().is_some_and(|function| function.code_sha256 == code_sha256)
    }
}

async fn function(clients: &Clients, names: &Names) -> Result<FunctionReads, AwsError> {
    let (function, versions, alias, permissions) = try_join4(
        Box::pin(lambda::get_function(clients, names)),
        Box::pin(lambda::list_versions(clients, names)),
        lambda::get_alias(clients, names),
        lambda::get_policy(clients, names),
    )
    .await?;
    Ok(FunctionReads { function, versions, alias, permissions })
}

/// Nothing of a role that lzap doesn't make: to pass it on, no read is needed, and perhaps none is allowed.
async fn role(clients: &Clients, names: &Names) -> Result<Option<Role>, AwsError> {
    if !names.makes_role() {
        return Ok(None);
    }
    let (role, policy) =
        try_join(iam::get_role(clients, names), iam::get_role_policy(clients, names)).await?;
    Ok(role.map(|role| Role { policy, ..role }))
}

async fn rule(clients: &Clients, names: &Names) -> Result<Option<LiveRule>, AwsError> {
    let (rule, targets) =
        try_join(events::describe_rule(clients, names), events::list_targets(clients, names)).await?;
    Ok(rule.map(|rule| LiveRule { targets, ..rule }))
}

async fn bucket(clients: &Clients, names: &Names, scope: Scope<'_>) -> Result<Option<Bucket>, AwsError> {
    let none = async { Ok((false, Vec::new())) };
    let undeploy =
        async { try_join(Box::pin(s3::is_managed(clients, names)), s3::list_objects(clients, names)).await };
    let (state, (managed, objects)) = match scope {
        Scope::Undeploy => try_join(s3::get_public_access_block(clients, names), undeploy).await?,
        _ => try_join(s3::get_public_access_block(clients, names), none).await?,
    };
    Ok(match state {
        BucketState::Missing => None,
        BucketState::Open | BucketState::Blocked => {
            Some(Bucket { public_access_blocked: state == BucketState::Blocked, managed, objects })
        }
    })
}

/// The version that the stage serves; `None` when it is not deployed. One read.
///
/// # Errors
/// The read was refused, or nobody answered.
pub async fn live_version(clients: &Clients, names: &Names) -> Result<Option<String>, AwsError> {
    let alias = lambda::get_alias(clients, names).await.map_err(|error| clients.explain(error))?;
    Ok(alias.map(|alias| alias.version))
}
