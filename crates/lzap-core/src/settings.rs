//! The effective settings of one stage, and where each comes from: flag, environment, `lzap.toml` or default.
//!
//! `keys` declares every key once; [`resolve`] picks each from the tables of the stage. Pure: what comes from outside of the
//! file is a value ([`Overrides`]). Rules that join several keys are in [`crate::check`].

mod key;
pub(crate) mod keys;
mod lineage;
mod origin;
mod picker;
mod place;
mod schema;
mod table;
mod tables;
mod value;

use std::collections::BTreeMap;

use crate::asynchronous::AsyncConfig;
use crate::config::{Config, ConfigError, ConfigErrorKind, KeepWarm};
use crate::platform::{Architecture, Include, Linker};
use crate::resource::front::Front;
use crate::role::{MadeRole, RoleSetting};
use crate::schedule::Schedule;

pub(crate) use key::{Key, matches};
pub(crate) use lineage::{find_lineage, stage_entries};
pub(crate) use value::SettingValue;

pub use lineage::{LOCAL, stage_name, stage_names};
pub use origin::{ListedSetting, Origin, Warning};
pub use place::PlaceOverrides;
pub use schema::schema;

use picker::Picker;
use place::{ResolvedPlace, resolve_local_place, resolve_place};
use table::Table;
use tables::{check_table, find_problems};

/// The settings that decide what a stage looks like.
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
    /// The tasks that run at set times.
    pub schedules: Vec<Schedule>,
    /// The settings for asynchronous invocations; `None` leaves AWS's own.
    pub asynchronous: Option<AsyncConfig>,
    /// The worker function, for the chunks of maps.
    pub workers: Option<Workers>,
    /// The function's environment variables.
    pub environment: BTreeMap<String, String>,
    /// Days for which logs are kept.
    pub log_retention_days: u16,
    /// Files that go into the zip beside the binary.
    pub include: Vec<Include>,
    /// Cargo features in addition to the default ones.
    pub features: Vec<String>,
    /// The linker of the binary.
    pub linker: Linker,
    /// The front.
    pub front: Front,
    /// The path requested after a deploy.
    pub touch_path: String,
    /// The path that a new version must answer before it gets traffic.
    pub health_path: Option<String>,
    /// Number of published versions to keep.
    pub keep_versions: u32,
    /// The role that the function runs as.
    pub role: RoleSetting,
    /// The user's own tags.
    pub tags: BTreeMap<String, String>,
    /// Each key with its value as text and its origin, in the order of the reference page.
    pub listing: Vec<ListedSetting>,
    /// Settings that work, but probably not as the user means them.
    pub warnings: Vec<Warning>,
    /// The problems of a file that [`resolve_deployed`] read all the same; the keys that they are about have their defaults.
    /// Empty after [`resolve`].
    pub problems: Vec<ConfigError>,
}

/// The settings of the worker function, which runs the chunks of maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Workers {
    /// Memory in MB; the stage's unless set.
    pub memory_mb: Option<u32>,
    /// Reserved concurrency: how many workers run at the same time.
    pub concurrency: Option<u32>,
}

/// The inputs from outside `lzap.toml`.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The Cargo package's name: the app's name unless the file has one.
    pub package: String,
    /// The STAGE argument.
    pub stage: Option<String>,
    /// Region and profile from flags and environment variables.
    pub place: PlaceOverrides,
    /// The architecture of this machine, for the stage `local`.
    pub host: Option<Architecture>,
}

impl Settings {
    /// Returns whether the stage is the embedded cloud.
    pub fn is_local(&self) -> bool {
        self.stage == LOCAL
    }

    /// Returns the origin of a key's value; `None` where there is no such key.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.listing.iter().find(|listed| listed.key == key).map(|listed| &listed.origin)
    }
}

/// Returns the app's name, if the file has one. Read before the rest: without it the crate has to be read for
/// its name.
///
/// # Errors
/// The name is no text, or can't be the name of an app.
pub fn read_app(config: &Config) -> Result<Option<String>, ConfigError> {
    keys::APP.read_in(&config.root)
}

/// The Cargo package and the binary to deploy, as far as the file names them.
///
/// # Errors
/// One of them is no text.
pub fn read_target(config: &Config) -> Result<(Option<String>, Option<String>), ConfigError> {
    Ok((keys::PACKAGE.read_in(&config.root)?, keys::BIN.read_in(&config.root)?))
}

/// Returns the settings of the stage that `overrides` names, for a command that uses all of them.
///
/// # Errors
/// The file has an unknown key or a wrong type anywhere, or a value beyond a limit in the tables of this
/// stage; see [`stage_name`]; `extends` names a missing stage or makes a loop.
pub fn resolve(config: &Config, overrides: &Overrides) -> Result<Settings, ConfigError> {
    check_table(Table::File, &config.root)?;
    let stage = stage_name(config, overrides.stage.as_deref())?;
    let settings = pick_settings(config, overrides, stage)?;
    let problems = find_stage_problems(config, &settings.stage)?;
    match problems.first().or(settings.problems.first()) {
        None => Ok(settings),
        Some(problem) => Err(problem.clone()),
    }
}

/// Returns everything that is wrong in the tables of a stage and of those that it extends, nearest table
/// first.
fn find_stage_problems(config: &Config, stage: &str) -> Result<Vec<ConfigError>, ConfigError> {
    let tables = find_lineage(config, stage)?;
    Ok(tables.iter().flat_map(|(_, table)| find_problems(Table::Stage, table)).collect())
}

/// Returns the settings of a stage that was deployed before, for a command that needs to find its resources
/// and no more. A key that is wrong has its default and is among the problems, but app, region, profile and
/// `extends` must be right. The stage's table may be gone when `--region` says where the stage is.
///
/// # Errors
/// One of these keys can't be read; see [`stage_name`]; `extends` names a missing stage or makes a loop.
pub fn resolve_deployed(config: &Config, overrides: &Overrides) -> Result<Settings, ConfigError> {
    let stage = match (&overrides.stage, &overrides.place.region_flag) {
        (Some(stage), Some(_)) => stage.clone(),
        _ => stage_name(config, overrides.stage.as_deref())?,
    };
    let mut settings = pick_settings(config, overrides, stage)?;
    let tables = find_lineage(config, &settings.stage)?;
    if tables.is_empty() && !settings.is_local() {
        let problem = ConfigErrorKind::Stage.whole(
            format!("there is no table for stage `{}`", settings.stage),
            "add the table to change the stage",
        );
        settings.problems.push(problem);
    }
    // The file's mistakes first, then those of merged values.
    let mut problems = find_stage_problems(config, &settings.stage)?;
    problems.append(&mut settings.problems);
    Ok(Settings { problems, ..settings })
}

/// Picks each setting of a stage. Values that are wrong are left out, in favor of the default.
fn pick_settings(config: &Config, overrides: &Overrides, stage: String) -> Result<Settings, ConfigError> {
    let mut pick = Picker::new(&config.root, find_lineage(config, &stage)?);
    let is_local = stage == LOCAL;
    let ResolvedPlace { region, profile, warnings } = if is_local {
        resolve_local_place(&mut pick, &overrides.place)
    } else {
        resolve_place(&mut pick, &overrides.place)?
    };
    // These decide which tables and which crate are read. Here they are picked for the list.
    for key in [&keys::DEFAULT_STAGE, &keys::PACKAGE, &keys::BIN, &keys::EXTENDS] {
        pick.get(key);
    }
    Ok(Settings {
        app: pick_app(&mut pick, &overrides.package)?,
        region,
        profile,
        architecture: pick_architecture(&mut pick, overrides.host.filter(|_| is_local)),
        memory_mb: pick.get(&keys::MEMORY_MB),
        timeout_secs: pick.get(&keys::TIMEOUT_SECS),
        ephemeral_storage_mb: pick.get(&keys::EPHEMERAL_STORAGE_MB),
        keep_warm: pick.get(&keys::KEEP_WARM),
        schedules: pick.get(&keys::SCHEDULES),
        asynchronous: pick_asynchronous(&mut pick),
        workers: pick_workers(&mut pick),
        environment: pick.get_merged(&keys::ENVIRONMENT).0,
        log_retention_days: pick.get(&keys::LOG_RETENTION_DAYS),
        include: pick.get(&keys::INCLUDE),
        features: pick.get(&keys::FEATURES),
        linker: pick.get(&keys::LINKER),
        front: pick.get(&keys::FRONT),
        touch_path: pick.get(&keys::TOUCH_PATH),
        health_path: pick.get(&keys::HEALTH_PATH),
        keep_versions: pick.get(&keys::KEEP_VERSIONS),
        role: pick_role(&mut pick),
        tags: pick.get_merged(&keys::TAGS),
        stage,
        warnings,
        problems: std::mem::take(&mut pick.problems),
        listing: pick.list(),
    })
}

/// Returns the app's name: the key's, else the Cargo package's. It must be right for every command, since all
/// names are made of it.
fn pick_app(pick: &mut Picker<'_>, package: &str) -> Result<String, ConfigError> {
    if let Some(app) = pick.require_readable(&keys::APP)? {
        return Ok(app);
    }
    pick.note(&keys::APP, Origin::Package, Some(package.to_owned()));
    Ok(package.to_owned())
}

/// Returns the architecture. In the stage `local` it is this machine's (`host`): a stage that `local` extends
/// describes AWS's machines, so only the own table of `local` can override it.
fn pick_architecture(pick: &mut Picker<'_>, host: Option<Architecture>) -> Architecture {
    let own = Origin::File(format!("[stage.{LOCAL}]"));
    match host {
        Some(host) if pick.find(&keys::ARCHITECTURE).is_none_or(|(_, origin)| origin != own) => {
            pick.note(&keys::ARCHITECTURE, Origin::Host, host)
        }
        _ => pick.get(&keys::ARCHITECTURE),
    }
}

/// Reads each key by itself; `None` if no key is set, which leaves AWS's defaults.
fn pick_asynchronous(pick: &mut Picker<'_>) -> Option<AsyncConfig> {
    let is_set = pick.find(&keys::ASYNC_RETRIES).is_some()
        || pick.find(&keys::ASYNC_MAX_AGE_SECS).is_some()
        || pick.find(&keys::ASYNC_ON_FAILURE).is_some();
    pick.get(&keys::ASYNC);
    let config = AsyncConfig {
        retries: pick.get(&keys::ASYNC_RETRIES),
        max_age_secs: pick.get(&keys::ASYNC_MAX_AGE_SECS),
        on_failure: pick.get(&keys::ASYNC_ON_FAILURE),
    };
    is_set.then_some(config)
}

/// Reads each key by itself. A table without keys is enough to have workers, and so is one with a wrong key.
fn pick_workers(pick: &mut Picker<'_>) -> Option<Workers> {
    let has_table = pick.find(&keys::WORKERS).is_some();
    pick.get(&keys::WORKERS);
    let workers = Workers {
        memory_mb: pick.get(&keys::WORKERS_MEMORY_MB),
        concurrency: pick.get(&keys::WORKERS_CONCURRENCY),
    };
    has_table.then_some(workers)
}

/// Returns the execution role: an existing one excludes every key about the one that lzap would create.
fn pick_role(pick: &mut Picker<'_>) -> RoleSetting {
    let created = MadeRole {
        path: pick.get(&keys::ROLE_PATH),
        permissions_boundary: pick.get(&keys::ROLE_PERMISSIONS_BOUNDARY),
        statements: pick.get(&keys::ROLE_STATEMENTS),
    };
    let Some(arn) = pick.get(&keys::ROLE_ARN) else {
        return RoleSetting::Made(created);
    };
    // Looked for one by one, because a default isn't a conflict: only a key that stands in a table is.
    let found = [
        (keys::ROLE_PATH.name, pick.find(&keys::ROLE_PATH)),
        (keys::ROLE_PERMISSIONS_BOUNDARY.name, pick.find(&keys::ROLE_PERMISSIONS_BOUNDARY)),
        (keys::ROLE_STATEMENTS.name, pick.find(&keys::ROLE_STATEMENTS)),
    ];
    if let Some((key, node)) = found.into_iter().find_map(|(key, found)| Some((key, found?.0))) {
        pick.problems.push(ConfigErrorKind::Conflict.at(
            node.span.clone(),
            format!("`{key}` and `role_arn` exclude each other"),
            format!("lzap changes nothing of an existing role: take out `{key}`, or `role_arn`"),
        ));
    }
    RoleSetting::Existing(arn)
}

#[cfg(test)]
mod tests {
    use super::key::Declaration;
    use super::*;

    /// A key without a declaration can't be parsed; a declared setting that nothing picks would be accepted and ignored.
    #[test]
    fn every_declared_setting_is_picked() {
        let config = crate::config::parse("[stage.dev]\n").expect("TOML");
        let overrides = Overrides { package: "shop".to_owned(), ..Overrides::default() };
        let settings = resolve(&config, &overrides).expect("defaults");
        let picked: Vec<&str> = settings.listing.iter().map(|listed| listed.key.as_str()).collect();
        let tables = [Table::File, Table::Stage, Table::Async, Table::Workers];
        let declared: Vec<String> = keys::all()
            .filter(|key| tables.contains(&key.table()) && key.name() != keys::STAGE.name)
            .map(Declaration::path)
            .collect();
        assert_eq!(picked, declared);
    }

    #[test]
    fn no_table_declares_a_key_twice() {
        for (index, key) in keys::all().enumerate() {
            let other =
                keys::all().skip(index + 1).find(|it| it.table() == key.table() && it.name() == key.name());
            assert!(other.is_none(), "{} is declared twice", key.path());
        }
    }
}
