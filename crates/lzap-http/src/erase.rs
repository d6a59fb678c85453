//! Erases the type of the app's service, so that no code after it is generic, and an app compiles fast.

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::{Request, Response};
use lambda_runtime::Error as BoxError;
use tower::{Service, ServiceExt, util::BoxCloneService};

/// A service without its type. It answers any number of requests at the same time, each on a clone.
pub type ErasedService = BoxCloneService<Request<Body>, Response<Body>, BoxError>;

/// Implemented for each service that fits. The module is private, so that no other crate can implement it.
pub trait Erase {
    fn erase_service(self) -> ErasedService;
}

#[diagnostic::do_not_recommend]
impl<S, B> Erase for S
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
