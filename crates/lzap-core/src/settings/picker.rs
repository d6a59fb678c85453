//! Picks each key's value from the nearest table that has it, and notes where that is.

use super::key::{Declaration, Key};
use super::keys;
use super::lineage::Lineage;
use super::origin::{ListedSetting, Origin};
use super::table::Table;
use super::value::{Merge, SettingValue};
use crate::config::{ConfigError, Node};

/// Picks the values of one stage, and collects their list on the way.
pub(crate) struct Picker<'a> {
    /// The root of the file, for the keys outside of stages.
    file: &'a Node,
    /// The tables of the stage, nearest first.
    lineage: Lineage<'a>,
    /// The values that were picked so far, one for each key.
    noted: Vec<Noted>,
    /// Values, merged from several tables, that are beyond a limit.
    pub(crate) problems: Vec<ConfigError>,
}

impl<'a> Picker<'a> {
    pub(crate) fn new(file: &'a Node, lineage: Lineage<'a>) -> Self {
        Self { file, lineage, noted: Vec::new(), problems: Vec::new() }
    }

    /// Returns the value of a key: the nearest table's, else the default. A value that can't be read counts
    /// as absent; the check of the tables reports it.
    pub(crate) fn get<T: SettingValue>(&mut self, key: &Key<T>) -> T {
        let found = self.find(key).and_then(|(node, origin)| Some((key.read(node).ok()?, origin)));
        let (value, origin) = found.unwrap_or_else(|| (key.default(), Origin::Default));
        self.note(key, origin, value)
    }

    /// Returns the value of a key that the command can't do without: one that can't be read is an error at
    /// once.
    pub(crate) fn require_readable<T: SettingValue>(&mut self, key: &Key<T>) -> Result<T, ConfigError> {
        if let Some((node, _)) = self.find(key) {
            key.read(node)?;
        }
        Ok(self.get(key))
    }

    /// Returns the value of a key, merged from every table that has it; the nearest table's entries win. A
    /// merged value that is too large is a problem of the nearest table.
    pub(crate) fn get_merged<T: SettingValue + Merge>(&mut self, key: &Key<T>) -> T {
        let (mut merged, mut tables, mut span) = (key.default(), Vec::new(), None);
        for (stage, table) in self.lineage.iter().rev() {
            let Some(node) = table.get(key.name) else { continue };
            let Ok(value) = key.read(node) else { continue };
            merged.merge_nearer(value);
            tables.insert(0, format!("[stage.{stage}.{}]", key.name));
            span = Some(node.span.clone());
        }
        if let Err(problem) = key.check_size(&merged) {
            self.problems.push(ConfigError { span, ..problem });
        }
        let origin = if tables.is_empty() { Origin::Default } else { Origin::File(tables.join(" ")) };
        self.note(key, origin, merged)
    }

    /// Returns the node of a key and its table, from the nearest table that has the key.
    pub(crate) fn find<T: SettingValue>(&self, key: &Key<T>) -> Option<(&'a Node, Origin)> {
        if key.table == Table::File {
            return Some((self.file.get(key.name)?, Origin::File(String::new())));
        }
        self.lineage.iter().find_map(|(stage, table)| match key.table.holder() {
            None => Some((table.get(key.name)?, Origin::File(format!("[stage.{stage}]")))),
            Some(holder) => {
                let node = table.get(holder)?.get(key.name)?;
                Some((node, Origin::File(format!("[stage.{stage}.{holder}]"))))
            }
        })
    }

    /// Notes a value that comes from elsewhere than a table, and returns it. The last note of a key counts: a region that no
    /// table has may come from a variable.
    pub(crate) fn note<T: SettingValue>(&mut self, key: &Key<T>, origin: Origin, value: T) -> T {
        let noted = Noted { table: key.table, name: key.name, value: key.show(&value), origin };
        let is_key = |other: &&mut Noted| other.table == noted.table && other.name == noted.name;
        match self.noted.iter_mut().find(is_key) {
            Some(other) => *other = noted,
            None => self.noted.push(noted),
        }
        value
    }

    /// Returns the picked settings, in the order of their declarations. Keys that were not picked are left
    /// out.
    pub(crate) fn list(mut self) -> Vec<ListedSetting> {
        let listed = |key: &'static dyn Declaration| {
            let is_key = |noted: &Noted| noted.table == key.table() && noted.name == key.name();
            let index = self.noted.iter().position(is_key)?;
            let Noted { value, origin, .. } = self.noted.swap_remove(index);
            Some(ListedSetting { key: key.path(), value, origin })
        };
        keys::all().filter_map(listed).collect()
    }
}

/// A value that was picked. A key's path is not made before it is needed, since tests resolve settings many times.
struct Noted {
    table: Table,
    name: &'static str,
    value: String,
    origin: Origin,
}
