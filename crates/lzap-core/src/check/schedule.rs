//! The schedules: names and inputs that `EventBridge` would refuse.

use std::ops::Range;

use lzap_wire::limits;
use lzap_wire::task::schedule_input;

use super::tables::StageTables;
use crate::config::{ConfigError, ConfigErrorKind, Node};
use crate::ids::RuleName;
use crate::names::{self, KEEP_WARM};
use crate::schedule::Schedule;
use crate::settings::{Settings, keys, matches};

/// Checks each schedule where it stands. A stage's list replaces that of the stage that it extends, so the
/// nearest list in the file is the one in effect.
pub(super) fn check_schedules(tables: &StageTables<'_>, settings: &Settings) -> Result<(), ConfigError> {
    let nodes = tables.find(&keys::SCHEDULES).map(Node::elements).unwrap_or_default();
    let mut seen: Vec<&str> = Vec::new();
    // Both have the same order and length, unless a schedule can't be read, which is an error before this
    // check.
    for (node, schedule) in nodes.iter().zip(&settings.schedules) {
        check_name(node, schedule, &seen)?;
        check_rule_name(node, schedule, settings)?;
        check_input(node, schedule)?;
        seen.push(&schedule.name);
    }
    Ok(())
}

/// Checks the name, which becomes a part of a rule's name and of a statement's id. Both must be unique in a
/// stage.
fn check_name(node: &Node, schedule: &Schedule, seen: &[&str]) -> Result<(), ConfigError> {
    let name = schedule.name.as_str();
    let help = if !matches("^[A-Za-z0-9_-]+$", name) {
        "give it a `name` of letters, digits, `-` and `_`: it becomes a part of the rule's name"
    } else if name == KEEP_WARM {
        "the keep-warm rule has this name: give the schedule another `name`"
    } else if seen.contains(&name) {
        "another schedule has it: give one of them a `name` of its own"
    } else {
        return Ok(());
    };
    Err(ConfigErrorKind::InvalidValue.at(
        find_name(node),
        format!("`{name}` can't be the name of this schedule"),
        help,
    ))
}

/// Checks the length of the whole rule's name, of which the user writes only the end.
fn check_rule_name(node: &Node, schedule: &Schedule, settings: &Settings) -> Result<(), ConfigError> {
    let rule = names::rule(&settings.app, &settings.stage, &RuleName::new(&schedule.name));
    if rule.len() <= limits::RULE_NAME_CHARS {
        return Ok(());
    }
    Err(ConfigErrorKind::OutOfRange.at(
        find_name(node),
        format!("the rule's name `{rule}` has {} characters", rule.len()),
        format!("AWS allows {}: give the schedule a shorter `name`", limits::RULE_NAME_CHARS),
    ))
}

/// Checks the size of what EventBridge sends: the input with the envelope by which the runtime crate finds
/// the task.
fn check_input(node: &Node, schedule: &Schedule) -> Result<(), ConfigError> {
    let bytes = schedule_input(&schedule.task, &schedule.input).to_string().len();
    if bytes <= limits::RULE_INPUT_BYTES {
        return Ok(());
    }
    Err(ConfigErrorKind::OutOfRange.at(
        node.get(keys::SCHEDULE_INPUT.name).unwrap_or(node).span.clone(),
        format!("the input has {bytes} bytes as JSON"),
        format!("AWS allows {}: put it into the app, or into a bucket", limits::RULE_INPUT_BYTES),
    ))
}

/// Returns the place of the name in the file, or of the task that it comes from.
fn find_name(node: &Node) -> Range<usize> {
    let name = node.get(keys::SCHEDULE_NAME.name).or_else(|| node.get(keys::SCHEDULE_TASK.name));
    name.unwrap_or(node).span.clone()
}
