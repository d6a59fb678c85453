//! Finds the stage of a command, and the tables that its settings come from.

use std::ops::Range;

use super::keys;
use crate::config::{Config, ConfigError, ConfigErrorKind, Entry, Node, nearest};

/// The stage that is the embedded cloud. Every project has it.
pub const LOCAL: &str = "local";

/// A stage's table and those that it extends, nearest first, each with the stage's name.
pub(crate) type Lineage<'a> = Vec<(&'a str, &'a Node)>;

/// Returns the tables of the stages, in the order of the file; none if the file has none.
pub(crate) fn stage_entries(config: &Config) -> &[Entry] {
    config.root.get(keys::STAGE.name).map(Node::entries).unwrap_or_default()
}

/// Returns the names of the stages that have a table, in the order of the file.
pub fn stage_names(config: &Config) -> impl Iterator<Item = &str> {
    stage_entries(config).iter().map(|entry| entry.key.as_str())
}

/// Returns the name of the stage that a command works on: the argument, else `default_stage`, else the only
/// stage. `local` doesn't count for the only one, even if it has a table.
///
/// # Errors
/// None of these names a stage, or there is no stage of that name. The nearest name is suggested.
pub fn stage_name(config: &Config, argument: Option<&str>) -> Result<String, ConfigError> {
    let names = || stage_names(config).filter(|name| *name != LOCAL);
    let known = |name: &str, span: Option<Range<usize>>| {
        if name == LOCAL || names().any(|known| known == name) {
            return Ok(name.to_owned());
        }
        Err(unknown_stage(name, &names().collect::<Vec<_>>(), span))
    };
    if let Some(name) = argument {
        return known(name, None);
    }
    if let Some(name) = keys::DEFAULT_STAGE.read_in(&config.root)? {
        return known(&name, config.root.get(keys::DEFAULT_STAGE.name).map(|node| node.span.clone()));
    }
    let mut all = names();
    match (all.next(), all.next()) {
        (Some(only), None) => Ok(only.to_owned()),
        (None, _) => Err(ConfigErrorKind::Stage.whole(
            "no stage is configured",
            "add a table `[stage.dev]` to lzap.toml, or name the embedded cloud: `local`",
        )),
        (Some(_), Some(_)) => Err(ConfigErrorKind::Stage.whole(
            format!(
                "there are several stages ({}) and none is the default",
                names().collect::<Vec<_>>().join(", ")
            ),
            "name one on the command line, or set `default_stage` in lzap.toml",
        )),
    }
}

/// Returns the error for a name that no stage has; `span` is the place of the name, if it stands in the file.
fn unknown_stage(name: &str, known: &[&str], span: Option<Range<usize>>) -> ConfigError {
    let help = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "add a table `[stage.NAME]` to lzap.toml, or use `local`".to_owned(),
        None => format!("the stages are: {}, local", known.join(", ")),
    };
    ConfigError { span, ..ConfigErrorKind::Stage.whole(format!("there is no stage `{name}`"), help) }
}

/// Returns the tables that the settings of `stage` come from, nearest first; none for a stage without a
/// table.
///
/// # Errors
/// `extends` isn't a text, names a missing stage, or makes a loop.
pub(crate) fn find_lineage<'a>(config: &'a Config, stage: &str) -> Result<Lineage<'a>, ConfigError> {
    let find = |name: &str| stage_entries(config).iter().find(|entry| entry.key == name);
    let mut line: Lineage<'a> = Vec::new();
    let mut next = find(stage);
    while let Some(entry) = next {
        line.push((&entry.key, &entry.node));
        let Some(parent) = keys::EXTENDS.read_in(&entry.node)? else { break };
        let span = entry.node.get(keys::EXTENDS.name).map(|node| node.span.clone());
        if line.iter().any(|(seen, _)| *seen == parent) {
            let message = format!("stage `{parent}` extends itself, by way of `{}`", entry.key);
            let error = ConfigErrorKind::Stage.whole(message, "take one `extends` out of the loop");
            return Err(ConfigError { span, ..error });
        }
        next = find(&parent);
        if next.is_none() {
            return Err(unknown_stage(&parent, &stage_names(config).collect::<Vec<_>>(), span));
        }
    }
    Ok(line)
}
