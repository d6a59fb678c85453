//! Tasks without their types: a handler takes and returns encoded values.
//!
//! An event names a task, and the code that answers it knows neither its input nor its output type.

use futures_util::future::BoxFuture;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use crate::error::{TaskError, TaskErrorKind};
use crate::json;
use crate::panic::catch_panic;
use crate::task::TaskDefinition;

/// A registered task. Its types are erased, so that one registry can have all tasks.
pub trait Handler: Send + Sync {
    /// The name by which events find the task; unique in the app.
    fn name(&self) -> &'static str;

    /// Runs the task on one input. A panic becomes an error.
    fn run_once(&self, input: Box<RawValue>) -> BoxFuture<'static, Result<Box<RawValue>, TaskError>>;
}

impl<I, O> Handler for TaskDefinition<I, O>
where
    I: Serialize + DeserializeOwned + Send + 'static,
    O: Serialize + DeserializeOwned + Send + 'static,
{
    fn name(&self) -> &'static str {
        TaskDefinition::name(self)
    }

    fn run_once(&self, input: Box<RawValue>) -> BoxFuture<'static, Result<Box<RawValue>, TaskError>> {
        let task = *self;
        Box::pin(catch_panic(async move {
            let input = json::read_value::<I>(&input).map_err(|why| {
                TaskError::new(TaskErrorKind::BadInput, format!("the input of task `{}` {why}", task.name()))
            })?;
            let output = task.run_guarded(input).await?;
            to_raw_value(&output).map_err(|error| {
                let why = format!("the output of task `{}` can't be written: {error}", task.name());
                TaskError::new(TaskErrorKind::BadOutput, why)
            })
        }))
    }
}
