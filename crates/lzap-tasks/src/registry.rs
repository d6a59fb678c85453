//! The tasks of an app, by name. Events name a task; a name is only compared, never resolved as a path.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::error::{TaskError, TaskErrorKind};

/// The prefix of lzap's own tasks. The macro refuses it for an app's tasks.
const OWN_PREFIX: &str = "lzap-";

/// The handlers of an app's tasks. `H` is what the tasks do here: [`Handler`](crate::Handler) for single runs.
pub struct Registry<H: ?Sized>(BTreeMap<&'static str, Arc<H>>);

impl<H: ?Sized> Default for Registry<H> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<H: ?Sized> fmt::Debug for Registry<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<H: ?Sized> Registry<H> {
    /// Adds a task. It replaces another one of the same name, and the error reports that.
    ///
    /// # Errors
    /// The task's name, when another task has it.
    pub fn add_task(&mut self, name: &'static str, handler: Arc<H>) -> Result<(), &'static str> {
        match self.0.insert(name, handler) {
            None => Ok(()),
            Some(_) => Err(name),
        }
    }

    /// The names of the app's tasks, sorted and without lzap's own.
    pub fn names(&self) -> Vec<String> {
        self.0.keys().filter(|name| !name.starts_with(OWN_PREFIX)).map(|name| (*name).to_owned()).collect()
    }

    /// `name` may come from an event, so it may be any text.
    ///
    /// # Errors
    /// [`TaskErrorKind::UnknownTask`] with the names of the registered tasks.
    pub fn find_task(&self, name: &str) -> Result<&Arc<H>, TaskError> {
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
