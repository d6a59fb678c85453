//! What is there: the live settings of a stage's resources, as far as lzap manages them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::asynchronous::AsyncConfig;
use crate::desired::FunctionConfig;
use crate::names::{Names, TAG_APP, TAG_STAGE};

/// A stage as AWS has it. `None` and empty mean that the thing doesn't exist.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The names that were looked up.
    pub names: Names,
    /// The bucket of the account and region.
    pub bucket: Option<Bucket>,
    /// The execution role that lzap made; not looked up where an existing one is used.
    pub role: Option<Role>,
    /// The log group.
    pub log_group: Option<LogGroup>,
    /// The function, as `$LATEST` has it.
    pub function: Option<Function>,
    /// The published versions, oldest first.
    pub versions: Vec<Version>,
    /// The function that the chunks of maps go to, and what is its own.
    pub workers: Workers,
    /// The alias `live`.
    pub alias: Option<Alias>,
    /// What becomes of the alias's events that nobody waits for; read only where a deploy has set it once.
    pub asynchronous: Option<AsyncConfig>,
    /// The versions that any alias holds, `live` or not: none of them may be deleted.
    pub held: BTreeSet<String>,
    /// The statements of the alias's resource policy, by id.
    pub permissions: BTreeMap<String, Permission>,
    /// The HTTP APIs with this stage's tags, oldest first. More than one is an accident; the oldest is the one. Where
    /// there is none, those that have its name and nobody's tags.
    pub apis: Vec<Api>,
    /// The rules that have the stage's name, by what their names end with: keep-warm, the schedules, and perhaps what
    /// isn't the stage's.
    pub rules: BTreeMap<String, LiveRule>,
}

/// The bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// All four switches of its public access block are on.
    pub public_access_blocked: bool,
    /// It carries lzap's tag, so lzap made it; read only for an undeploy.
    pub managed: bool,
    /// What lzap made and did not finish; read only while the stage isn't deployed, or what it uses is new.
    pub missing: BTreeSet<BucketSetting>,
    /// Nothing at all is in it; read only for an undeploy that finds none of the stage's objects.
    pub empty: bool,
    /// The stage's objects.
    pub objects: Vec<Object>,
}

/// A setting that a bucket gets after it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BucketSetting {
    /// Its own default encryption.
    Encryption,
    /// The end of uploads that were never finished. A bucket without it has no rules at all.
    Lifecycle,
    /// The end of payloads and job records, by their tags.
    Expiry,
}

/// An object in the bucket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// What S3 says of its content.
    pub etag: String,
}

impl Bucket {
    /// Those of `objects` that lzap itself puts: what stands deeper than they do is the app's, and comes and goes.
    pub fn own_objects(names: &Names, objects: impl IntoIterator<Item = Object>) -> Vec<Object> {
        let prefix = names.prefix();
        let is_own =
            |object: &Object| object.key.strip_prefix(&prefix).is_some_and(|name| !name.contains('/'));
        objects.into_iter().filter(is_own).collect()
    }

    /// Whether an object is there.
    pub fn has(&self, key: &str) -> bool {
        self.objects.iter().any(|object| object.key == key)
    }
}

/// The execution role.
#[derive(Clone, Debug, PartialEq)]
pub struct Role {
    /// Its IAM path.
    pub path: String,
    /// The ARN of the policy that bounds it.
    pub permissions_boundary: Option<String>,
    /// Its trust policy.
    pub trust_policy: Value,
    /// lzap's inline policy.
    pub policy: Option<Value>,
    /// The names of all inline policies; read only for an undeploy.
    pub inline: Vec<String>,
    /// The ARNs of the policies that somebody attached; read only for an undeploy.
    pub attached: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// The log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogGroup {
    /// Days that logs are kept; `None` is for ever.
    pub retention_days: Option<u16>,
    /// It is this stage's: by its tags, or because the function whose logs it holds is.
    pub ours: bool,
}

/// The function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its settings.
    pub config: FunctionConfig,
    /// Its code, as Lambda names it.
    pub code_sha256: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// How many of it may run at once, reserved for it.
    pub concurrency: Option<u32>,
}

/// The function that only the chunks of maps go to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workers {
    /// Itself, as `$LATEST` has it.
    pub function: Option<Function>,
    /// Its published versions, oldest first.
    pub versions: Vec<Version>,
    /// Its log group.
    pub log_group: Option<LogGroup>,
}

/// A published version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its number.
    pub number: String,
    /// Its settings.
    pub config: FunctionConfig,
    /// Its code, as Lambda names it.
    pub code_sha256: String,
    /// What it says about itself: commit, author, time.
    pub description: String,
    /// When it was published, as Lambda writes it.
    pub published: String,
}

/// The alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The version that it points to.
    pub version: String,
    /// Its description; see [`crate::history`].
    pub description: String,
    /// Another version that gets a part of the traffic.
    pub canary: Option<Canary>,
}

/// A version that gets a part of the traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    /// The version.
    pub version: String,
    /// Its share in percent.
    pub percent: u8,
}

/// A statement of the alias's resource policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The service that may call.
    pub principal: String,
    /// On whose behalf.
    pub source_arn: String,
}

/// An HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// The id that AWS gave it.
    pub id: String,
    /// The URL that AWS gave it (`ApiEndpoint`), verbatim.
    pub endpoint: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its integrations.
    pub integrations: Vec<Integration>,
    /// Its routes.
    pub routes: Vec<Route>,
    /// Whether it has the stage `$default`, deployed automatically.
    pub default_stage: Option<AutoDeploy>,
}

/// Whether a change of an API goes live by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoDeploy {
    /// It does.
    On,
    /// It waits for a deployment.
    Off,
}

/// An integration of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integration {
    /// Its id.
    pub id: String,
    /// What it calls.
    pub uri: String,
    /// The version of the event that it sends.
    pub payload_format: String,
}

/// A route of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its id.
    pub id: String,
    /// Its key: `$default`.
    pub key: String,
    /// `integrations/ID`.
    pub target: String,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveRule {
    /// Its schedule.
    pub schedule: String,
    /// Whether it fires.
    pub enabled: bool,
    /// Its targets.
    pub targets: Vec<Target>,
    /// It is this stage's: by its tags, or because it has keep-warm's name and calls this stage's alias.
    pub ours: bool,
}

/// A target of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its id.
    pub id: String,
    /// What it calls.
    pub arn: String,
    /// With which constant input.
    pub input: String,
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
            workers: Workers::default(),
            alias: None,
            asynchronous: None,
            held: BTreeSet::new(),
            permissions: BTreeMap::new(),
            apis: Vec::new(),
            rules: BTreeMap::new(),
        }
    }

    /// Whether the stage serves: its alias points to a version.
    pub fn is_deployed(&self) -> bool {
        self.alias.is_some()
    }

    /// The API that the stage's URL belongs to.
    pub fn api(&self) -> Option<&Api> {
        self.apis.first()
    }

    /// The version that the alias points to.
    pub fn live(&self) -> Option<&Version> {
        let alias = self.alias.as_ref()?;
        self.versions.iter().find(|version| version.number == alias.version)
    }

    /// The published version with this number.
    pub fn version(&self, number: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number)
    }

    /// What is left of the stage, each as `kind name`. What isn't the stage's doesn't count, nor does the shared bucket;
    /// the stage's objects in it do.
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
        for api in &self.apis {
            note(is_ours(&api.tags, names), format!("HTTP API {}", api.id));
        }
        for object in self.bucket.iter().flat_map(|bucket| &bucket.objects) {
            note(true, format!("object s3://{}/{}", names.bucket(), object.key));
        }
        remains
    }
}

/// Whether `tags` say that a resource belongs to this app and stage.
pub fn is_ours(tags: &BTreeMap<String, String>, names: &Names) -> bool {
    tags.get(TAG_APP) == Some(&names.app) && tags.get(TAG_STAGE) == Some(&names.stage)
}
