//! What AWS would refuse, found before anything is compiled or called.

mod asynchronous;
mod role;
mod schedule;

use std::ops::Range;

use lzap_wire::env::RESERVED_BY_LAMBDA;
use lzap_wire::limits;
use toml::Spanned;

use crate::config::{Config, ConfigError, KeepWarm, StageTable};
use crate::names;
use crate::settings::{Settings, lineage};

/// Something that works, but hardly as meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What, and what to do.
    pub message: String,
}

/// Checks the settings of a stage against AWS's limits; each error points at its line in `config`.
///
/// # Errors
/// The first value that AWS would refuse.
pub fn check(config: &Config, settings: &Settings) -> Result<Vec<Warning>, ConfigError> {
    let place =
        Place { config, tables: lineage(config, &settings.stage)?.into_iter().map(|(_, t)| t).collect() };
    place.names(settings)?;
    place.numbers(settings)?;
    place.environment(settings)?;
    place.tags(settings)?;
    place.role(&settings.role)?;
    place.schedules(settings)?;
    place.asynchronous(settings.asynchronous.as_ref())?;
    place.paths(settings)?;
    Ok(role::warnings(&settings.role))
}

/// Where a stage's keys stand.
struct Place<'a> {
    config: &'a Config,
    tables: Vec<&'a StageTable>,
}

impl Place<'_> {
    /// The span of the value that is in effect.
    fn span<T>(&self, get: impl Fn(&StageTable) -> Option<&Spanned<T>>) -> Option<Range<usize>> {
        self.tables.iter().find_map(|table| get(table)).map(Spanned::span)
    }

    fn names(&self, settings: &Settings) -> Result<(), ConfigError> {
        let app_span = self.config.app.as_ref().map(Spanned::span);
        let stage_span = self.config.stage.keys().find(|k| k.get_ref() == &settings.stage).map(Spanned::span);
        name("app", &settings.app, app_span.clone())?;
        name("stage", &settings.stage, stage_span)?;
        let rule = names::rule(&settings.app, &settings.stage, names::KEEP_WARM);
        if rule.len() > limits::RULE_NAME_CHARS {
            return Err(ConfigError {
                message: format!("the rule's name `{rule}` has {} characters", rule.len()),
                help: format!("AWS allows {}: shorten `app` or the stage's name", limits::RULE_NAME_CHARS),
                span: app_span,
            });
        }
        Ok(())
    }

    fn numbers(&self, settings: &Settings) -> Result<(), ConfigError> {
        let range = |key: &str, value: u32, allowed: std::ops::RangeInclusive<u32>, unit: &str, span| {
            if allowed.contains(&value) {
                return Ok(());
            }
            let help = format!("AWS allows {} to {} {unit}", allowed.start(), allowed.end());
            Err(ConfigError { message: format!("{key} = {value} is out of range"), help, span })
        };
        let memory = self.span(|t| t.memory_mb.as_ref());
        range("memory_mb", settings.memory_mb, limits::MEMORY_MB, "MB", memory)?;
        let timeout = self.span(|t| t.timeout_secs.as_ref());
        range("timeout_secs", settings.timeout_secs, limits::TIMEOUT_SECS, "seconds", timeout)?;
        let storage = self.span(|t| t.ephemeral_storage_mb.as_ref());
        range(
            "ephemeral_storage_mb",
            settings.ephemeral_storage_mb,
            limits::EPHEMERAL_STORAGE_MB,
            "MB",
            storage,
        )?;
        if let Some(memory_mb) = settings.workers.and_then(|workers| workers.memory_mb) {
            let span = self.span(|t| t.workers.as_ref()?.memory_mb.as_ref());
            range("workers.memory_mb", memory_mb, limits::MEMORY_MB, "MB", span)?;
        }
        if settings.workers.and_then(|workers| workers.concurrency) == Some(0) {
            return Err(ConfigError {
                message: "workers.concurrency = 0 lets no worker run".to_owned(),
                help: "write 1 at least, or leave it out: then as many run as the account has free"
                    .to_owned(),
                span: self.span(|t| t.workers.as_ref()?.concurrency.as_ref()),
            });
        }
        if settings.keep_versions == 0 {
            return Err(ConfigError {
                message: "keep_versions = 0 keeps nothing to go back to".to_owned(),
                help: "write 1 at least; 10 is the default".to_owned(),
                span: self.span(|t| t.keep_versions.as_ref()),
            });
        }
        if let KeepWarm::Every(mins) = settings.keep_warm {
            range("keep_warm.every_mins", mins, 1..=1440, "minutes", self.span(|t| t.keep_warm.as_ref()))?;
        }
        if !limits::LOG_RETENTION_DAYS.contains(&settings.log_retention_days) {
            let allowed =
                limits::LOG_RETENTION_DAYS.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
            return Err(ConfigError {
                message: format!(
                    "log_retention_days = {} is not one that AWS has",
                    settings.log_retention_days
                ),
                help: format!("AWS allows {allowed}"),
                span: self.span(|t| t.log_retention_days.as_ref()),
            });
        }
        Ok(())
    }

    fn environment(&self, settings: &Settings) -> Result<(), ConfigError> {
        let span = |key: &str| {
            self.tables
                .iter()
                .find_map(|t| t.environment.keys().find(|k| k.get_ref() == key))
                .map(Spanned::span)
        };
        for key in settings.environment.keys() {
            let mut chars = key.chars();
            let starts = chars.next().is_some_and(|c| c.is_ascii_alphabetic());
            if !starts || key.len() < 2 || !chars.all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(ConfigError {
                    message: format!("`{key}` can't be the name of an environment variable"),
                    help: "AWS wants a letter, then letters, digits and `_`, two characters at least"
                        .to_owned(),
                    span: span(key),
                });
            }
            if RESERVED_BY_LAMBDA.contains(&key.as_str()) || key.starts_with("LZAP_") {
                let owner = if key.starts_with("LZAP_") { "lzap" } else { "Lambda" };
                return Err(ConfigError {
                    message: format!("`{key}` is set by {owner} itself"),
                    help: "take it out, or give it another name".to_owned(),
                    span: span(key),
                });
            }
        }
        let bytes: usize = settings.environment.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes > limits::ENVIRONMENT_BYTES {
            return Err(ConfigError {
                message: format!("the environment variables have {bytes} bytes"),
                help: format!("AWS allows {} for all keys and values together", limits::ENVIRONMENT_BYTES),
                span: settings.environment.keys().next().and_then(|key| span(key)),
            });
        }
        Ok(())
    }

    fn tags(&self, settings: &Settings) -> Result<(), ConfigError> {
        for key in settings.tags.keys() {
            if key.starts_with("aws:") || key.starts_with("lzap:") || key.is_empty() || key.len() > 128 {
                let span = self
                    .tables
                    .iter()
                    .find_map(|t| t.tags.keys().find(|k| k.get_ref() == key))
                    .map(Spanned::span);
                return Err(ConfigError {
                    message: format!("`{key}` can't be the key of a tag"),
                    help: "1 to 128 characters; `aws:` and `lzap:` are taken".to_owned(),
                    span,
                });
            }
        }
        Ok(())
    }

    fn paths(&self, settings: &Settings) -> Result<(), ConfigError> {
        let path = |key: &str, path: &str, span| {
            if path.starts_with('/') && !path.contains(char::is_whitespace) {
                return Ok(());
            }
            let help = "write it as in a URL, with a `/` in front".to_owned();
            Err(ConfigError { message: format!("{key} = \"{path}\" is not a path"), help, span })
        };
        path("touch_path", &settings.touch_path, self.span(|t| t.touch_path.as_ref()))?;
        match &settings.health_path {
            Some(health) => path("health_path", health, self.span(|t| t.health_path.as_ref())),
            None => Ok(()),
        }
    }
}

/// A name that fits into those of a function, a role, a rule and an object.
fn name(what: &str, name: &str, span: Option<Range<usize>>) -> Result<(), ConfigError> {
    let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if fits {
        return Ok(());
    }
    Err(ConfigError {
        message: format!("`{name}` can't be the name of {} {what}", if what == "app" { "an" } else { "a" }),
        help: "a letter or digit, then letters, digits, `-` and `_`: it becomes part of AWS names".to_owned(),
        span,
    })
}
