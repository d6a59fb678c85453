//! Reads the tables of the file: refuses unknown keys, and makes values of the tables that are no settings by
//! themselves.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::key::Declaration;
use super::keys;
use super::table::Table;
use super::value::{AsyncTable, Conditions, Kind, SettingValue, StageTables, WorkersTable, join, read_list};
use crate::config::{ConfigError, ConfigErrorKind, KeepWarm, Node, NodeValue, nearest};
use crate::role::Statement;
use crate::schedule::{Schedule, cron, rate};

/// Returns the keys that `table` may have, in the order of their declarations.
pub(crate) fn keys_of(table: Table) -> impl Iterator<Item = &'static dyn Declaration> {
    keys::all().filter(move |key| key.table() == table)
}

/// Returns everything that is wrong in `node`, the table `table`, in the order of the file: unknown keys,
/// wrong types, and values beyond a limit. Missing keys come last, since an unknown key may be a misspelt one
/// of them.
pub(crate) fn find_problems(table: Table, node: &Node) -> Vec<ConfigError> {
    let NodeValue::Table(entries) = &node.value else {
        return vec![node.wrong_type("a table")];
    };
    let mut problems: Vec<ConfigError> = entries
        .iter()
        .filter_map(|entry| match keys_of(table).find(|key| key.name() == entry.key) {
            Some(key) => key.check(&entry.node).err(),
            None => Some(ConfigErrorKind::UnknownKey.at(
                entry.key_span.clone(),
                format!("unknown key `{}`", entry.key),
                suggest_key(&entry.key, table),
            )),
        })
        .collect();
    problems.sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
    problems.extend(keys_of(table).filter(|key| key.is_required() && node.get(key.name()).is_none()).map(
        |key| {
            let help = format!("add it to this table; docs/reference/config.md describes {}", table.title());
            ConfigErrorKind::MissingKey.at(node.span.clone(), format!("`{}` is missing", key.name()), help)
        },
    ));
    problems
}

/// Refuses a table in which something is wrong.
pub(crate) fn check_table(table: Table, node: &Node) -> Result<(), ConfigError> {
    find_problems(table, node).into_iter().next().map_or(Ok(()), Err)
}

/// Returns the key that was probably meant; without a near one, all keys of the table.
fn suggest_key(unknown: &str, table: Table) -> String {
    match nearest(unknown, keys_of(table).map(Declaration::name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            format!("the keys here are: {}", join(keys_of(table).map(|key| key.name().to_owned()), ", "))
        }
    }
}

impl SettingValue for StageTables {
    const KIND: Kind = Kind::TablesByName(Table::Stage);

    fn read(node: &Node) -> Result<Self, ConfigError> {
        let NodeValue::Table(entries) = &node.value else {
            return Err(node.wrong_type("tables, such as `[stage.dev]`"));
        };
        let problems = entries.iter().flat_map(|entry| find_problems(Table::Stage, &entry.node));
        // A value beyond a limit is the problem of its own stage, and of those that extend it.
        let is_shape = |problem: &ConfigError| {
            let shapes =
                [ConfigErrorKind::UnknownKey, ConfigErrorKind::WrongType, ConfigErrorKind::MissingKey];
            shapes.contains(&problem.kind)
        };
        let first =
            problems.filter(is_shape).min_by_key(|problem| problem.span.as_ref().map(|span| span.start));
        first.map_or(Ok(Self), Err)
    }

    fn show(&self) -> String {
        String::new()
    }
}

impl SettingValue for AsyncTable {
    const KIND: Kind = Kind::Table(Table::Async);

    fn read(node: &Node) -> Result<Self, ConfigError> {
        check_table(Table::Async, node).map(|()| Self)
    }

    fn show(&self) -> String {
        "yes".to_owned()
    }
}

impl SettingValue for WorkersTable {
    const KIND: Kind = Kind::Table(Table::Workers);

    fn read(node: &Node) -> Result<Self, ConfigError> {
        check_table(Table::Workers, node).map(|()| Self)
    }

    fn show(&self) -> String {
        "yes".to_owned()
    }
}

impl SettingValue for KeepWarm {
    const KIND: Kind = Kind::SwitchOrTable(Table::KeepWarm);

    fn read(node: &Node) -> Result<Self, ConfigError> {
        match node.value {
            NodeValue::Boolean(false) => Ok(Self::Off),
            NodeValue::Boolean(true) => Ok(Self::Every(keys::EVERY_MINS.default())),
            NodeValue::Table(_) => {
                check_table(Table::KeepWarm, node)?;
                keys::EVERY_MINS.read_in(node).map(Self::Every)
            }
            _ => Err(node.wrong_type("`true`, `false` or `{ every_mins = … }`")),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Off => "false".to_owned(),
            Self::Every(mins) => format!("{{ {} = {mins} }}", keys::EVERY_MINS.name),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Off => json!(false),
            Self::Every(mins) if *mins == keys::EVERY_MINS.default() => json!(true),
            Self::Every(mins) => json!({ keys::EVERY_MINS.name: mins }),
        }
    }
}

impl SettingValue for Vec<Schedule> {
    const KIND: Kind = Kind::TableList(Table::Schedule);

    fn read(node: &Node) -> Result<Self, ConfigError> {
        read_list(node, "a list of tables, such as `[[stage.dev.schedule]]`", read_schedule)
    }

    fn show(&self) -> String {
        join(self.iter().map(Schedule::text), "; ")
    }
}

/// Reads one schedule. A schedule without a name is called like its task.
fn read_schedule(node: &Node) -> Result<Schedule, ConfigError> {
    check_table(Table::Schedule, node)?;
    let task = keys::SCHEDULE_TASK.read_in(node)?;
    let name = keys::SCHEDULE_NAME.read_in(node)?.unwrap_or_else(|| task.clone());
    let fail = |node: &Node, what: &str, help: &str| {
        Err(ConfigErrorKind::InvalidValue.at(
            node.span.clone(),
            format!("the schedule of `{task}` {what}"),
            help,
        ))
    };
    let expression = match (node.get(keys::SCHEDULE_RATE.name), node.get(keys::SCHEDULE_CRON.name)) {
        (Some(text), None) => read_time("rate", text, rate)?,
        (None, Some(text)) => read_time("cron", text, cron)?,
        (Some(_), Some(cron)) => {
            return fail(cron, "has a `rate` and a `cron`", "take one of them out");
        }
        (None, None) => {
            let task = node.get(keys::SCHEDULE_TASK.name).unwrap_or(node);
            return fail(task, "has no time", "write `rate = \"1 hour\"` or `cron = \"0 12 * * ? *\"`");
        }
    };
    Ok(Schedule { name, task, expression, input: keys::SCHEDULE_INPUT.read_in(node)? })
}

/// Reads the text of `rate` or `cron`, and returns EventBridge's expression.
fn read_time(
    key: &str,
    node: &Node,
    parse: fn(&str) -> Result<String, String>,
) -> Result<String, ConfigError> {
    let text = String::read(node)?;
    parse(&text).map_err(|help| {
        ConfigErrorKind::InvalidValue.at(node.span.clone(), format!("`{text}` is not a {key}"), help)
    })
}

impl SettingValue for Vec<Statement> {
    const KIND: Kind = Kind::TableList(Table::RoleStatements);

    fn read(node: &Node) -> Result<Self, ConfigError> {
        read_list(node, "a list of tables, such as `[[stage.dev.role_statements]]`", |node| {
            check_table(Table::RoleStatements, node)?;
            Ok(Statement {
                actions: keys::STATEMENT_ACTIONS.read_in(node)?,
                resources: keys::STATEMENT_RESOURCES.read_in(node)?,
                conditions: keys::STATEMENT_CONDITIONS.read_in(node)?,
            })
        })
    }

    fn show(&self) -> String {
        join(self.iter().map(Statement::text), "; ")
    }
}

impl SettingValue for Conditions {
    const KIND: Kind = Kind::Conditions;

    fn read(node: &Node) -> Result<Self, ConfigError> {
        read_map(node, |keys| read_map(keys, read_one_or_several))
    }

    fn show(&self) -> String {
        join(self.keys().cloned(), " ")
    }
}

/// Reads a table whose keys are the user's own.
fn read_map<T>(
    node: &Node,
    read: impl Fn(&Node) -> Result<T, ConfigError>,
) -> Result<BTreeMap<String, T>, ConfigError> {
    match &node.value {
        NodeValue::Table(entries) => {
            entries.iter().map(|entry| Ok((entry.key.clone(), read(&entry.node)?))).collect()
        }
        _ => Err(node.wrong_type("a table")),
    }
}

/// Reads a string as a list of one: IAM takes both.
fn read_one_or_several(node: &Node) -> Result<Vec<String>, ConfigError> {
    let expected = "a string or a list of strings";
    match node.value {
        NodeValue::Text(_) => Ok(vec![String::read(node)?]),
        _ => read_list(node, expected, String::read),
    }
}
