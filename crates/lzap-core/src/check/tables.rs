//! Finds the settings of a stage in the file, so that an error points at their line.

use crate::config::{Config, ConfigError, Entry, Node};
use crate::settings::{Key, SettingValue, find_lineage};

/// The tables of a stage and of those that it extends, nearest first.
pub(crate) struct StageTables<'a>(Vec<&'a Node>);

impl<'a> StageTables<'a> {
    /// Finds the tables of `stage`; none for a stage without a table, such as `local`.
    pub(crate) fn new(config: &'a Config, stage: &str) -> Result<Self, ConfigError> {
        Ok(Self(find_lineage(config, stage)?.into_iter().map(|(_, table)| table).collect()))
    }

    /// Returns the value of a key of the stage that is in effect; `None` if it doesn't come from the file.
    pub(crate) fn find<T: SettingValue>(&self, key: &Key<T>) -> Option<&'a Node> {
        self.0.iter().find_map(|table| table.get(key.name))
    }

    /// Returns the nearest table with this name, of those that are merged from several stages.
    pub(crate) fn find_table(&self, table: &str) -> Option<&'a Node> {
        self.0.iter().find_map(|stage| stage.get(table))
    }

    /// Returns the entry that is in effect of a table that is merged from several stages, with the place of
    /// its key.
    pub(crate) fn find_entry(&self, table: &str, key: &str) -> Option<&'a Entry> {
        self.0.iter().find_map(|stage| stage.get(table)?.entries().iter().find(|entry| entry.key == key))
    }
}
