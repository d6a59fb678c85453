//! The schedules: names and inputs that `EventBridge` would refuse.

use lzap_wire::limits;
use lzap_wire::task::schedule_input;

use super::Place;
use crate::config::{ConfigError, ScheduleTable};
use crate::names::{self, KEEP_WARM};
use crate::schedule::Schedule;
use crate::settings::Settings;

impl Place<'_> {
    pub(super) fn schedules(&self, settings: &Settings) -> Result<(), ConfigError> {
        let Some(tables) = self.tables.iter().find_map(|table| table.schedule.as_ref()) else {
            return Ok(());
        };
        if settings.schedules.len() > limits::SCHEDULES {
            return Err(ConfigError::at(
                tables.span(),
                format!("{} schedules are too many", settings.schedules.len()),
                format!(
                    "each is a statement of the function's resource policy, and AWS allows 20 KB: {} at most; \
                     have one task call several",
                    limits::SCHEDULES
                ),
            ));
        }
        let mut seen: Vec<&str> = Vec::new();
        for (table, schedule) in tables.get_ref().iter().zip(&settings.schedules) {
            name(table, schedule, &seen)?;
            length(table, schedule, settings)?;
            input(table, schedule)?;
            seen.push(&schedule.name);
        }
        Ok(())
    }
}

/// It becomes part of a rule's name and of a statement's id.
fn name(table: &ScheduleTable, schedule: &Schedule, seen: &[&str]) -> Result<(), ConfigError> {
    let name = schedule.name.as_str();
    let fits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let help = if !fits {
        "give it a `name` of letters, digits, `-` and `_`: it becomes part of the rule's name"
    } else if name == KEEP_WARM {
        "that is the keep-warm rule's: give it another `name`"
    } else if seen.contains(&name) {
        "another schedule has it: give one of them a `name` of its own"
    } else {
        return Ok(());
    };
    Err(ConfigError::at(span(table), format!("`{name}` can't be the name of this schedule"), help))
}

fn length(table: &ScheduleTable, schedule: &Schedule, settings: &Settings) -> Result<(), ConfigError> {
    let rule = names::rule(&settings.app, &settings.stage, &schedule.name);
    if rule.len() <= limits::RULE_NAME_CHARS {
        return Ok(());
    }
    Err(ConfigError::at(
        span(table),
        format!("the rule's name `{rule}` has {} characters", rule.len()),
        format!("AWS allows {}: give the schedule a shorter `name`", limits::RULE_NAME_CHARS),
    ))
}

fn input(table: &ScheduleTable, schedule: &Schedule) -> Result<(), ConfigError> {
    let bytes = schedule_input(&schedule.task, &schedule.input).to_string().len();
    if bytes <= limits::RULE_INPUT_BYTES {
        return Ok(());
    }
    Err(ConfigError::at(
        table.input.as_ref().map_or_else(|| table.task.span(), toml::Spanned::span),
        format!("the input has {bytes} bytes as JSON"),
        format!("AWS allows {}: put it into the app, or into a bucket", limits::RULE_INPUT_BYTES),
    ))
}

fn span(table: &ScheduleTable) -> std::ops::Range<usize> {
    table.name.as_ref().unwrap_or(&table.task).span()
}
