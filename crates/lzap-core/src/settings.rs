//! The effective settings of one stage, and where each came from: flag, environment, `lzap.toml` or default.
//!
//! Pure: the environment comes in as a value ([`Overrides`]). What AWS would refuse is found by [`crate::check`].

use std::collections::BTreeMap;

use toml::Spanned;

use crate::asynchronous::{AsyncConfig, DEFAULT_MAX_AGE_SECS, DEFAULT_RETRIES};
use crate::config::{Config, ConfigError, DEFAULT_KEEP_WARM_MINS, KeepWarm, StageTable, nearest};
use crate::platform::{Architecture, Include, Linker};
use crate::resource::front::Front;
use crate::role::{MadeRole, RoleSetting, Statement};
use crate::schedule::Schedule;

/// Published versions that are kept unless set.
const DEFAULT_KEEP_VERSIONS: u32 = 10;
/// The stage that is the embedded cloud; every project has it.
pub const LOCAL: &str = "local";

/// Everything that decides what a stage looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The app's name.
    pub app: String,
    /// The stage's name.
    pub stage: String,
    /// The AWS region, unless the AWS SDK is to find it.
    pub region: Option<String>,
    /// The AWS profile, unless the AWS SDK is to find it.
    pub profile: Option<String>,
    /// The function's architecture.
    pub architecture: Architecture,
    /// Memory in MB.
    pub memory_mb: u32,
    /// Timeout in seconds.
    pub timeout_secs: u32,
    /// Size of `/tmp` in MB.
    pub ephemeral_storage_mb: u32,
    /// The keep-warm rule.
    pub keep_warm: KeepWarm,
    /// The tasks that run by themselves.
    pub schedules: Vec<Schedule>,
    /// What becomes of events that nobody waits for, where it isn't AWS's own way.
    pub asynchronous: Option<AsyncConfig>,
    /// The second function, for the chunks of maps.
    pub workers: Option<Workers>,
    /// The function's environment variables.
    pub environment: BTreeMap<String, String>,
    /// Days that logs are kept.
    pub log_retention_days: u16,
    /// Files that go into the zip beside the binary.
    pub include: Vec<Include>,
    /// Cargo features on top of the default ones.
    pub features: Vec<String>,
    /// How the binary is linked.
    pub linker: Linker,
    /// The front.
    pub front: Front,
    /// The path requested after a deploy.
    pub touch_path: String,
    /// The path that a new version must answer before it gets traffic.
    pub health_path: Option<String>,
    /// How many published versions are kept.
    pub keep_versions: u32,
    /// The role that the function runs as.
    pub role: RoleSetting,
    /// The user's own tags.
    pub tags: BTreeMap<String, String>,
    /// Where each setting came from, by key.
    pub origins: BTreeMap<&'static str, Origin>,
}

/// What `lzap.toml` says about the function that the chunks of maps go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Workers {
    /// Memory in MB; the stage's unless set.
    pub memory_mb: Option<u32>,
    /// How many may run at once, reserved for them.
    pub concurrency: Option<u32>,
}

impl Settings {
    /// Whether the stage is the embedded cloud.
    pub fn is_local(&self) -> bool {
        self.stage == LOCAL
    }

    /// Each key, its value as text and its origin, in the order of the reference. Environment values are not shown.
    pub fn listing(&self) -> Vec<(&'static str, String, Origin)> {
        let unset = || "(from the AWS SDK)".to_owned();
        let rows = [
            ("app", self.app.clone()),
            ("region", self.region.clone().unwrap_or_else(unset)),
            ("profile", self.profile.clone().unwrap_or_else(unset)),
            ("architecture", self.architecture.to_string()),
            ("memory_mb", self.memory_mb.to_string()),
            ("timeout_secs", self.timeout_secs.to_string()),
            ("ephemeral_storage_mb", self.ephemeral_storage_mb.to_string()),
            ("keep_warm", keep_warm_text(self.keep_warm)),
            ("workers", self.workers.map(workers_text).unwrap_or_default()),
            ("async", self.asynchronous.as_ref().map(async_text).unwrap_or_default()),
            ("schedule", self.schedules.iter().map(Schedule::text).collect::<Vec<_>>().join("; ")),
            (
                "environment",
                self.environment.keys().map(|key| format!("{key}=…")).collect::<Vec<_>>().join(" "),
            ),
            ("log_retention_days", self.log_retention_days.to_string()),
            (
                "include",
                self.include
                    .iter()
                    .map(|i| format!("{}:{}", i.source, i.destination))
                    .collect::<Vec<_>>()
                    .join(" "),
            ),
            ("features", self.features.join(" ")),
            ("linker", self.linker.as_str().to_owned()),
            ("touch_path", self.touch_path.clone()),
            ("health_path", self.health_path.clone().unwrap_or_default()),
            ("keep_versions", self.keep_versions.to_string()),
            (
                "tags",
                self.tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" "),
            ),
        ];
        let role = self.role.listing();
        rows.into_iter()
            .chain(role)
            .map(|(key, value)| (key, value, self.origins.get(key).cloned().unwrap_or(Origin::Default)))
            .collect()
    }
}

fn async_text(config: &AsyncConfig) -> String {
    config.rows().map(|(key, value)| format!("{key} {value}")).join(", ")
}

fn workers_text(workers: Workers) -> String {
    let memory = workers.memory_mb.map_or_else(|| "the stage's memory".to_owned(), |mb| format!("{mb} MB"));
    let concurrency = workers.concurrency.map(|n| format!(", {n} at once")).unwrap_or_default();
    format!("{memory}{concurrency}")
}

fn keep_warm_text(keep_warm: KeepWarm) -> String {
    match keep_warm {
        KeepWarm::Off => "off".to_owned(),
        KeepWarm::Every(mins) => format!("every {mins} min"),
    }
}

/// Where a setting's value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A command-line flag.
    Flag(&'static str),
    /// An environment variable.
    Environment(&'static str),
    /// A table of `lzap.toml`.
    File(String),
    /// The Cargo package.
    Package,
    /// The machine that lzap runs on (the stage `local`).
    Host,
    /// Nothing set it.
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(table) => write!(f, "lzap.toml {table}"),
            Self::Package => f.write_str("Cargo package"),
            Self::Host => f.write_str("this machine"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// What comes from outside `lzap.toml`.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The Cargo package's name: the app's name unless the file has one.
    pub package: String,
    /// The STAGE argument.
    pub stage: Option<String>,
    /// `AWS_REGION`.
    pub env_region: Option<String>,
    /// `AWS_PROFILE`.
    pub env_profile: Option<String>,
    /// The architecture of this machine, for the stage `local`.
    pub host: Option<Architecture>,
}

/// The name of the stage that a command acts on: the argument, `default_stage`, the only stage.
///
/// # Errors
/// No stage can be told, or the named one doesn't exist (the nearest one is named).
pub fn stage_name(config: &Config, argument: Option<&str>) -> Result<String, ConfigError> {
    let names = || config.stage.keys().map(|name| name.get_ref().as_str()).filter(|name| *name != LOCAL);
    let known = |name: &str| name == LOCAL || names().any(|known| known == name);
    if let Some(name) = argument {
        return if known(name) {
            Ok(name.to_owned())
        } else {
            Err(unknown_stage(name, &names().collect::<Vec<_>>(), None))
        };
    }
    if let Some(default) = &config.default_stage {
        let name = default.get_ref();
        return if known(name) {
            Ok(name.clone())
        } else {
            Err(unknown_stage(name, &names().collect::<Vec<_>>(), Some(default.span())))
        };
    }
    let mut all = names();
    match (all.next(), all.next()) {
        (Some(only), None) => Ok(only.to_owned()),
        (None, _) => Err(ConfigError::whole(
            "no stage is configured",
            "add a table `[stage.dev]` to lzap.toml, or name the embedded cloud: `local`",
        )),
        (Some(_), Some(_)) => Err(ConfigError::whole(
            format!(
                "there are several stages ({}) and none is the default",
                names().collect::<Vec<_>>().join(", ")
            ),
            "name one on the command line, or set `default_stage` in lzap.toml",
        )),
    }
}

fn unknown_stage(name: &str, known: &[&str], span: Option<std::ops::Range<usize>>) -> ConfigError {
    let help = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "add a table `[stage.NAME]` to lzap.toml, or use `local`".to_owned(),
        None => format!("the stages are: {}, local", known.join(", ")),
    };
    ConfigError { message: format!("there is no stage `{name}`"), help, span }
}

/// The effective settings of the stage that `overrides` names.
///
/// # Errors
/// What [`stage_name`] says; `extends` of a missing stage or in a loop; values that can't be read.
pub fn resolve(config: &Config, overrides: &Overrides) -> Result<Settings, ConfigError> {
    let stage = stage_name(config, overrides.stage.as_deref())?;
    let tables = lineage(config, &stage)?;
    let mut pick = Picker { tables: &tables, origins: BTreeMap::new() };
    let app = match &config.app {
        Some(app) => pick.note("app", Origin::File("app".to_owned()), app.get_ref().clone()),
        None => pick.note("app", Origin::Package, overrides.package.clone()),
    };
    let local = stage == LOCAL;
    // What another stage says about AWS's machines isn't meant for this one; only the stage's own word counts.
    let says_itself =
        tables.first().is_some_and(|(name, table)| *name == LOCAL && table.architecture.is_some());
    let host = if local && !says_itself { overrides.host } else { None };
    let architecture = match host {
        Some(host) => pick.note("architecture", Origin::Host, host),
        None => pick.value("architecture", |t| t.architecture.as_ref()).unwrap_or(Architecture::Arm64),
    };
    let (region, profile) = if local {
        (None, None)
    } else {
        (
            pick.outer("region", "AWS_REGION", overrides.env_region.clone(), |t| t.region.as_ref()),
            pick.outer("profile", "AWS_PROFILE", overrides.env_profile.clone(), |t| t.profile.as_ref()),
        )
    };
    Ok(Settings {
        app,
        region,
        profile,
        architecture,
        memory_mb: pick.value("memory_mb", |t| t.memory_mb.as_ref()).unwrap_or(512),
        timeout_secs: pick.value("timeout_secs", |t| t.timeout_secs.as_ref()).unwrap_or(30),
        ephemeral_storage_mb: pick
            .value("ephemeral_storage_mb", |t| t.ephemeral_storage_mb.as_ref())
            .unwrap_or(512),
        keep_warm: pick
            .value("keep_warm", |t| t.keep_warm.as_ref())
            .unwrap_or(KeepWarm::Every(DEFAULT_KEEP_WARM_MINS)),
        schedules: pick
            .value("schedule", |t| t.schedule.as_ref())
            .unwrap_or_default()
            .iter()
            .map(Schedule::read)
            .collect::<Result<_, _>>()?,
        asynchronous: asynchronous(&mut pick),
        workers: workers(&mut pick),
        environment: pick.table("environment", |t| &t.environment),
        log_retention_days: pick.value("log_retention_days", |t| t.log_retention_days.as_ref()).unwrap_or(30),
        include: includes(&pick.value("include", |t| t.include.as_ref()).unwrap_or_default())?,
        features: pick.value("features", |t| t.features.as_ref()).unwrap_or_default(),
        linker: pick.value("linker", |t| t.linker.as_ref()).unwrap_or_default(),
        front: Front::default(),
        touch_path: pick.value("touch_path", |t| t.touch_path.as_ref()).unwrap_or_else(|| "/".to_owned()),
        health_path: pick.value("health_path", |t| t.health_path.as_ref()),
        keep_versions: pick
            .value("keep_versions", |t| t.keep_versions.as_ref())
            .unwrap_or(DEFAULT_KEEP_VERSIONS),
        role: role(&mut pick)?,
        tags: pick.table("tags", |t| &t.tags),
        stage,
        origins: pick.origins,
    })
}

/// A stage's table and those it extends, nearest first, each with its name.
pub(crate) type Lineage<'a> = Vec<(&'a str, &'a StageTable)>;

pub(crate) fn lineage<'a>(config: &'a Config, stage: &str) -> Result<Lineage<'a>, ConfigError> {
    let find = |name: &str| config.stage.iter().find(|(key, _)| key.get_ref() == name);
    let mut line: Lineage<'a> = Vec::new();
    let mut next = find(stage);
    while let Some((name, table)) = next {
        line.push((name.get_ref(), table));
        let Some(parent) = &table.extends else { break };
        if line.iter().any(|(seen, _)| seen == parent.get_ref()) {
            return Err(ConfigError::at(
                parent.span(),
                format!("stage `{}` extends itself, by way of `{}`", parent.get_ref(), name.get_ref()),
                "take one `extends` out of the loop",
            ));
        }
        next = find(parent.get_ref());
        if next.is_none() {
            let known: Vec<&str> = config.stage.keys().map(|key| key.get_ref().as_str()).collect();
            return Err(unknown_stage(parent.get_ref(), &known, Some(parent.span())));
        }
    }
    Ok(line)
}

/// Picks each key from the nearest table that has it, and notes where that was.
struct Picker<'a> {
    tables: &'a Lineage<'a>,
    origins: BTreeMap<&'static str, Origin>,
}

impl Picker<'_> {
    fn note<T>(&mut self, key: &'static str, origin: Origin, value: T) -> T {
        self.origins.insert(key, origin);
        value
    }

    fn value<T: Clone>(
        &mut self,
        key: &'static str,
        get: impl Fn(&StageTable) -> Option<&Spanned<T>>,
    ) -> Option<T> {
        let (name, value) = self.tables.iter().find_map(|(name, table)| Some((name, get(table)?)))?;
        self.origins.insert(key, Origin::File(format!("[stage.{name}]")));
        Some(value.get_ref().clone())
    }

    /// Where the value that is in effect stands.
    fn span<T>(&self, get: impl Fn(&StageTable) -> Option<&Spanned<T>>) -> Option<std::ops::Range<usize>> {
        self.tables.iter().find_map(|(_, table)| get(table)).map(Spanned::span)
    }

    /// A value that the environment overrides.
    fn outer(
        &mut self,
        key: &'static str,
        variable: &'static str,
        environment: Option<String>,
        get: impl Fn(&StageTable) -> Option<&Spanned<String>>,
    ) -> Option<String> {
        match environment {
            Some(value) => Some(self.note(key, Origin::Environment(variable), value)),
            None => self.value(key, get),
        }
    }

    /// A table, merged key by key, the nearest stage's value last.
    fn table(
        &mut self,
        key: &'static str,
        get: impl Fn(&StageTable) -> &BTreeMap<Spanned<String>, Spanned<String>>,
    ) -> BTreeMap<String, String> {
        let mut merged = BTreeMap::new();
        let mut from = Vec::new();
        for (name, table) in self.tables.iter().rev() {
            if !get(table).is_empty() {
                from.insert(0, format!("[stage.{name}.{key}]"));
            }
            merged.extend(get(table).iter().map(|(k, v)| (k.get_ref().clone(), v.get_ref().clone())));
        }
        if !from.is_empty() {
            self.origins.insert(key, Origin::File(from.join(" ")));
        }
        merged
    }
}

/// Each key by itself, as in every table; none where no key is set.
fn asynchronous(pick: &mut Picker<'_>) -> Option<AsyncConfig> {
    let retries = pick.value("async", |t| t.asynchronous.as_ref()?.retries.as_ref());
    let max_age_secs = pick.value("async", |t| t.asynchronous.as_ref()?.max_age_secs.as_ref());
    let on_failure = pick.value("async", |t| t.asynchronous.as_ref()?.on_failure.as_ref());
    let is_set = retries.is_some() || max_age_secs.is_some() || on_failure.is_some();
    is_set.then(|| AsyncConfig {
        retries: retries.unwrap_or(DEFAULT_RETRIES),
        max_age_secs: max_age_secs.unwrap_or(DEFAULT_MAX_AGE_SECS),
        on_failure,
    })
}

/// Each key by itself; a table without keys is enough to have workers.
fn workers(pick: &mut Picker<'_>) -> Option<Workers> {
    let (name, _) = pick.tables.iter().find(|(_, table)| table.workers.is_some())?;
    pick.origins.insert("workers", Origin::File(format!("[stage.{name}]")));
    Some(Workers {
        memory_mb: pick.value("workers", |t| t.workers.as_ref()?.memory_mb.as_ref()),
        concurrency: pick.value("workers", |t| t.workers.as_ref()?.concurrency.as_ref()),
    })
}

/// The execution role: an existing one excludes every key about the one that lzap would make.
fn role(pick: &mut Picker<'_>) -> Result<RoleSetting, ConfigError> {
    if let Some(arn) = pick.value("role_arn", |t| t.role_arn.as_ref()) {
        let rivals = [
            ("role_path", pick.span(|t| t.role_path.as_ref())),
            ("role_permissions_boundary", pick.span(|t| t.role_permissions_boundary.as_ref())),
            ("role_statements", pick.span(|t| t.role_statements.as_ref())),
        ];
        let rival = rivals.into_iter().find_map(|(key, span)| Some((key, span?)));
        return match rival {
            None => Ok(RoleSetting::Existing(arn)),
            Some((key, span)) => Err(ConfigError::at(
                span,
                format!("`{key}` and `role_arn` exclude each other"),
                format!("lzap changes nothing of an existing role: take out `{key}`, or `role_arn`"),
            )),
        };
    }
    let statements = pick.value("role_statements", |t| t.role_statements.as_ref()).unwrap_or_default();
    Ok(RoleSetting::Made(MadeRole {
        path: pick.value("role_path", |t| t.role_path.as_ref()).unwrap_or_else(|| "/".to_owned()),
        permissions_boundary: pick
            .value("role_permissions_boundary", |t| t.role_permissions_boundary.as_ref()),
        statements: statements.iter().map(Statement::new).collect(),
    }))
}

fn includes(entries: &[Spanned<String>]) -> Result<Vec<Include>, ConfigError> {
    entries.iter().map(|entry| include(entry.get_ref(), entry.span())).collect()
}

/// Reads `path` or `path:path/in/the/zip`.
fn include(entry: &str, span: std::ops::Range<usize>) -> Result<Include, ConfigError> {
    let (source, destination) = entry.split_once(':').unwrap_or((entry, entry));
    let destination = destination.trim_start_matches("./").trim_end_matches('/');
    let escapes = destination.starts_with('/') || destination.split('/').any(|part| part == "..");
    if source.is_empty() || destination.is_empty() || escapes {
        return Err(ConfigError::at(
            span,
            format!("`{entry}` doesn't name a place in the zip"),
            "write `path`, or `path:path/in/the/zip`, relative and without `..`",
        ));
    }
    Ok(Include { source: source.to_owned(), destination: destination.to_owned() })
}
