//! What a plan is made of: changes, which a person reads, and steps, each one AWS call, which `apply` carries out.
//!
//! A step is specific enough that carrying it out leaves nothing to decide. What AWS names only while the plan runs
//! (the API's id, the version's number) is a typed reference.

mod reference;
mod verb;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use serde_json::Value;

use crate::asynchronous::AsyncConfig;
use crate::desired::{Artifact, FunctionConfig};
use crate::names::Part;

pub use reference::{ApiRef, Caller, IntegrationRef, Share, VersionRef};

/// What to do, in which order, and what a person is told about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The changes, by resource, creations first, deletions last.
    pub changes: Vec<Change>,
    /// The calls. A step comes after all those it waits for.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Whether everything is as it should be.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether the plan takes something away, so that a person should be asked. Versions and artifacts that nobody
    /// needs any more don't count: a deploy sweeps them up behind itself.
    pub fn is_destructive(&self) -> bool {
        self.changes.iter().any(|change| {
            matches!(change.action, Action::Delete | Action::Replace)
                && !matches!(change.resource, Resource::Version | Resource::Artifact)
        })
    }

    /// Whether a setting differs from what lzap last deployed, so that somebody must have changed it by hand.
    pub fn has_drift(&self) -> bool {
        self.changes.iter().flat_map(|change| &change.fields).any(|field| field.origin == Origin::Drift)
    }

    /// The steps that need no artifact and only make what isn't there yet, so that they may be taken while the compiler
    /// runs. What already serves is left alone until the new version has answered its probe.
    #[must_use]
    pub fn early(&self) -> Self {
        let foundations =
            [Resource::Bucket, Resource::Role, Resource::LogGroup, Resource::Api, Resource::Rule];
        self.part(|step| {
            let change = &self.changes[step.change];
            change.action == Action::Create && foundations.contains(&change.resource)
        })
    }

    /// The step without which there is nowhere to put a lock.
    #[must_use]
    pub fn new_bucket(&self) -> Self {
        self.part(|step| step.call == Call::CreateBucket)
    }

    /// The same, and those that mark and close a new bucket before anything goes into it.
    #[must_use]
    pub fn new_bucket_settings(&self) -> Self {
        let closing = [Call::CreateBucket, Call::TagBucket, Call::BlockPublicAccess];
        self.part(|step| self.changes[step.change].action == Action::Create && closing.contains(&step.call))
    }

    /// The steps that are `wanted` and wait for none that isn't, with all changes.
    fn part(&self, wanted: impl Fn(&Step) -> bool) -> Self {
        let mut places: BTreeMap<StepId, StepId> = BTreeMap::new();
        let mut steps = Vec::new();
        for (id, step) in self.steps.iter().enumerate() {
            let after: Option<Vec<StepId>> =
                step.after.iter().map(|before| places.get(before).copied()).collect();
            if let Some(after) = after.filter(|_| wanted(step)) {
                places.insert(id, steps.len());
                steps.push(Step { after, ..step.clone() });
            }
        }
        Self { changes: self.changes.clone(), steps }
    }
}

/// A change of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which kind of resource.
    pub resource: Resource,
    /// Its name.
    pub name: String,
    /// What happens to it.
    pub action: Action,
    /// Which settings change, for [`Action::Update`].
    pub fields: Vec<FieldChange>,
}

/// A kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// The S3 bucket.
    Bucket,
    /// The zip in the bucket.
    Artifact,
    /// The execution role.
    Role,
    /// The log group.
    LogGroup,
    /// The function.
    Function,
    /// The function that the chunks of maps go to.
    Workers,
    /// A published version of the function.
    Version,
    /// The alias that traffic goes through.
    Alias,
    /// What becomes of the alias's events that nobody waits for.
    Async,
    /// The HTTP API.
    Api,
    /// A statement of the alias's resource policy.
    Permission,
    /// The keep-warm rule, or a schedule's.
    Rule,
}

impl Resource {
    /// Its name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bucket => "bucket",
            Self::Artifact => "artifact",
            Self::Role => "role",
            Self::LogGroup => "log group",
            Self::Function => "function",
            Self::Workers => "workers",
            Self::Version => "version",
            Self::Alias => "alias",
            Self::Async => "async",
            Self::Api => "HTTP API",
            Self::Permission => "permission",
            Self::Rule => "rule",
        }
    }
}

/// What happens to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is made.
    Create,
    /// Some of its settings change.
    Update,
    /// It is taken away and made anew.
    Replace,
    /// It is taken away.
    Delete,
}

impl Action {
    /// Its name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }
}

/// A setting that changes. Environment values never stand here, only that they differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// The setting.
    pub field: String,
    /// What it is; `None` is unset.
    pub before: Option<String>,
    /// What it becomes; `None` is unset.
    pub after: Option<String>,
    /// Why it differs.
    pub origin: Origin,
}

/// Why a setting is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Something else is wanted now; or it can't be told.
    Wanted,
    /// Somebody changed it by hand after lzap had set it.
    Drift,
}

impl FieldChange {
    /// A change from `before` to `after`.
    pub fn new(field: impl Into<String>, before: impl Display, after: impl Display) -> Self {
        Self::of(field, Some(before.to_string()), Some(after.to_string()))
    }

    /// A change between values of which one may be missing.
    pub fn of(field: impl Into<String>, before: Option<String>, after: Option<String>) -> Self {
        Self { field: field.into(), before, after, origin: Origin::Wanted }
    }

    /// The same change of a setting that only a hand can have changed.
    #[must_use]
    pub fn drifted(self) -> Self {
        Self { origin: Origin::Drift, ..self }
    }
}

/// A step's place in [`Plan::steps`].
pub type StepId = usize;

/// One AWS call.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The change that it is part of: its place in [`Plan::changes`].
    pub change: usize,
    /// The call.
    pub call: Call,
    /// The steps that must have ended before; each is smaller than this one's own id.
    pub after: Vec<StepId>,
}

/// One write to AWS, or the probe. Names stand in [`crate::names::Names`]; here is what they don't say.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// `s3:CreateBucket` with lzap's mark.
    CreateBucket,
    /// `s3:PutPublicAccessBlock`, all four switches on.
    BlockPublicAccess,
    /// `s3:PutBucketEncryption` with S3's own keys.
    EncryptBucket,
    /// `s3:PutBucketLifecycleConfiguration`: unfinished uploads go after a week, payloads and job records by their tags.
    PutBucketLifecycle,
    /// `s3:PutBucketLifecycleConfiguration` with the rules that are there, and those for payloads and job records.
    AddBucketExpiry,
    /// `s3:PutBucketTagging` with lzap's mark, for clouds that take no tags with a new bucket.
    TagBucket,
    /// `s3:PutObject`.
    UploadArtifact(Artifact),
    /// `iam:CreateRole`.
    CreateRole {
        /// The ARN of the policy that bounds it.
        permissions_boundary: Option<String>,
        /// Who may take it.
        trust_policy: Value,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// `iam:UpdateAssumeRolePolicy`.
    UpdateTrustPolicy(Value),
    /// `iam:PutRolePermissionsBoundary`: the ARN of the policy.
    PutPermissionsBoundary(String),
    /// `iam:DeleteRolePermissionsBoundary`.
    DeletePermissionsBoundary,
    /// `iam:PutRolePolicy`.
    PutRolePolicy(Value),
    /// `iam:TagRole`.
    TagRole(BTreeMap<String, String>),
    /// `logs:CreateLogGroup`.
    CreateLogGroup {
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// `logs:PutRetentionPolicy`.
    PutRetention(u16),
    /// `logs:TagResource` on the log group.
    TagLogGroup(BTreeMap<String, String>),
    /// `lambda:CreateFunction` from the bucket, then until it is `Active`.
    CreateFunction {
        /// Its settings.
        config: FunctionConfig,
        /// Its code.
        artifact: Artifact,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// `lambda:UpdateFunctionConfiguration`, then until the update is `Successful`.
    UpdateFunctionConfiguration(FunctionConfig),
    /// `lambda:UpdateFunctionCode` from the bucket, then until the update is `Successful`.
    UpdateFunctionCode {
        /// The code.
        artifact: Artifact,
        /// The architecture, which goes with the code.
        config: FunctionConfig,
    },
    /// `lambda:TagResource`.
    TagFunction(BTreeMap<String, String>),
    /// `lambda:PutFunctionConcurrency`: so many may run at once, and are reserved for it.
    PutConcurrency(u32),
    /// `lambda:DeleteFunctionConcurrency`.
    DeleteConcurrency,
    /// One of these calls, to the workers instead: their function, its versions, its log group.
    OfWorkers(Box<Self>),
    /// `lambda:PublishVersion`, then until the version is `Active`.
    PublishVersion {
        /// What the version says about itself.
        description: String,
        /// The code that must be in `$LATEST`, else somebody else deployed meanwhile.
        code_sha256: String,
    },
    /// `lambda:Invoke` of a version with a probe, and with a request for `health_path` where there is one. A wrong answer
    /// ends the plan before the switch, and so does one that lacks a task.
    Probe {
        /// The version: the published one; or the live one, when only a schedule is new.
        version: VersionRef,
        /// The tasks that it must have.
        tasks: BTreeSet<String>,
        /// The path to request as the HTTP API would.
        health_path: Option<String>,
    },
    /// `lambda:CreateAlias`.
    CreateAlias(VersionRef),
    /// `lambda:UpdateAlias`: the switch.
    UpdateAlias {
        /// Where it goes.
        version: VersionRef,
        /// Another version that gets a part of the traffic.
        canary: Option<Share>,
        /// Where it comes from.
        live: String,
        /// What its description was.
        description: String,
        /// Which way.
        direction: Direction,
    },
    /// `lambda:PutFunctionEventInvokeConfig` of the alias.
    PutAsync(AsyncConfig),
    /// `lambda:DeleteFunctionEventInvokeConfig` of the alias.
    DeleteAsync,
    /// `lambda:DeleteFunction` of one version.
    DeleteVersion(String),
    /// `lambda:AddPermission` on the alias.
    AddPermission(Caller),
    /// `lambda:RemovePermission` on the alias.
    RemovePermission(String),
    /// `apigateway:CreateApi`. Has no idempotency token: never retried.
    CreateApi {
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// `apigateway:CreateIntegration` on the alias, payload format 2.0.
    CreateIntegration(ApiRef),
    /// `apigateway:UpdateIntegration` to the alias, payload format 2.0.
    UpdateIntegration {
        /// The API.
        api: ApiRef,
        /// The integration.
        integration: String,
    },
    /// `apigateway:CreateRoute` for `$default`.
    CreateRoute {
        /// The API.
        api: ApiRef,
        /// Where it leads.
        integration: IntegrationRef,
    },
    /// `apigateway:UpdateRoute` for `$default`.
    UpdateRoute {
        /// The API.
        api: ApiRef,
        /// The route.
        route: String,
        /// Where it leads.
        integration: IntegrationRef,
    },
    /// `apigateway:CreateStage` for `$default`, deployed automatically.
    CreateStage {
        /// The API.
        api: ApiRef,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// `apigateway:UpdateStage` of `$default` to automatic deployment.
    UpdateStage(ApiRef),
    /// `apigateway:TagResource` on the API.
    TagApi {
        /// The API.
        api: String,
        /// The tags.
        tags: BTreeMap<String, String>,
    },
    /// `events:PutRule`, enabled.
    PutRule {
        /// What its name ends with.
        rule: String,
        /// Its schedule.
        schedule: String,
        /// Its tags; AWS takes them only when the rule is new.
        tags: BTreeMap<String, String>,
    },
    /// `events:PutTargets`: the alias, with this input.
    PutTarget {
        /// What the rule's name ends with.
        rule: String,
        /// The constant input.
        input: String,
    },
    /// `events:TagResource` on a rule.
    TagRule {
        /// What its name ends with.
        rule: String,
        /// The tags.
        tags: BTreeMap<String, String>,
    },
    /// `events:RemoveTargets`.
    RemoveTargets {
        /// What the rule's name ends with.
        rule: String,
        /// The targets' ids.
        ids: Vec<String>,
    },
    /// `events:DeleteRule`: what its name ends with.
    DeleteRule(String),
    /// `apigateway:DeleteApi`.
    DeleteApi(String),
    /// `lambda:DeleteFunction`: its versions, its alias and their policies go with it.
    DeleteFunction,
    /// `iam:DeleteRolePolicy`: lzap's own, or one that somebody added.
    DeleteRolePolicy(String),
    /// `iam:DetachRolePolicy`, by the policy's ARN.
    DetachRolePolicy(String),
    /// `iam:DeleteRole`.
    DeleteRole,
    /// `logs:DeleteLogGroup`.
    DeleteLogGroup,
    /// `s3:DeleteObjects`.
    DeleteObjects(Vec<String>),
    /// `s3:DeleteBucket`; one that other stages use is not empty, which is fine.
    DeleteBucketIfEmpty,
}

impl Call {
    /// The same call, to this one of the stage's functions.
    #[must_use]
    pub fn of(self, part: Part) -> Self {
        match part {
            Part::App => self,
            Part::Workers => Self::OfWorkers(Box::new(self)),
        }
    }
}

/// Which way an alias moves: on to a newer deploy, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A deploy.
    Forward,
    /// A rollback.
    Back,
    /// Neither: only what a canary gets changes.
    Stay,
}
