//! Rules that join several settings, or that look into the entries of one. AWS would refuse what breaks them, and here it is
//! found before anything is compiled or called. The limits of single values are in their declarations,
//! `crate::settings::keys`.

mod role;
mod schedule;
mod tables;

use lzap_wire::env::RESERVED_BY_LAMBDA;
use lzap_wire::limits;

use crate::config::{Config, ConfigError, ConfigErrorKind};
use crate::ids::RuleName;
use crate::names;
use crate::settings::{Settings, Warning, keys, matches, stage_entries};

use role::{check_role, find_role_warnings};
use schedule::check_schedules;
use tables::StageTables;

/// Checks the settings of a stage; each error points at its line in `config`. Returns what works, but probably not as it was
/// meant.
///
/// # Errors
/// The first rule that is broken.
pub fn check(config: &Config, settings: &Settings) -> Result<Vec<Warning>, ConfigError> {
    let tables = StageTables::new(config, &settings.stage)?;
    check_names(config, settings)?;
    check_environment(&tables, settings)?;
    check_tags(&tables, settings)?;
    check_role(&tables)?;
    check_schedules(&tables, settings)?;
    Ok(settings.warnings.iter().cloned().chain(find_role_warnings(&settings.role)).collect())
}

/// Checks the names of app and stage, which become parts of AWS names. The app's name may be the Cargo
/// package's, which no declaration checks.
fn check_names(config: &Config, settings: &Settings) -> Result<(), ConfigError> {
    let app_span = config.root.get(keys::APP.name).map(|node| node.span.clone());
    let stage = stage_entries(config).iter().find(|entry| entry.key == settings.stage);
    let stage_span = stage.map(|entry| entry.key_span.clone());
    for (what, name, span) in
        [("an app", &settings.app, &app_span), ("a stage", &settings.stage, &stage_span)]
    {
        if !matches(keys::NAME, name) {
            return Err(ConfigError {
                kind: ConfigErrorKind::InvalidValue,
                message: format!("`{name}` can't be the name of {what}"),
                help: keys::NAME_HELP.to_owned(),
                span: span.clone(),
            });
        }
    }
    // The longest of the fixed names with a limit of 64 characters: those of the functions are shorter.
    let rule = names::rule(&settings.app, &settings.stage, &RuleName::new(names::KEEP_WARM));
    if rule.len() > limits::RULE_NAME_CHARS {
        return Err(ConfigError {
            kind: ConfigErrorKind::OutOfRange,
            message: format!("the rule's name `{rule}` has {} characters", rule.len()),
            help: format!("AWS allows {}: shorten `app` or the stage's name", limits::RULE_NAME_CHARS),
            span: app_span,
        });
    }
    Ok(())
}

/// Checks the names of the environment variables; the size of all of them is a limit of the key. AWS:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
fn check_environment(tables: &StageTables<'_>, settings: &Settings) -> Result<(), ConfigError> {
    for key in settings.environment.keys() {
        let fail = |message: String, help: &str| {
            let span = tables.find_entry(keys::ENVIRONMENT.name, key).map(|entry| entry.key_span.clone());
            Err(ConfigError { span, ..ConfigErrorKind::InvalidValue.whole(message, help) })
        };
        if !matches("^[A-Za-z][A-Za-z0-9_]+$", key) {
            return fail(
                format!("`{key}` can't be the name of an environment variable"),
                "AWS wants a letter, then letters, digits and `_`, two characters at least",
            );
        }
        if RESERVED_BY_LAMBDA.contains(&key.as_str()) || key.starts_with("LZAP_") {
            let owner = if key.starts_with("LZAP_") { "lzap" } else { "Lambda" };
            return fail(format!("`{key}` is set by {owner} itself"), "take it out, or give it another name");
        }
    }
    Ok(())
}

/// Checks the user's tags. lzap's own tags decide whose a resource is, so their prefix is refused.
fn check_tags(tables: &StageTables<'_>, settings: &Settings) -> Result<(), ConfigError> {
    for (key, value) in &settings.tags {
        let entry = tables.find_entry(keys::TAGS.name, key);
        let is_reserved = key.starts_with("aws:") || key.starts_with("lzap:");
        if is_reserved || key.is_empty() || key.chars().count() > limits::TAG_KEY_CHARS {
            return Err(ConfigError {
                kind: ConfigErrorKind::InvalidValue,
                message: format!("`{key}` can't be the key of a tag"),
                help: format!("1 to {} characters; `aws:` and `lzap:` are taken", limits::TAG_KEY_CHARS),
                span: entry.map(|entry| entry.key_span.clone()),
            });
        }
        if value.chars().count() > limits::TAG_VALUE_CHARS {
            return Err(ConfigError {
                kind: ConfigErrorKind::OutOfRange,
                message: format!("the value of the tag `{key}` has {} characters", value.chars().count()),
                help: format!("AWS allows {}", limits::TAG_VALUE_CHARS),
                span: entry.map(|entry| entry.node.span.clone()),
            });
        }
    }
    Ok(())
}
