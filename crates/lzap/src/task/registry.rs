//! Which tasks an app has, by name. An event names a task; nothing in it is ever resolved as a path.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::error::{TaskError, TaskErrorKind};
use super::handler::Handler;

/// What lzap's own tasks begin with; the app's never do.
const OWN: &str = "lzap-";

/// The tasks that were given to [`App::task`](crate::App::task), and lzap's own.
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
    /// Adds a task; the name of one that is there already is the error.
    pub(crate) fn add(&mut self, task: Arc<dyn Handler>) -> Result<(), &'static str> {
        let name = task.name();
        match self.0.insert(name, task) {
            None => Ok(()),
            Some(_) => Err(name),
        }
    }

    /// The app's, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.keys().filter(|name| !name.starts_with(OWN)).map(|name| (*name).to_owned()).collect()
    }

    /// The task called `name`; the error lists those that there are.
    pub(crate) fn find(&self, name: &str) -> Result<&Arc<dyn Handler>, TaskError> {
        self.0.get(name).ok_or_else(|| {
            let known = match self.names() {
                names if names.is_empty() => "the app registers none".to_owned(),
                names => format!("there are: {}", names.join(", ")),
            };
            let name: String = name.chars().take(64).collect();
            TaskError::new(
                TaskErrorKind::UnknownTask,
                format!("no task `{name}` is registered with `App::task` ({known})"),
            )
        })
    }
}
