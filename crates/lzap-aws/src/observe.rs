//! Reading a stage: everything at once, two calls deep; three where it has workers.
//!
//! First what tells whether a thing exists; then, of what does, the parts. A stage that exists and is unchanged takes 15
//! reads: 4 of Lambda, 2 of IAM, 1 of Logs, 4 of API Gateway, 2 of `EventBridge`, 2 of S3. What doesn't exist is `None`,
//! never an error. Each schedule takes 2 more, workers 2, settings for asynchronous events 1, and tasks
//! 2, once.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{try_join, try_join_all, try_join3, try_join4, try_join5};
use lzap_core::asynchronous::{AsyncConfig, TAG_ASYNC};
use lzap_core::names::{KEEP_WARM, Names};
use lzap_core::observed::{
    Alias, Api, Bucket, BucketSetting, Function, LiveRule, LogGroup, Observed, Permission, Role, Version,
    Workers, is_ours,
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
    workers: Workers,
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
        let FunctionReads { function, versions, alias, held, permissions, asynchronous, log_group, workers } =
            of_function;
        let names = self.names.clone();
        Ok(Observed {
            names,
            bucket,
            role,
            log_group,
            function,
            versions,
            workers,
            alias,
            asynchronous,
            held,
            permissions,
            apis,
            rules,
        })
    }

    /// The function and its log group; and its workers, where there are any.
    async fn function(self) -> Result<FunctionReads, AwsError> {
        let Self { clients, names, .. } = self;
        let (function, [log_group, of_workers]) =
            try_join(Box::pin(lambda::get_function(clients, names)), self.log_groups()).await?;
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
        let ((versions, (alias, held), permissions, asynchronous), log_group, workers) = try_join3(
            of_function,
            self.owned(log_group, function.as_ref()),
            Box::pin(self.workers(function.as_ref(), of_workers)),
        )
        .await?;
        Ok(FunctionReads { function, versions, alias, held, permissions, asynchronous, log_group, workers })
    }

    /// A log group's owner is known by its function: only one without a function of ours is asked for its tags.
    async fn owned(
        self,
        group: Option<LogGroup>,
        function: Option<&Function>,
    ) -> Result<Option<LogGroup>, AwsError> {
        let Some(group) = group else { return Ok(None) };
        if function.is_some_and(|function| is_ours(&function.tags, self.names)) {
            return Ok(Some(LogGroup { ours: true, ..group }));
        }
        let tags = logs::log_group_tags(self.clients, self.names).await?;
        Ok(Some(LogGroup { ours: is_ours(&tags, self.names), ..group }))
    }

    /// Looked for where the app's tag tells of them, or their log group is there, which is made before them.
    async fn workers(self, app: Option<&Function>, log_group: Option<LogGroup>) -> Result<Workers, AwsError> {
        let is_tagged = app.is_some_and(|app| Uses::of_tags(&app.tags).workers);
        if self.scope == Scope::Versions || !(is_tagged || log_group.is_some()) {
            return Ok(Workers::default());
        }
        let names = &self.names.workers();
        let function = lambda::get_function(self.clients, names).await?;
        let versions = async {
            if function.is_none() || self.scope == Scope::Undeploy {
                return Ok(Vec::new());
            }
            again(FRESH, Progress::silent(), || lambda::list_versions(self.clients, names)).await
        };
        let of_workers = Reader { names, ..self };
        let (versions, log_group) =
            try_join(versions, of_workers.owned(log_group, function.as_ref())).await?;
        Ok(Workers { function, versions, log_group })
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

    /// That of the function, and that of its workers.
    async fn log_groups(self) -> Result<[Option<LogGroup>; 2], AwsError> {
        match self.scope {
            Scope::Stage(_) | Scope::Undeploy => logs::describe_log_groups(self.clients, self.names).await,
            Scope::Versions => Ok([None, None]),
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
