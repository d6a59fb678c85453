//! The observed state: the live settings of a stage's resources, as far as lzap manages them.

use std::collections::{BTreeMap, BTreeSet};

use crate::asynchronous::AsyncConfig;
use crate::ids::{RuleName, StatementId, VersionNumber};
use crate::names::{Names, is_ours};
use crate::resource::alias::ObservedAlias;
use crate::resource::artifact::Object;
use crate::resource::bucket::ObservedBucket;
use crate::resource::front::Front;
use crate::resource::function::ObservedFunction;
use crate::resource::function_url::ObservedFunctionUrl;
use crate::resource::http_api::ObservedApi;
use crate::resource::kinds::Kinds;
use crate::resource::log_group::ObservedLogGroup;
use crate::resource::permission::{Caller, Permission};
use crate::resource::reference::ApiRef;
use crate::resource::role::ObservedRole;
use crate::resource::rule::ObservedRule;
use crate::resource::version::ObservedVersion;
use crate::resource::workers::ObservedWorkers;
use crate::resource::{event_invoke, function_url, http_api, rule, workers};

/// A stage as AWS has it. `None` and empty mean that the thing doesn't exist.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The names that were looked up.
    pub names: Names,
    /// The bucket of the account and region.
    pub bucket: Option<ObservedBucket>,
    /// The execution role that lzap made; not looked up where an existing one is used.
    pub role: Option<ObservedRole>,
    /// The log group.
    pub log_group: Option<ObservedLogGroup>,
    /// The function, as `$LATEST` has it.
    pub function: Option<ObservedFunction>,
    /// The published versions, oldest first.
    pub versions: Vec<ObservedVersion>,
    /// The function that the chunks of maps go to, and what is its own.
    pub workers: ObservedWorkers,
    /// The alias `live`.
    pub alias: Option<ObservedAlias>,
    /// The asynchronous invocation settings of the alias; read only if a deploy has set them once.
    pub asynchronous: Option<AsyncConfig>,
    /// The versions that any alias holds, `live` or not: none of them may be deleted.
    pub held: BTreeSet<VersionNumber>,
    /// The statements of the alias's resource policy, by id.
    pub permissions: BTreeMap<StatementId, Permission>,
    /// The HTTP APIs with this stage's tags, oldest first. An interrupted deploy can leave more than one: see
    /// [`Observed::api`]. If there is none: the APIs that have the stage's name and no owner's tags.
    pub apis: Vec<ObservedApi>,
    /// The alias's function URL.
    pub function_url: Option<ObservedFunctionUrl>,
    /// The rules that have the stage's prefix, by the rest of their names: keep-warm, the schedules, and perhaps rules
    /// of other owners.
    pub rules: BTreeMap<RuleName, ObservedRule>,
}

impl Observed {
    /// A stage of which nothing exists.
    pub fn nothing(names: Names) -> Self {
        Self {
            names,
            bucket: None,
            role: None,
            log_group: None,
            function: None,
            versions: Vec::new(),
            workers: ObservedWorkers::default(),
            alias: None,
            asynchronous: None,
            held: BTreeSet::new(),
            permissions: BTreeMap::new(),
            apis: Vec::new(),
            function_url: None,
            rules: BTreeMap::new(),
        }
    }

    /// True if the stage serves requests: its alias points to a version.
    pub fn is_deployed(&self) -> bool {
        self.alias.is_some()
    }

    /// The stage's objects in the bucket.
    pub fn objects(&self) -> &[Object] {
        self.bucket.as_ref().map(|bucket| bucket.objects.as_slice()).unwrap_or_default()
    }

    /// The API that the URL belongs to, where the front is an HTTP API: the one that may invoke the alias, else the oldest.
    pub fn api(&self) -> Option<&ObservedApi> {
        self.apis_by_use().into_iter().next()
    }

    /// The HTTP APIs, the one that the URL belongs to first. A `CreateApi` whose answer was lost can leave an older one,
    /// which becomes visible after the stage is served by the next.
    pub(crate) fn apis_by_use(&self) -> Vec<&ObservedApi> {
        let permitted = self.permissions.get(&Caller::Api(ApiRef::Created).statement());
        let is_used = |api: &&ObservedApi| {
            let caller = Caller::Api(ApiRef::Known(api.id.clone()));
            permitted.is_some() && permitted == caller.permission(&self.names, None).as_ref()
        };
        let (used, unused): (Vec<_>, Vec<_>) = self.apis.iter().partition(is_used);
        used.into_iter().chain(unused).collect()
    }

    /// The stage's URL: that of the desired front, or of another one while that doesn't exist; `None` for a stage without a
    /// front.
    pub fn url(&self, front: Front) -> Option<&str> {
        let api = self.api().map(|api| api.endpoint.as_str());
        let function_url = self.function_url.as_ref().map(|found| found.url.as_str());
        let own_api = api.filter(|_| self.api().is_some_and(|api| is_ours(&api.tags, &self.names)));
        match front {
            Front::HttpApi => api.or(function_url),
            Front::FunctionUrl => function_url.or(own_api),
            Front::None => None,
        }
    }

    /// The version that the alias points to.
    pub fn live(&self) -> Option<&ObservedVersion> {
        let alias = self.alias.as_ref()?;
        self.versions.iter().find(|version| version.number == alias.version)
    }

    /// The published version with this number.
    pub fn version(&self, number: &VersionNumber) -> Option<&ObservedVersion> {
        self.versions.iter().find(|version| version.number == *number)
    }

    /// The optional kinds of which the stage has something.
    pub(crate) fn kinds(&self) -> Kinds {
        let names = &self.names;
        // Its log group is read in any case: one call returns both of the stage's.
        let has_workers = self.workers.function.as_ref().is_some_and(|it| is_ours(&it.tags, names));
        let kinds = [
            (self.apis.iter().any(|api| is_ours(&api.tags, names)), http_api::KIND),
            (self.function_url.is_some(), function_url::KIND),
            (self.rules.values().any(|rule| rule.ours), rule::KIND),
            (self.asynchronous.is_some(), event_invoke::KIND),
            (has_workers, workers::KIND),
        ];
        Kinds::of(kinds.into_iter().filter(|(has, _)| *has).map(|(_, kind)| kind))
    }

    /// The leftover resources of the stage, each as `kind name`. Resources of other owners and the shared bucket don't
    /// count; the stage's objects in the bucket do.
    pub fn remains(&self) -> Vec<String> {
        let names = &self.names;
        let mut remains = Vec::new();
        let mut note = |there: bool, text: String| {
            if there {
                remains.push(text);
            }
        };
        note(self.function.is_some(), format!("function {}", names.function()));
        let workers = self.workers.function.as_ref().is_some_and(|function| is_ours(&function.tags, names));
        note(workers, format!("function {}", names.workers().function()));
        note(self.role.is_some(), format!("role {}", names.role()));
        let log_group = self.log_group.as_ref().is_some_and(|group| group.ours);
        note(log_group, format!("log group {}", names.log_group()));
        let log_group = self.workers.log_group.as_ref().is_some_and(|group| group.ours);
        note(log_group, format!("log group {}", names.workers().log_group()));
        for (name, rule) in &self.rules {
            note(rule.ours, format!("rule {}", names.rule(name)));
        }
        note(self.function_url.is_some(), format!("function URL of {}", names.function()));
        for api in &self.apis {
            note(is_ours(&api.tags, names), format!("HTTP API {}", api.id));
        }
        for object in self.objects() {
            note(true, format!("object s3://{}/{}", names.bucket(), object.key));
        }
        remains
    }
}
