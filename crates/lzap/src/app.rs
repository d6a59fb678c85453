//! The app: its HTTP service and its tasks, and the choice of the server that serves them.

use std::{env, fmt};

use lzap_http::{ErasedService, HttpService, LogPlace, erase_service};
use lzap_wire::env::AWS_LAMBDA_RUNTIME_API;

use crate::Error;
#[cfg(feature = "tasks")]
use crate::{Task, app_tasks::AppTasks};
#[cfg(feature = "tasks")]
use serde::{Serialize, de::DeserializeOwned};

/// A web app, ready to run: on localhost under `cargo run`, behind the Runtime API in Lambda.
///
/// ```no_run
/// # async fn example() -> Result<(), lzap::Error> {
/// let router = axum::Router::new().route("/", axum::routing::get(async || "It works"));
/// lzap::App::new(router).run().await
/// # }
/// ```
pub struct App {
    http: ErasedService,
    #[cfg(feature = "tasks")]
    tasks: AppTasks,
}

impl App {
    /// Makes an app that answers HTTP requests with `service`: an [`axum::Router`], or another tower service that
    /// [`HttpService`] describes. [`App`] has an example.
    pub fn new<S: HttpService>(service: S) -> Self {
        Self {
            http: erase_service(service),
            #[cfg(feature = "tasks")]
            tasks: AppTasks::new(),
        }
    }

    /// Registers a task, so that other Lambdas, schedules and `lzap invoke` can run it by its name.
    ///
    /// ```no_run
    /// #[lzap::task]
    /// async fn cleanup(days: u32) -> Result<u32, String> {
    ///     Ok(days)
    /// }
    ///
    /// # async fn example(router: axum::Router) -> Result<(), lzap::Error> {
    /// lzap::App::new(router).task(cleanup).run().await
    /// # }
    /// ```
    #[cfg(feature = "tasks")]
    #[must_use]
    pub fn task<I, O>(mut self, task: Task<I, O>) -> Self
    where
        I: Serialize + DeserializeOwned + Send + 'static,
        O: Serialize + DeserializeOwned + Send + 'static,
    {
        self.tasks.add_task(task);
        self
    }

    /// Serves the app until a signal stops it. [`App`] has an example.
    ///
    /// In Lambda (where `AWS_LAMBDA_RUNTIME_API` is set) it answers invocations, [several at once](crate#several-requests-at-once)
    /// where Lambda sends them so, and returns only when the Runtime API fails. Anywhere else it serves on `localhost:5000`, or where `PORT` or `LZAP_ADDR` say, until Ctrl-C or
    /// SIGTERM; requests in flight then have ten seconds to finish, and a second signal ends them at once.
    ///
    /// Side effects: installs a global `tracing` subscriber unless there is one, and in Lambda, together with it, a
    /// panic hook that logs JSON. See [logs](crate#logs).
    ///
    /// # Errors
    ///
    /// When `PORT` or `LZAP_ADDR` can't be understood, the address is taken, two tasks have the same name, or the
    /// Runtime API fails.
    pub async fn run(self) -> Result<(), Error> {
        // Checked on every machine, so that the mistake shows under `cargo run` and not first in Lambda.
        #[cfg(feature = "tasks")]
        let tasks = Some(self.tasks.install()?);
        #[cfg(not(feature = "tasks"))]
        let tasks = None;
        let served = if lzap_http::is_native_http() {
            lzap_http::install_log(LogPlace::Lambda);
            lzap_http::serve_native_http(self.http).await
        } else if env::var_os(AWS_LAMBDA_RUNTIME_API).is_some() {
            lzap_http::install_log(LogPlace::Lambda);
            lzap_http::serve_lambda(self.http, tasks).await
        } else {
            lzap_http::install_log(LogPlace::Local);
            lzap_http::serve_local(self.http).await
        };
        served.map_err(Error::from)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::{Request, Response};

    use super::*;

    type BoxError = Box<dyn std::error::Error + Send + Sync>;

    fn is_send(_: &impl Send) {}

    /// A future that is `Send` can be spawned, so that a program can run an app beside other tasks.
    #[test]
    fn run_of_every_kind_of_service_is_a_future_that_is_send() {
        let router = axum::Router::new().with_state(());
        is_send(&App::new(router).run());
        is_send(&App::new(axum::routing::get(async || "")).run());
        is_send(
            &App::new(tower::service_fn(async |_: Request<Body>| {
                Ok::<_, BoxError>(Response::new(String::new()))
            }))
            .run(),
        );
    }
}
