//! The tasks of an app, by name. Events name a task; a name is only compared, never resolved as a path.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::error::{TaskError, TaskErrorKind};
use super::handler::Handler;

/// The prefix of lzap's own tasks. The macro refuses it for an app's tasks.
const OWN_PREFIX: &str = "lzap-";

/// The tasks that [`App::task`](crate::App::task) registered, and lzap's own.
#[derive(Clone)]
pub(crate) struct Registry(BTreeMap<&'static str, Arc<dyn Handler>>);

impl Default for Registry {
    fn default() -> Self {
        let own: [Arc<dyn Handler>; _] = [
            #[cfg(feature = "map")]
            Arc::new(crate::object::ODD_QUOTES),
        ];
        Self(own.into_iter().map(|task| (task.name(), task)).collect())
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Registry {
    /// Adds a task.
    ///
    /// # Errors
    /// The task's name, when another task has it.
    pub(crate) fn add_task(&mut self, task: Arc<dyn Handler>) -> Result<(), &'static str> {
        let name = task.name();
        match self.0.insert(name, task) {
            None => Ok(()),
            Some(_) => Err(name),
        }
    }

    /// The names of the app's tasks, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.keys().filter(|name| !name.starts_with(OWN_PREFIX)).map(|name| (*name).to_owned()).collect()
    }

    /// Finds a task by its name.
    ///
    /// # Errors
    /// [`TaskErrorKind::UnknownTask`] with the names of the registered tasks.
    pub(crate) fn find_task(&self, name: &str) -> Result<&Arc<dyn Handler>, TaskError> {
        self.0.get(name).ok_or_else(|| {
            let known = match self.names() {
                names if names.is_empty() => "the app registers none".to_owned(),
                names => format!("there are: {}", names.join(", ")),
            };
            // The name comes from an event, so an error message has at most 64 characters of it.
            let name: String = name.chars().take(64).collect();
            TaskError::new(
                TaskErrorKind::UnknownTask,
                format!("no task `{name}` is registered with `App::task` ({known})"),
            )
        })
    }
}
