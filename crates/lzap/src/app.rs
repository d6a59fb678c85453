//! The app: registers the HTTP service and the tasks, and serves them.
//!
//! `App::new` erases the service's type, so that no code after it is generic, and an app compiles fast. `local.rs` and
//! `lambda.rs` serve it.

use std::{env, fmt};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::{Request, Response};
use lambda_runtime::Error as BoxError;
use lzap_wire::env::AWS_LAMBDA_RUNTIME_API;
use tower::{Service, ServiceExt, util::BoxCloneService};

use crate::{Error, lambda, local, log};
#[cfg(feature = "tasks")]
use crate::{task::Task, task::registry::Registry};
#[cfg(feature = "tasks")]
use serde::{Serialize, de::DeserializeOwned};
#[cfg(feature = "tasks")]
use std::sync::Arc;

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
    tasks: Registry,
    /// The name of a task that was registered twice. `run` reports it, because `task` returns no error.
    #[cfg(feature = "tasks")]
    duplicate_task: Option<&'static str>,
}

impl App {
    /// Makes an app that answers HTTP requests with `service`: an [`axum::Router`], or another tower service that
    /// [`HttpService`] describes.
    pub fn new<S: HttpService>(service: S) -> Self {
        Self {
            http: service.erase_service(),
            #[cfg(feature = "tasks")]
            tasks: Registry::default(),
            #[cfg(feature = "tasks")]
            duplicate_task: None,
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
        self.duplicate_task = self.duplicate_task.or(self.tasks.add_task(Arc::new(task)).err());
        self
    }

    /// Serves the app until a signal stops it.
    ///
    /// In Lambda (where `AWS_LAMBDA_RUNTIME_API` is set) it answers invocations and returns only when the Runtime API
    /// fails. Anywhere else it serves on `localhost:5000`, or where `PORT` or `LZAP_ADDR` say, until Ctrl-C or
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
        {
            if let Some(name) = self.duplicate_task {
                return Err(Error::duplicate_task(name));
            }
            crate::engine::install(self.tasks);
        }
        if env::var_os(AWS_LAMBDA_RUNTIME_API).is_some() {
            log::install(log::Place::Lambda);
            lambda::run(self.http).await
        } else {
            log::install(log::Place::Local);
            local::run(self.http).await
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

/// A service that [`App`] can serve. The crate implements this trait for each type that fits, and it can't be implemented
/// elsewhere.
///
/// A fitting type is a [`tower::Service`] that takes `http::Request<`[`lzap::Body`](crate::Body)`>` and gives an
/// `http::Response` over any `http_body::Body` of [`Bytes`]. Its error must convert into a boxed error (an error
/// becomes a 500 answer), its future must be `Send`, and the service `Clone + Send + 'static`. An [`axum::Router`]
/// that has its state is such a service. So is a plain function:
///
/// ```no_run
/// use std::convert::Infallible;
///
/// async fn echo(request: http::Request<lzap::Body>) -> Result<http::Response<lzap::Body>, Infallible> {
///     Ok(http::Response::new(request.into_body()))
/// }
///
/// # async fn example() -> Result<(), lzap::Error> {
/// lzap::App::new(tower::service_fn(echo)).run().await
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot answer HTTP requests",
    label = "expected an `axum::Router` or another tower service over `http::Request<lzap::Body>`",
    note = "an `axum::Router` with state of its own is a service only once it has it: call `.with_state(…)`",
    note = "any other service needs `Clone + Send + 'static`, a `Send` future, a response `http::Response<B>` where \
            `B: http_body::Body<Data = bytes::Bytes>`, and an error that converts into `Box<dyn Error + Send + Sync>`"
)]
pub trait HttpService: sealed::Erase {}

/// The type to which each service is erased.
pub(crate) type ErasedService = BoxCloneService<Request<Body>, Response<Body>, BoxError>;

#[diagnostic::do_not_recommend]
impl<S: sealed::Erase> HttpService for S {}

mod sealed {
    pub trait Erase {
        fn erase_service(self) -> super::ErasedService;
    }
}

#[diagnostic::do_not_recommend]
impl<S, B> sealed::Erase for S
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn erase_service(self) -> ErasedService {
        BoxCloneService::new(self.map_response(|response| response.map(Body::new)).map_err(Into::into))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
