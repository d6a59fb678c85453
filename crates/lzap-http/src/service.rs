//! The bound on an app's service, with error messages for services that don't fit.

use crate::erase::{Erase, ErasedService};

/// A service that `App` can serve. The crate implements this trait for each type that fits, and it can't be implemented
/// elsewhere.
///
/// A fitting type is a [`tower::Service`] that takes `http::Request<`[`lzap::Body`](axum::body::Body)`>` and gives an
/// `http::Response` over any `http_body::Body` of [`Bytes`](bytes::Bytes). Its error must convert into a boxed error (an error
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
pub trait HttpService: Erase {}

#[diagnostic::do_not_recommend]
impl<S: Erase> HttpService for S {}

/// Erases the service's type, so that an app's build compiles the server once and not for each service type.
pub fn erase_service<S: HttpService>(service: S) -> ErasedService {
    service.erase_service()
}
