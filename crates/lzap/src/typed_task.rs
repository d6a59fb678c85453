//! A task as apps see it.

use std::fmt;

#[cfg(feature = "map")]
use lzap_map::{JoinTask, Map};
use lzap_tasks::{BoxError, Job, TaskDefinition, TaskError, TaskFunction, TaskFuture};
use serde::{Serialize, de::DeserializeOwned};

/// A function that can run in another Lambda. `#[lzap::task]` makes it from a function.
///
/// ```
/// #[lzap::task]
/// async fn greet(name: String) -> Result<String, String> {
///     Ok(format!("Hello, {name}"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lzap::TaskError> {
/// assert_eq!(greet.call("Ada".to_owned()).await?, "Hello, Ada");
/// # Ok(())
/// # }
/// ```
///
/// Events and answers have the input and the output as JSON (those of a map as postcard), so both types are
/// `Serialize + DeserializeOwned`. Under `cargo run` and `cargo test` the task runs in this process, through the same
/// serialization.
///
/// Tasks must be idempotent, because Lambda delivers an event at least once, and may deliver it again.
pub struct Task<I, O>(TaskDefinition<I, O>);

impl<I, O> Clone for Task<I, O> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<I, O> Copy for Task<I, O> {}

impl<I, O> fmt::Debug for Task<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl<I, O> Task<I, O> {
    /// For the macro: an `async fn`.
    #[doc(hidden)]
    pub const fn __asynchronous(name: &'static str, function: fn(I) -> TaskFuture<O>) -> Self {
        Self(TaskDefinition::new(name, TaskFunction::Asynchronous(function)))
    }

    /// For the macro: a plain `fn`.
    #[doc(hidden)]
    pub const fn __plain(name: &'static str, function: fn(I) -> Result<O, BoxError>) -> Self {
        Self(TaskDefinition::new(name, TaskFunction::Plain(function)))
    }

    /// For the macro: `idempotent = false`.
    #[doc(hidden)]
    #[must_use]
    pub const fn __not_idempotent(self) -> Self {
        Self(self.0.not_idempotent())
    }

    /// The name that events, schedules and `lzap invoke` use.
    ///
    /// ```
    /// #[lzap::task(name = "send-mail")]
    /// async fn send_mail(to: String) -> Result<(), String> {
    ///     Ok(())
    /// }
    ///
    /// assert_eq!(send_mail.name(), "send-mail");
    /// ```
    pub const fn name(&self) -> &'static str {
        self.0.name()
    }

    /// The task as the layers below know it.
    pub(crate) const fn definition(&self) -> TaskDefinition<I, O> {
        self.0
    }
}

impl<I, O> Task<I, O>
where
    I: Serialize + DeserializeOwned + Send + 'static,
    O: Serialize + DeserializeOwned + Send + 'static,
{
    /// Runs the function in this process, without another Lambda and without serialization.
    ///
    /// ```
    /// # #[lzap::task]
    /// # async fn greet(name: String) -> Result<String, String> {
    /// #     Ok(format!("Hello, {name}"))
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// assert_eq!(greet.run("Ada".to_owned()).await?, "Hello, Ada");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The error that the function returned.
    pub async fn run(&self, input: I) -> Result<O, BoxError> {
        self.0.run(input).await
    }

    /// Runs the task in another Lambda and waits for the result: one `lambda:Invoke` for each attempt, and both
    /// Lambdas are billed meanwhile. Throttled attempts are retried until the caller's deadline is near, and lost
    /// responses at most three times. A task with `idempotent = false` is not retried after a lost response.
    ///
    /// ```
    /// # #[lzap::task]
    /// # async fn greet(name: String) -> Result<String, String> {
    /// #     Ok(format!("Hello, {name}"))
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::TaskError> {
    /// assert_eq!(greet.call("Ada".to_owned()).await?, "Hello, Ada");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The task's own failure, or a failure to reach it; [`TaskErrorKind`](crate::TaskErrorKind) distinguishes them.
    pub async fn call(&self, input: I) -> Result<O, TaskError> {
        self.0.call(input).await
    }

    /// Starts the task as an asynchronous invocation, and returns as soon as Lambda has queued the event. The task continues
    /// after this request is answered. Lambda retries a failed task twice; `[stage.X.async]` in `lzap.toml` changes that. The
    /// input may have up to 1 MB.
    ///
    /// ```
    /// # #[lzap::task]
    /// # async fn greet(name: String) -> Result<String, String> {
    /// #     Ok(format!("Hello, {name}"))
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::TaskError> {
    /// greet.spawn("Ada".to_owned()).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// When Lambda did not queue the event, or its response was lost and the task may run. A failure of the task
    /// itself is only in its log.
    pub async fn spawn(&self, input: I) -> Result<(), TaskError> {
        self.0.spawn(input).await
    }

    /// Starts the task like [`spawn`](Self::spawn), and stores its state and its result for seven days under an id. [`Job`]
    /// has an example.
    ///
    /// The record costs a `s3:PutObject` when the job is queued, and two for each attempt. Reading the state costs one
    /// `s3:GetObject`.
    ///
    /// # Errors
    /// When Lambda did not queue the event, or the record can't be written.
    pub async fn job(&self, input: I) -> Result<Job<O>, TaskError> {
        self.0.job(input).await
    }

    /// Runs the task on each item: in as many Lambdas as shorten the map, or in this process when sending the items would take
    /// longer than computing them.
    ///
    /// ```
    /// #[lzap::task]
    /// fn square(n: u64) -> Result<u64, String> {
    ///     n.checked_mul(n).ok_or_else(|| format!("{n} is too large"))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lzap::MapError> {
    /// assert_eq!(square.map(1..=4).values().await?, [1, 4, 9, 16]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Each item runs at least once, so tasks must be idempotent. An item runs again after a lost response or a worker's exit,
    /// in a hedged attempt beside a slow one, and with the rest of a chunk that is retried. An item of a task with
    /// `idempotent = false` runs at most once, and fails when it is unknown whether it has run.
    ///
    /// In a job, the map writes its results to the stage's bucket once a second (`s3:PutObject`), so that Lambda's next
    /// attempt of the job continues from there. Items that were in flight when the process ended run again, even those of a
    /// task with `idempotent = false`.
    #[cfg(feature = "map")]
    pub fn map(&self, items: impl IntoIterator<Item = I>) -> Map<I, O> {
        Map::new(self.0, items)
    }
}

#[cfg(feature = "map")]
impl<O> JoinTask<O> for Task<(O, O), O> {
    fn definition(self) -> TaskDefinition<(O, O), O> {
        self.0
    }
}
