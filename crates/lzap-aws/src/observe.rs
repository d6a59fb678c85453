//! Reads a stage: all calls at once where possible, two calls one after the other at most; three if it has a worker
//! function, or a kind of resource that only the function's tag names.
//!
//! An optional kind of resource is read only if `lzap.toml` or the tag `lzap:kinds` names it; without the tag, and for
//! an undeploy, all of them are read. An unchanged stage takes 15 reads: 4 of Lambda, 2 of IAM, 1 of Logs, 4 of API
//! Gateway, 2 of EventBridge, 2 of S3. A missing resource is `None`, never an error. Each schedule takes 2 more, a
//! worker function 2, settings for asynchronous invocations 1, and the first use of tasks 2, once.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{try_join, try_join_all, try_join3, try_join4};
use lzap_core::asynchronous::AsyncConfig;
use lzap_core::ids::{RuleName, StatementId, VersionNumber};
use lzap_core::names::{KEEP_WARM, Names, is_ours};
use lzap_core::observed::Observed;
use lzap_core::resource::alias::ObservedAlias;
use lzap_core::resource::bucket::{BucketSetting, ObservedBucket};
use lzap_core::resource::function::ObservedFunction;
use lzap_core::resource::function_url::ObservedFunctionUrl;
use lzap_core::resource::http_api::ObservedApi;
use lzap_core::resource::kinds::Kinds;
use lzap_core::resource::log_group::ObservedLogGroup;
use lzap_core::resource::permission::Permission;
use lzap_core::resource::role::ObservedRole;
use lzap_core::resource::rule::ObservedRule;
use lzap_core::resource::version::ObservedVersion;
use lzap_core::resource::{event_invoke, function_url, http_api, optional_kinds, rule, workers};
use lzap_core::uses::Uses;

use crate::clients::Clients;
use crate::error::AwsError;
use crate::resource::artifact::{Depth, is_empty, list_objects};
use crate::resource::bucket::{BucketState, get_public_access_block, is_encrypted, is_managed};
use crate::resource::event_invoke::get_event_invoke_config;
use crate::resource::function_url::get_function_url;
use crate::resource::http_api::{list_apis, with_parts};
use crate::resource::lifecycle::missing_rules;
use crate::resource::log_group::{describe_log_groups, log_group_tags};
use crate::resource::role::{get_role, get_role_policy, list_attached_policies, list_role_policies};
use crate::resource::rule::{list_rules, list_targets, rule_tags};
use crate::resource::{alias, function, permission, version};
use crate::retry::{PROPAGATION, Progress, again};

/// The purpose of an observation: some reads serve one purpose only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A deploy, or a status: all settings that lzap manages.
    Stage {
        /// The features of the runtime crate that the app uses.
        uses: Uses,
        /// The optional kinds of resources in `lzap.toml`.
        kinds: Kinds,
    },
    /// A rollback: the function, its versions and its alias, and the URL. Neither bucket settings nor the
    /// role.
    Versions,
    /// An undeploy: which resources exist and whose they are; not their settings. Lists all objects of the
    /// stage, job records of the app among them.
    Undeploy,
}

/// Reads the stage.
///
/// # Errors
/// A read was refused, or AWS didn't answer. The bucket's name belongs to another account.
pub async fn observe(clients: &Clients, names: &Names, scope: &Scope) -> Result<Observed, AwsError> {
    let stage = Reader { clients, names, scope };
    Box::pin(stage.read_stage()).await.map_err(|error| clients.explain(error))
}

/// The inputs of every read.
#[derive(Clone, Copy)]
struct Reader<'a> {
    clients: &'a Clients,
    names: &'a Names,
    scope: &'a Scope,
}

/// The function, its versions, its alias, and the resources named by its tag.
struct FunctionReads {
    function: Option<ObservedFunction>,
    versions: Vec<ObservedVersion>,
    alias: Option<ObservedAlias>,
    /// The versions that any alias holds, which a deploy must not delete.
    held: BTreeSet<VersionNumber>,
    permissions: BTreeMap<StatementId, Permission>,
    /// The log groups of the function, with its owner, and of the worker function, without.
    log_groups: [Option<ObservedLogGroup>; 2],
    /// The optional kinds that `lzap.toml` doesn't name and that the stage may have, as after a front was
    /// taken out of `lzap.toml`.
    others: OptionalReads,
}

/// Resources of the optional kinds.
#[derive(Default)]
struct OptionalReads {
    /// The stage's APIs, oldest first; more than one after a `CreateApi` whose response was lost.
    apis: Vec<ObservedApi>,
    function_url: Option<ObservedFunctionUrl>,
    /// The rules by the part of their name that follows the stage's prefix.
    rules: BTreeMap<RuleName, ObservedRule>,
    /// The alias's settings for asynchronous invocations; `None` if Lambda's own apply.
    asynchronous: Option<AsyncConfig>,
    workers: Option<ObservedFunction>,
    /// The worker function's versions, oldest first.
    workers_versions: Vec<ObservedVersion>,
}

impl Reader<'_> {
    /// Reads all parts of the stage at the same time, then the few that depend on a result.
    async fn read_stage(self) -> Result<Observed, AwsError> {
        let desired = self.desired_kinds();
        // Boxed: the SDK's futures are large, and four groups of them would fill a thread's stack.
        let reads = try_join4(
            Box::pin(self.read_function(&desired)),
            Box::pin(self.read_role()),
            Box::pin(self.read_optional(&desired)),
            Box::pin(self.read_bucket()),
        );
        let (of_function, role, found, mut bucket) = reads.await?;
        let FunctionReads { function, versions, alias, held, permissions, log_groups, others } = of_function;
        if let (Scope::Stage { uses, .. }, Some(bucket)) = (self.scope, &mut bucket) {
            // A stage with an alias has a complete bucket. So its settings are read in two cases only: until the first
            // deploy has ended, and at the first use of tasks.
            let known = function.as_ref().is_some_and(|it| Uses::of_tags(&it.tags).any());
            if alias.is_none() {
                bucket.missing = self.unfinished_settings().await?;
            } else if uses.any() && !known {
                bucket.missing = self.missing_expiry().await?;
            }
        }
        let found = found.or(others);
        let [log_group, workers_log_group] = log_groups;
        // The worker function's log group is read together with the app's; its owner is known only now.
        let of_workers = Reader { names: &self.names.workers(), ..self };
        let workers_log_group = of_workers.owned_log_group(workers_log_group, found.workers.as_ref()).await?;
        Ok(Observed {
            names: self.names.clone(),
            bucket,
            role,
            log_group,
            function,
            versions,
            workers: workers::ObservedWorkers {
                function: found.workers,
                versions: found.workers_versions,
                log_group: workers_log_group,
            },
            alias,
            asynchronous: found.asynchronous,
            held,
            permissions,
            apis: found.apis,
            function_url: found.function_url,
            rules: found.rules,
        })
    }

    /// Returns the kinds to read at once, before the function's tag is known.
    fn desired_kinds(self) -> Kinds {
        match self.scope {
            Scope::Stage { kinds, .. } => kinds.clone(),
            Scope::Versions => Kinds::default(),
            // The rest belongs to the function, so its tag tells of it, or, as the worker function, to a log group.
            Scope::Undeploy => Kinds::of([http_api::KIND, rule::KIND]),
        }
    }

    /// Reads the function, its versions, its alias, and the log groups; and the optional kinds that only its
    /// tag tells of.
    async fn read_function(self, desired: &Kinds) -> Result<FunctionReads, AwsError> {
        let Self { clients, names, .. } = self;
        // The log groups come with the function's read: the worker function's tells whether to look for it.
        let (function, log_groups) =
            try_join(Box::pin(function::get_function(clients, names)), self.read_log_groups()).await?;
        let of_function = async {
            // An undeploy deletes the function as a whole, and Lambda deletes its versions and aliases with it.
            if function.is_none() || *self.scope == Scope::Undeploy {
                return Ok((Vec::new(), (None, BTreeSet::new()), BTreeMap::new()));
            }
            // The function exists, so "not found" here means that its versions aren't visible yet. The list must be
            // complete: a deploy deletes the versions that no alias holds.
            let versions = again(PROPAGATION, Progress::silent(), || version::list_versions(clients, names));
            let aliases = again(PROPAGATION, Progress::silent(), || alias::list_aliases(clients, names));
            try_join3(versions, aliases, self.read_permissions()).await
        };
        let possible = self.possible_kinds(function.as_ref(), log_groups[1].is_some()).without(desired);
        let others = Box::pin(self.read_optional(&possible));
        let [log_group, workers_log_group] = log_groups;
        let log_group = self.owned_log_group(log_group, function.as_ref());
        let (of_function, others, log_group) = try_join3(of_function, others, log_group).await?;
        let (versions, (alias, held), permissions) = of_function;
        let log_groups = [log_group, workers_log_group];
        Ok(FunctionReads { function, versions, alias, held, permissions, log_groups, others })
    }

    /// Returns the optional kinds that the stage may have. Without a function nothing can exist that belongs
    /// to its alias, and the worker function can exist only together with its log group, which is created
    /// first.
    fn possible_kinds(self, function: Option<&ObservedFunction>, has_workers_logs: bool) -> Kinds {
        let workers = Kinds::of(has_workers_logs.then_some(workers::KIND));
        let possible = match function.map(|function| Kinds::of_tags(&function.tags)) {
            Some(Some(tagged)) => tagged,
            // A function of an older lzap has no tag, so it may have every kind.
            Some(None) => optional_kinds().without(&Kinds::of([workers::KIND])),
            None => Kinds::of([http_api::KIND, rule::KIND]),
        };
        // The worker function is looked for by its log group: without a tag, the kinds above leave it out.
        let possible = possible.with(&workers);
        match self.scope {
            // Of the optional kinds, only the fronts matter to a rollback: it prints the URL.
            Scope::Versions => {
                let fronts = [http_api::KIND, function_url::KIND];
                Kinds::of(fronts.into_iter().filter(|front| possible.has(*front)))
            }
            Scope::Stage { .. } | Scope::Undeploy => possible,
        }
    }

    /// Reads the resources of these kinds, all at the same time. A kind that isn't among them costs no call,
    /// and counts as missing.
    async fn read_optional(self, kinds: &Kinds) -> Result<OptionalReads, AwsError> {
        let apis = async { if kinds.has(http_api::KIND) { self.read_apis().await } else { Ok(Vec::new()) } };
        let function_url = async {
            let reads = kinds.has(function_url::KIND);
            if reads { get_function_url(self.clients, self.names).await } else { Ok(None) }
        };
        let rules =
            async { if kinds.has(rule::KIND) { self.read_rules().await } else { Ok(BTreeMap::new()) } };
        let asynchronous = async {
            // An undeploy needs no settings: they are deleted together with the alias.
            let reads = kinds.has(event_invoke::KIND) && *self.scope != Scope::Undeploy;
            if reads { get_event_invoke_config(self.clients, self.names).await } else { Ok(None) }
        };
        let workers = async {
            if kinds.has(workers::KIND) { self.read_workers().await } else { Ok((None, Vec::new())) }
        };
        let fronts = try_join(Box::pin(apis), Box::pin(function_url));
        let reads = try_join4(fronts, Box::pin(rules), Box::pin(asynchronous), Box::pin(workers));
        let ((apis, function_url), rules, asynchronous, (workers, workers_versions)) = reads.await?;
        Ok(OptionalReads { apis, function_url, rules, asynchronous, workers, workers_versions })
    }

    /// Reads the worker function and its versions. It has no alias: the app names a version.
    async fn read_workers(self) -> Result<(Option<ObservedFunction>, Vec<ObservedVersion>), AwsError> {
        let names = &self.names.workers();
        let function = function::get_function(self.clients, names).await?;
        // Lambda deletes the versions together with the function.
        if function.is_none() || *self.scope == Scope::Undeploy {
            return Ok((function, Vec::new()));
        }
        let versions = again(PROPAGATION, Progress::silent(), || version::list_versions(self.clients, names));
        Ok((function, versions.await?))
    }

    /// Reads the alias's policy, for a deploy only.
    async fn read_permissions(self) -> Result<BTreeMap<StatementId, Permission>, AwsError> {
        match self.scope {
            // Only a deploy changes permissions; a rollback moves the alias, to which they belong.
            Scope::Stage { .. } => permission::get_policy(self.clients, self.names).await,
            Scope::Versions | Scope::Undeploy => Ok(BTreeMap::new()),
        }
    }

    /// Reads the log groups of the function and of the worker function; mostly one call for both.
    async fn read_log_groups(self) -> Result<[Option<ObservedLogGroup>; 2], AwsError> {
        match self.scope {
            Scope::Stage { .. } | Scope::Undeploy => describe_log_groups(self.clients, self.names).await,
            Scope::Versions => Ok([None, None]),
        }
    }

    /// Returns a log group with its owner: the stage, when its function is the stage's; otherwise its tags
    /// tell, which takes one more call.
    async fn owned_log_group(
        self,
        group: Option<ObservedLogGroup>,
        function: Option<&ObservedFunction>,
    ) -> Result<Option<ObservedLogGroup>, AwsError> {
        let Some(group) = group else { return Ok(None) };
        let ours = function.is_some_and(|function| is_ours(&function.tags, self.names))
            || is_ours(&log_group_tags(self.clients, self.names).await?, self.names);
        Ok(Some(ObservedLogGroup { ours, ..group }))
    }

    /// Reads the role that lzap creates. Another role isn't read: to pass it on, no read is needed, and
    /// perhaps none is allowed.
    async fn read_role(self) -> Result<Option<ObservedRole>, AwsError> {
        let Self { clients, names, .. } = self;
        if *self.scope == Scope::Versions || !names.makes_role() {
            return Ok(None);
        }
        let Some(role) = get_role(clients, names).await? else {
            return Ok(None);
        };
        if matches!(self.scope, Scope::Stage { .. }) {
            let policy = get_role_policy(clients, names).await?;
            return Ok(Some(ObservedRole { policy, ..role }));
        }
        let policies = try_join(list_role_policies(clients, names), list_attached_policies(clients, names));
        let (inline, attached) = policies.await?;
        Ok(Some(ObservedRole { inline, attached, ..role }))
    }

    /// Reads the APIs; their parts only for a deploy, which may have to change them.
    async fn read_apis(self) -> Result<Vec<ObservedApi>, AwsError> {
        let apis = list_apis(self.clients, self.names).await?;
        match self.scope {
            Scope::Stage { .. } => with_parts(self.clients, apis).await,
            Scope::Versions | Scope::Undeploy => Ok(apis),
        }
    }

    /// Reads the rules that have the stage's name. Others' may begin alike, so of each but keep-warm the tags
    /// are read.
    async fn read_rules(self) -> Result<BTreeMap<RuleName, ObservedRule>, AwsError> {
        let Self { clients, names, .. } = self;
        let listed = list_rules(clients, names).await?.into_iter();
        let whole = listed.map(|(name, rule)| Box::pin(self.read_rule(name, rule)));
        Ok(try_join_all(whole).await?.into_iter().collect())
    }

    /// Reads the owner and the targets of one rule. Keep-warm's rule is ours when it invokes our alias: only
    /// one that doesn't needs a read of its tags.
    async fn read_rule(
        self,
        name: RuleName,
        rule: ObservedRule,
    ) -> Result<(RuleName, ObservedRule), AwsError> {
        let Self { clients, names, .. } = self;
        let is_keep_warm = name == *KEEP_WARM;
        let tagged = async || Ok::<_, AwsError>(is_ours(&rule_tags(clients, names, &name).await?, names));
        if !is_keep_warm && !tagged().await? {
            return Ok((name, rule));
        }
        let targets = list_targets(clients, names, &name).await?;
        let calls_us = targets.iter().any(|target| target.arn == names.alias_arn());
        // Any other rule has passed the test of its tags above.
        let ours = !is_keep_warm || calls_us || tagged().await?;
        Ok((name, ObservedRule { targets, ours, ..rule }))
    }

    /// Reads the bucket with the stage's objects; `None` if there is none. Two calls for a deploy, one for a
    /// rollback, three for an undeploy; more if the listing has several pages.
    async fn read_bucket(self) -> Result<Option<ObservedBucket>, AwsError> {
        let Self { clients, names, scope } = self;
        // An undeploy deletes all of the stage's objects, so it must list the app's too.
        let depth = if *scope == Scope::Undeploy { Depth::All } else { Depth::Own };
        let Some(objects) = list_objects(clients, names, depth).await? else {
            return Ok(None);
        };
        let mut bucket = ObservedBucket {
            public_access_blocked: true,
            managed: false,
            missing: BTreeSet::new(),
            empty: false,
            objects,
        };
        if *scope == Scope::Undeploy {
            bucket.managed = is_managed(clients, names).await?;
            bucket.empty = bucket.objects.is_empty() && is_empty(clients, names).await?;
            return Ok(Some(bucket));
        }
        // Read at every deploy: a switch that was turned off is drift.
        if matches!(scope, Scope::Stage { .. }) {
            let state = get_public_access_block(clients, names).await?;
            bucket.public_access_blocked = state == BucketState::Blocked;
        }
        Ok(Some(bucket))
    }

    /// Returns the missing settings of a bucket that lzap created: as long as the stage has no alias, its
    /// deploy may have ended before the bucket was finished.
    async fn unfinished_settings(self) -> Result<BTreeSet<BucketSetting>, AwsError> {
        let Self { clients, names, .. } = self;
        let reads = try_join3(
            is_managed(clients, names),
            is_encrypted(clients, names),
            missing_rules(clients, names),
        );
        let (managed, encrypted, mut missing) = reads.await?;
        if !encrypted {
            missing.insert(BucketSetting::Encryption);
        }
        // A bucket that lzap didn't create keeps its owner's settings.
        Ok(if managed { missing } else { BTreeSet::new() })
    }

    /// Returns the missing lifecycle rules of a bucket that lzap created, which only some apps need.
    async fn missing_expiry(self) -> Result<BTreeSet<BucketSetting>, AwsError> {
        let Self { clients, names, .. } = self;
        let (managed, missing) = try_join(is_managed(clients, names), missing_rules(clients, names)).await?;
        Ok(if managed { missing } else { BTreeSet::new() })
    }
}

impl OptionalReads {
    /// Returns these resources, and those of `others`. Each kind was read for one of both only.
    fn or(self, others: Self) -> Self {
        Self {
            apis: if self.apis.is_empty() { others.apis } else { self.apis },
            function_url: self.function_url.or(others.function_url),
            rules: if self.rules.is_empty() { others.rules } else { self.rules },
            asynchronous: self.asynchronous.or(others.asynchronous),
            workers: self.workers.or(others.workers),
            workers_versions: if self.workers_versions.is_empty() {
                others.workers_versions
            } else {
                self.workers_versions
            },
        }
    }
}
