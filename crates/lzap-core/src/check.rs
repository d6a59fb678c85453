//! Rules that join several settings, or that look into the entries of one. AWS would refuse what breaks them, and here it is
//! found before anything is compiled or called. The limits of single values are in their declarations,
//! `crate::settings::keys`.

mod role;
mod schedule;
mod tables;

use lzap_wire::env::{LZAP_WORKERS, RESERVED_BY_LAMBDA};
use lzap_wire::limits;

use crate::config::{Config, ConfigError, ConfigErrorKind};
use crate::desired::desired_environment;
use crate::ids::RuleName;
use crate::names::{self, Names, Part, Place};
use crate::settings::keys::json_bytes;
use crate::settings::{Settings, Warning, keys, matches, stage_entries};

use crate::uses::Uses;
use role::{check_policy_size, check_role, find_role_warnings};
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
    // What the app uses isn't known yet: [`check_uses`] comes after that.
    check_sizes(&tables, settings, Uses::default())?;
    check_tags(&tables, settings)?;
    check_role(&tables)?;
    check_schedules(&tables, settings)?;
    Ok(settings.warnings.iter().cloned().chain(find_role_warnings(&settings.role)).collect())
}

/// Checks the rules that depend on what the app uses, which only its crate tells.
///
/// # Errors
/// The first rule that is broken.
pub fn check_uses(config: &Config, settings: &Settings, uses: Uses) -> Result<(), ConfigError> {
    check_sizes(&StageTables::new(config, &settings.stage)?, settings, uses)
}

/// Checks what AWS measures together with lzap's own part, which grows with what the app uses. The limits of the keys know
/// only the user's part.
fn check_sizes(tables: &StageTables<'_>, settings: &Settings, uses: Uses) -> Result<(), ConfigError> {
    let names = longest_names(settings);
    check_environment_size(tables, settings, &names, uses)?;
    check_policy_size(tables, settings, &names, uses)
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

fn check_environment_size(
    tables: &StageTables<'_>,
    settings: &Settings,
    names: &Names,
    uses: Uses,
) -> Result<(), ConfigError> {
    let mut environment = desired_environment(settings, names, uses);
    if uses.map && settings.workers.is_some() {
        // The version isn't known yet; four digits are enough for years of deploys.
        environment.insert(LZAP_WORKERS.to_owned(), format!("{}:9999", names.workers().function()));
    }
    let bytes = json_bytes(&environment);
    if bytes <= limits::ENVIRONMENT_BYTES {
        return Ok(());
    }
    let own = bytes - json_bytes(&settings.environment);
    let span = tables.find_table(keys::ENVIRONMENT.name).map(|node| node.span.clone());
    let message = format!("the environment variables have {bytes} bytes as JSON, {own} of them lzap's own");
    let help = format!(
        "AWS allows {}: put large values into a file of `include`, or into Secrets Manager or S3",
        limits::ENVIRONMENT_BYTES
    );
    Err(ConfigError { span, ..ConfigErrorKind::OutOfRange.whole(message, help) })
}

/// Returns the names of a stage whose account isn't known yet: every account id has 12 digits. Without a region in the
/// settings, that with the longest name counts.
fn longest_names(settings: &Settings) -> Names {
    let region = settings.region.clone().unwrap_or_else(|| "ap-southeast-1".to_owned());
    let place = Place { partition: "aws".to_owned(), account: "000000000000".to_owned(), region };
    let (app, stage) = (settings.app.clone(), settings.stage.clone());
    Names { app, stage, place, role: settings.role.name(), part: Part::App }
}

/// Checks the names of the environment variables. AWS:
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
        // AWS refuses its own prefix in any case of its letters.
        let is_reserved = key.to_ascii_lowercase().starts_with("aws:") || key.starts_with("lzap:");
        let fits = (1..=limits::TAG_KEY_CHARS).contains(&key.chars().count());
        if is_reserved || !fits || !key.chars().all(is_tag_char) {
            return Err(ConfigError {
                kind: ConfigErrorKind::InvalidValue,
                message: format!("`{key}` can't be the key of a tag"),
                help: format!("1 to {} {TAG_ALPHABET}; `aws:` and `lzap:` are taken", limits::TAG_KEY_CHARS),
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
        if let Some(other) = value.chars().find(|char| !is_tag_char(*char)) {
            return Err(ConfigError {
                kind: ConfigErrorKind::InvalidValue,
                message: format!("the value of the tag `{key}` has a `{}`", other.escape_debug()),
                help: format!("AWS allows {TAG_ALPHABET}"),
                span: entry.map(|entry| entry.node.span.clone()),
            });
        }
    }
    Ok(())
}

/// The characters of a tag, in words.
const TAG_ALPHABET: &str = "letters, digits, blanks and `_.:/=+-@`";

/// True for a character that a tag may have. AWS:
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html>
fn is_tag_char(char: char) -> bool {
    char.is_alphanumeric() || (char.is_whitespace() && !char.is_control()) || "_.:/=+-@".contains(char)
}
