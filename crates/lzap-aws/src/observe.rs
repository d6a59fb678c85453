//! Reading a stage: everything at once, two calls deep.
//!
//! First what tells whether a thing exists; then, of what does, the parts. A stage that exists and is unchanged takes 15
//! reads: 4 of Lambda, 2 of IAM, 1 of Logs, 4 of API Gateway, 2 of `EventBridge`, 2 of S3. What doesn't exist is `None`,
//! never an error. Each schedule takes 2 more, settings for asynchronous events 1, and tasks 2, once.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{try_join, try_join_all, try_join3, try_join4, try_join5};
use lzap_core::asynchronous::{AsyncConfig, TAG_ASYNC};
use lzap_core::names::{KEEP_WARM, Names};
use lzap_core::observed::{
    Alias, Api, Bucket, BucketSetting, Function, LiveRule, LogGroup, Observed, Permission, Role, Version,
    is_ours,
};
use lzap_core::uses::Uses;

use crate::clients::Clients;
use crate::error::AwsError;
use crate::retry::{FRESH, Progress, again};
use crate::s3::{BucketState, Depth};
use crate::{apigateway, events, iam, lambda, logs, s3};

/// What an observation is for: some reads serve one purpose only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A deploy of an app that uses this, or a look: all settings that lzap manages.
    Stage(Uses),
    /// A rollback: the function, its versions and its alias, and the URL.
    Versions,
    /// An undeploy: what exists and whose it is; not its settings.
    Undeploy,
}

/// What is there of the stage.
///
/// # Errors
/// A read was refused, or nobody answered. The bucket's name belongs to another account.
pub async fn observe(clients: &Clients, names: &Names, scope: Scope) -> Result<Observed, AwsError> {
    let stage = Reader { clients, names, scope };
    Box::pin(stage.read()).await.map_err(|error| clients.explain(error))
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    clients: &'a Clients,
    names: &'a Names,
    scope: Scope,
}

struct FunctionReads {
    function: Option<Function>,
    versions: Vec<Version>,
    alias: Option<Alias>,
    held: BTreeSet<String>,
    permissions: BTreeMap<String, Permission>,
    asynchronous: Option<AsyncConfig>,
    log_group: Option<LogGroup>,
}

impl Reader<'_> {
    async fn read(self) -> Result<Observed, AwsError> {
        // Boxed: the SDK's futures are large, and five groups of them would fill a thread's stack.
        let reads = try_join5(
            Box::pin(self.function()),
            Box::pin(self.role()),
            Box::pin(self.apis()),
            Box::pin(self.rules()),
            Box::pin(self.bucket()),
        );
        let (of_function, role, apis, rules, mut bucket) = reads.await?;
        if let (Scope::Stage(uses), Some(bucket)) = (self.scope, &mut bucket) {
            let known = of_function.function.as_ref().is_some_and(|it| Uses::of_tags(&it.tags).any());
            if of_function.alias.is_none() {
                bucket.missing = self.half_made().await?;
            } else if uses.any() && !known {
                bucket.missing = self.unexpiring().await?;
            }
        }
        let FunctionReads { function, versions, alias, held, permissions, asynchronous, log_group } =
            of_function;
        let names = self.names.clone();
        Ok(Observed {
            names,
            bucket,
            role,
            log_group,
            function,
            versions,
            alias,
            asynchronous,
            held,
            permissions,
            apis,
            rules,
        })
    }

    /// The function and its log group, whose owner is known by the function: only a log group without one is asked for
    /// its tags.
    async fn function(self) -> Result<FunctionReads, AwsError> {
        let Self { clients, names, .. } = self;
        let (function, log_group) =
            try_join(Box::pin(lambda::get_function(clients, names)), self.log_group()).await?;
        let ours = function.as_ref().is_some_and(|function| is_ours(&function.tags, names));
        let of_function = async {
            if function.is_none() || self.scope == Scope::Undeploy {
                return Ok((Vec::new(), (None, BTreeSet::new()), BTreeMap::new(), None));
            }
            let tags = function.as_ref().map(|function| &function.tags);
            // What the function has is asked again where it isn't seen yet: what isn't listed would be swept up.
            let versions = again(FRESH, Progress::silent(), || lambda::list_versions(clients, names));
            let aliases = again(FRESH, Progress::silent(), || lambda::list_aliases(clients, names));
            try_join4(versions, aliases, self.permissions(), self.asynchronous(tags)).await
        };
        let of_log_group = async {
            Ok(match log_group {
                Some(group) if !ours => {
                    let tags = logs::log_group_tags(clients, names).await?;
                    Some(LogGroup { ours: is_ours(&tags, names), ..group })
                }
                Some(group) => Some(LogGroup { ours, ..group }),
                None => None,
            })
        };
        let ((versions, (alias, held), permissions, asynchronous), log_group) =
            try_join(of_function, of_log_group).await?;
        Ok(FunctionReads { function, versions, alias, held, permissions, asynchronous, log_group })
    }

    /// Only where a deploy has set it once, which the function's tag tells.
    async fn asynchronous(
        self,
        tags: Option<&BTreeMap<String, String>>,
    ) -> Result<Option<AsyncConfig>, AwsError> {
        let is_set = tags.is_some_and(|tags| tags.contains_key(TAG_ASYNC));
        match self.scope {
            Scope::Stage(_) if is_set => lambda::get_async(self.clients, self.names).await,
            _ => Ok(None),
        }
    }

    async fn permissions(self) -> Result<BTreeMap<String, Permission>, AwsError> {
        match self.scope {
            Scope::Stage(_) => lambda::get_policy(self.clients, self.names).await,
            Scope::Versions | Scope::Undeploy => Ok(BTreeMap::new()),
        }
    }

    async fn log_group(self) -> Result<Option<LogGroup>, AwsError> {
        match self.scope {
            Scope::Stage(_) | Scope::Undeploy => logs::describe_log_group(self.clients, self.names).await,
            Scope::Versions => Ok(None),
        }
    }

    /// Nothing of a role that lzap doesn't make: to pass it on, no read is needed, and perhaps none is allowed.
    async fn role(self) -> Result<Option<Role>, AwsError> {
        let Self { clients, names, .. } = self;
        if self.scope == Scope::Versions || !names.makes_role() {
            return Ok(None);
        }
        let Some(role) = iam::get_role(clients, names).await? else {
            return Ok(None);
        };
        if matches!(self.scope, Scope::Stage(_)) {
            let policy = iam::get_role_policy(clients, names).await?;
            return Ok(Some(Role { policy, ..role }));
        }
        let policies =
            try_join(iam::list_role_policies(clients, names), iam::list_attached_policies(clients, names));
        let (inline, attached) = policies.await?;
        Ok(Some(Role { inline, attached, ..role }))
    }

    async fn apis(self) -> Result<Vec<Api>, AwsError> {
        let apis = apigateway::list_apis(self.clients, self.names).await?;
        match self.scope {
            Scope::Stage(_) => apigateway::with_parts(self.clients, apis).await,
            Scope::Versions | Scope::Undeploy => Ok(apis),
        }
    }

    /// The rules that have the stage's name. Others' may begin alike, so of each but keep-warm the tags are asked.
    async fn rules(self) -> Result<BTreeMap<String, LiveRule>, AwsError> {
        let Self { clients, names, .. } = self;
        if self.scope == Scope::Versions {
            return Ok(BTreeMap::new());
        }
        let listed = events::list_rules(clients, names).await?.into_iter();
        let whole = listed.map(|(name, rule)| Box::pin(self.rule(name, rule)));
        Ok(try_join_all(whole).await?.into_iter().collect())
    }

    /// Keep-warm's rule is ours when it calls our alias: only one that doesn't is asked for its tags.
    async fn rule(self, name: String, rule: LiveRule) -> Result<(String, LiveRule), AwsError> {
        let Self { clients, names, .. } = self;
        let tagged =
            async || Ok::<_, AwsError>(is_ours(&events::rule_tags(clients, names, &name).await?, names));
        if name != KEEP_WARM && !tagged().await? {
            return Ok((name, rule));
        }
        let targets = events::list_targets(clients, names, &name).await?;
        let calls_us = targets.iter().any(|target| target.arn == names.alias_arn());
        let ours = name != KEEP_WARM || calls_us || tagged().await?;
        Ok((name, LiveRule { targets, ours, ..rule }))
    }

    async fn bucket(self) -> Result<Option<Bucket>, AwsError> {
        let Self { clients, names, scope } = self;
        let depth = if scope == Scope::Undeploy { Depth::All } else { Depth::Own };
        let Some(objects) = s3::list_objects(clients, names, depth).await? else {
            return Ok(None);
        };
        let mut bucket = Bucket {
            public_access_blocked: true,
            managed: false,
            missing: BTreeSet::new(),
            empty: false,
            objects,
        };
        if scope == Scope::Undeploy {
            bucket.managed = s3::is_managed(clients, names).await?;
            bucket.empty = bucket.objects.is_empty() && s3::is_empty(clients, names).await?;
            return Ok(Some(bucket));
        }
        if matches!(scope, Scope::Stage(_)) {
            let state = s3::get_public_access_block(clients, names).await?;
            bucket.public_access_blocked = state == BucketState::Blocked;
        }
        Ok(Some(bucket))
    }

    /// What a bucket that lzap made still lacks: as long as the stage has no alias, its deploy may have broken off before
    /// the bucket was finished.
    async fn half_made(self) -> Result<BTreeSet<BucketSetting>, AwsError> {
        let Self { clients, names, .. } = self;
        let reads = try_join3(
            s3::is_managed(clients, names),
            s3::is_encrypted(clients, names),
            s3::missing_rules(clients, names),
        );
        let (managed, encrypted, mut missing) = reads.await?;
        if !encrypted {
            missing.insert(BucketSetting::Encryption);
        }
        Ok(if managed { missing } else { BTreeSet::new() })
    }

    /// Whether a bucket that lzap made still lacks the rules that only some apps need.
    async fn unexpiring(self) -> Result<BTreeSet<BucketSetting>, AwsError> {
        let Self { clients, names, .. } = self;
        let reads = try_join(s3::is_managed(clients, names), s3::missing_rules(clients, names));
        let (managed, missing) = reads.await?;
        Ok(if managed { missing } else { BTreeSet::new() })
    }
}
