//! `lzap.toml` as it is written: tables, keys and where they stand, nothing merged, no default filled in.
//!
//! Everything that is wrong with a file is found here and in [`crate::settings`], before anything is compiled or
//! called, and points at its line. The types are also the source of the JSON Schema that `lzap config --schema`
//! prints. Merging `extends` and filling in defaults is [`crate::settings`]'s.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use schemars::JsonSchema;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
pub use toml::Spanned;

use crate::platform::{Architecture, Linker};

/// The name of the file.
pub const FILE_NAME: &str = "lzap.toml";

/// `lzap.toml`: the app and its stages.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "lzap.toml")]
pub struct Config {
    /// The app's name: part of the name of everything that lzap makes. Default: the Cargo package's name.
    #[schemars(with = "Option<String>", regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"))]
    pub app: Option<Spanned<String>>,
    /// The stage that commands act on when none is named. Default: the only stage.
    #[schemars(with = "Option<String>")]
    pub default_stage: Option<Spanned<String>>,
    /// The Cargo package to deploy, in a workspace with several. Default: the package of this folder.
    #[schemars(with = "Option<String>")]
    pub package: Option<Spanned<String>>,
    /// The binary to deploy, in a package with several. Default: the only one.
    #[schemars(with = "Option<String>")]
    pub bin: Option<Spanned<String>>,
    /// The stages by name. `local`, the embedded cloud, exists without being named here.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, StageTable>")]
    pub stage: BTreeMap<Spanned<String>, StageTable>,
}

/// `[stage.NAME]`: the settings of one stage. What is left out comes from `extends`, else is the default.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageTable {
    /// Another stage whose settings this one starts from. Tables are merged key by key.
    #[schemars(with = "Option<String>")]
    pub extends: Option<Spanned<String>>,
    /// The AWS region. Default: `AWS_REGION`, else the profile's.
    #[schemars(with = "Option<String>")]
    pub region: Option<Spanned<String>>,
    /// The profile in the AWS config files. Credentials in the environment win. Default: `AWS_PROFILE`, else `default`.
    #[schemars(with = "Option<String>")]
    pub profile: Option<Spanned<String>>,
    /// The processor architecture. Default: `arm64`, which costs 20 % less; in the stage `local`, this machine's.
    #[schemars(with = "Option<Architecture>")]
    pub architecture: Option<Spanned<Architecture>>,
    /// Memory of the function in MB; a full processor comes with 1769. AWS: 128 to 10240. Default: 512.
    #[schemars(with = "Option<u32>", range(min = 128, max = 10240))]
    pub memory_mb: Option<Spanned<u32>>,
    /// Seconds that a request or a task may take. AWS: 1 to 900; an HTTP API waits 30 at most, more is for tasks. Default:
    /// 30.
    #[schemars(with = "Option<u32>", range(min = 1, max = 900))]
    pub timeout_secs: Option<Spanned<u32>>,
    /// Size of `/tmp` in MB. AWS: 512 to 10240. Default: 512.
    #[schemars(with = "Option<u32>", range(min = 512, max = 10240))]
    pub ephemeral_storage_mb: Option<Spanned<u32>>,
    /// Call the function regularly, so that an instance stays warm: `true` (every 4 minutes), `false`, or
    /// `{ every_mins = N }`. Default: `true`.
    #[schemars(with = "Option<KeepWarmSchema>")]
    pub keep_warm: Option<Spanned<KeepWarm>>,
    /// Tasks that run by themselves, each with `rate` or `cron`. A stage that has any has all of them: none are taken
    /// over from `extends`. AWS: 1 minute at least between two runs. Default: none.
    #[schemars(with = "Option<Vec<ScheduleTable>>")]
    pub schedule: Option<Spanned<Vec<ScheduleTable>>>,
    /// What becomes of events that nobody waits for: schedules, `spawn` and `job`. Default: as AWS does it.
    #[serde(rename = "async")]
    pub asynchronous: Option<AsyncTable>,
    /// A second function of the same artifact, for the chunks of maps. Default: none, the function invokes itself.
    pub workers: Option<WorkersTable>,
    /// Environment variables of the function. AWS: 4 KB in all. Default: none.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub environment: BTreeMap<Spanned<String>, Spanned<String>>,
    /// Days that logs are kept. AWS: one of 1, 3, 5, 7, 14, 30, 60, 90, … 3653. Default: 30.
    #[schemars(with = "Option<u16>", extend("enum" = lzap_wire::limits::LOG_RETENTION_DAYS))]
    pub log_retention_days: Option<Spanned<u16>>,
    /// Files and folders that go into the zip beside the binary: `"path"` or `"path:path/in/the/zip"`. Default: none.
    #[schemars(with = "Option<Vec<String>>")]
    pub include: Option<Spanned<Vec<Spanned<String>>>>,
    /// Cargo features to build with, on top of the default ones. Default: none.
    #[schemars(with = "Option<Vec<String>>")]
    pub features: Option<Spanned<Vec<String>>>,
    /// How the binary is linked. Default: `auto`.
    #[schemars(with = "Option<Linker>")]
    pub linker: Option<Spanned<Linker>>,
    /// The path that is requested once after a deploy; an answer of 5xx fails the deploy. Default: `/`.
    #[schemars(with = "Option<String>")]
    pub touch_path: Option<Spanned<String>>,
    /// A path that a new version must answer with 2xx or 3xx before it gets traffic. Default: only that it starts.
    #[schemars(with = "Option<String>")]
    pub health_path: Option<Spanned<String>>,
    /// Published versions that are kept, for rollback. AWS: 75 GB of code in all. Default: 10.
    #[schemars(with = "Option<u32>", range(min = 1))]
    pub keep_versions: Option<Spanned<u32>>,
    /// The ARN of an existing role that the function runs as. lzap then makes, changes and deletes no role and reads
    /// nothing of IAM. Default: none, lzap makes a role.
    #[schemars(
        with = "Option<String>",
        regex(pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$")
    )]
    pub role_arn: Option<Spanned<String>>,
    /// The IAM path of the role that lzap makes. AWS: 512 characters; not changeable later. Default: `/`.
    #[schemars(with = "Option<String>", regex(pattern = r"^/([A-Za-z0-9+=,.@_-]+/)*$"))]
    pub role_path: Option<Spanned<String>>,
    /// The ARN of the policy that bounds the role that lzap makes. Default: none.
    #[schemars(with = "Option<String>", regex(pattern = r"^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+$"))]
    pub role_permissions_boundary: Option<Spanned<String>>,
    /// What the role that lzap makes may do beside writing its logs. AWS: 10240 characters in all. Default: nothing.
    #[schemars(with = "Option<Vec<StatementTable>>")]
    pub role_statements: Option<Spanned<Vec<StatementTable>>>,
    /// Tags put on everything that can be tagged, beside lzap's own. AWS: 50 in all. Default: none.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub tags: BTreeMap<Spanned<String>, Spanned<String>>,
}

/// `[[stage.NAME.schedule]]`: A task that runs by itself: which, when, and with what. Exactly one of `rate` and `cron`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleTable {
    /// The task's name. A deploy ends before the new version gets traffic when that has no such task.
    #[schemars(with = "String")]
    pub task: Spanned<String>,
    /// What the rule's name ends with: `{app}-{stage}-{name}`. AWS: 64 characters in all. Default: the task's name.
    #[schemars(with = "Option<String>", regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub name: Option<Spanned<String>>,
    /// How often: a whole number and `minutes`, `hours` or `days`. AWS: 1 minute at least.
    #[schemars(with = "Option<String>", regex(pattern = r"^[1-9][0-9]* (minute|hour|day)s?$"))]
    pub rate: Option<Spanned<String>>,
    /// When, in UTC: minutes, hours, day of month, month, day of week, year; one of the two days is `?`.
    #[schemars(with = "Option<String>", regex(pattern = r"^\S+ \S+ \S+ \S+ \S+ \S+$"))]
    pub cron: Option<Spanned<String>>,
    /// What the task gets, turned into JSON. AWS: 8192 bytes. Default: `null`.
    #[schemars(with = "Option<serde_json::Value>")]
    pub input: Option<Spanned<toml::Value>>,
}

/// `[stage.NAME.async]`: What becomes of events that nobody waits for.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AsyncTable {
    /// How often an event that failed is tried again. AWS: 0 to 2. Default: 2.
    #[schemars(with = "Option<u32>", range(min = 0, max = 2))]
    pub retries: Option<Spanned<u32>>,
    /// Seconds that an event is kept while it can't be run. AWS: 60 to 21600. Default: 21600.
    #[schemars(with = "Option<u32>", range(min = 60, max = 21600))]
    pub max_age_secs: Option<Spanned<u32>>,
    /// The ARN of what is told of an event that is given up: an SQS queue, an SNS topic, an `EventBridge` bus or a Lambda
    /// function. Default: none.
    #[schemars(with = "Option<String>", regex(pattern = r"^arn:aws[a-z-]*:(sqs|sns|events|lambda):.+$"))]
    pub on_failure: Option<Spanned<String>>,
}

/// `[stage.NAME.workers]`: A second function of the same artifact, which only the chunks of maps go to.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkersTable {
    /// Memory of a worker in MB; a full processor comes with 1769. AWS: 128 to 10240. Default: the stage's.
    #[schemars(with = "Option<u32>", range(min = 128, max = 10240))]
    pub memory_mb: Option<Spanned<u32>>,
    /// Workers that run at once, at most and reserved for them: the account's other functions go without. AWS: all but 100
    /// of the account's limit. Default: none reserved, as many as the account has free.
    #[schemars(with = "Option<u32>", range(min = 1))]
    pub concurrency: Option<Spanned<u32>>,
}

/// `[[stage.NAME.role_statements]]`: A statement of the role's policy: what it allows on what.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatementTable {
    /// What is allowed, as IAM names it: `"s3:GetObject"`. At least one.
    #[schemars(with = "Vec<String>")]
    pub actions: Vec<Spanned<String>>,
    /// The ARNs that it is allowed on. At least one.
    #[schemars(with = "Vec<String>")]
    pub resources: Vec<Spanned<String>>,
    /// When it is allowed: operators, in each of them keys, for each key a value or a list of values. Default: always.
    #[serde(default)]
    pub conditions: BTreeMap<String, BTreeMap<String, Values>>,
}

/// A string, or a list of strings.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(inline)]
pub struct Values(#[schemars(with = "ValuesSchema")] pub Vec<String>);

/// How [`Values`] looks in the JSON Schema.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "only its schema is used")]
enum ValuesSchema {
    One(String),
    Several(Vec<String>),
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValuesVisitor)
    }
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Values, E> {
        Ok(Values(vec![value.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Values, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element::<String>()? {
            values.push(value);
        }
        Ok(Values(values))
    }
}

/// The value of `keep_warm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepWarm {
    /// No rule.
    Off,
    /// A rule that calls the function every so many minutes.
    Every(u32),
}

/// Minutes between two keep-warm calls unless set: as often as needed to keep an environment alive.
pub const DEFAULT_KEEP_WARM_MINS: u32 = 4;

/// How `keep_warm` looks in the JSON Schema.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum KeepWarmSchema {
    Switch(bool),
    Every {
        /// Minutes between two calls. Default: 4.
        #[schemars(range(min = 1, max = 1440))]
        every_mins: u32,
    },
}

impl<'de> Deserialize<'de> for KeepWarm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeepWarmVisitor)
    }
}

struct KeepWarmVisitor;

impl<'de> Visitor<'de> for KeepWarmVisitor {
    type Value = KeepWarm;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false or { every_mins = 4 }")
    }

    fn visit_bool<E: de::Error>(self, on: bool) -> Result<KeepWarm, E> {
        Ok(if on { KeepWarm::Every(DEFAULT_KEEP_WARM_MINS) } else { KeepWarm::Off })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KeepWarm, A::Error> {
        let mut every = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "every_mins" => every = Some(map.next_value::<u32>()?),
                other => return Err(de::Error::unknown_field(other, &["every_mins"])),
            }
        }
        match every.unwrap_or(DEFAULT_KEEP_WARM_MINS) {
            0 => Err(de::Error::custom("every_mins must be at least 1")),
            mins => Ok(KeepWarm::Every(mins)),
        }
    }
}

/// Something is wrong with `lzap.toml`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// What to write instead.
    pub help: String,
    /// Where in the file, in bytes.
    pub span: Option<Range<usize>>,
}

impl ConfigError {
    /// An error at `span` of the file.
    pub fn at(span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), span: Some(span) }
    }

    /// An error of the file as a whole.
    pub fn whole(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), span: None }
    }
}

impl miette::Diagnostic for ConfigError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new("lzap::config"))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.help))
    }
}

/// Reads the text of an `lzap.toml`.
///
/// # Errors
/// Broken TOML, an unknown key (the nearest known one is named), a wrong type: with the place.
pub fn parse(text: &str) -> Result<Config, ConfigError> {
    toml::from_str(text).map_err(|error| explain(&error))
}

/// Turns a parser's error into ours: the same place, the nearest known key as help.
fn explain(error: &toml::de::Error) -> ConfigError {
    let message = error.message().trim_end();
    let help = unknown_field(message).unwrap_or_else(|| {
        "every key with its type and default is in docs/reference/config.md, or type `lzap config --schema`".to_owned()
    });
    let short = message.split(", expected one of").next().unwrap_or(message);
    ConfigError { message: lower_first(short), help, span: error.span() }
}

/// `did you mean …?` for serde's "unknown field `x`, expected one of `a`, `b`".
fn unknown_field(message: &str) -> Option<String> {
    let (unknown, known) = message.strip_prefix("unknown field `")?.split_once("`, expected ")?;
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    Some(match nearest(unknown, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the keys here are: {}", known.join(", ")),
    })
}

/// The candidate most like `word`, if one is alike enough to be what was meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// The JSON Schema of `lzap.toml`, for editors and for the reference.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Config).to_value()
}
