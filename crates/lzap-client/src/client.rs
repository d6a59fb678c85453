//! The client itself. Its operations are in `lambda` and `s3`.

use std::fmt;
use std::sync::Arc;

use crate::call::Caller;
use crate::config::Settings;
use crate::error::ClientError;

/// Calls AWS. Clones share connections, addresses and the clock's correction; a clone costs a reference count.
///
/// One client should serve the whole process and one tokio runtime: a second client has connections of its own, and each
/// connection costs a TLS handshake.
#[derive(Clone)]
pub struct Client(Arc<Caller>);

impl Client {
    /// A client of this process's environment; see [`Settings::from_env`]. Opens no connection.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) when a variable is missing or unusable; the text names it.
    pub fn from_env() -> Result<Self, ClientError> {
        Self::new(&Settings::from_env()?)
    }

    /// A client with `settings`. Reads the certificates, opens no connection.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) when an endpoint, the proxy or the certificates are unusable.
    pub fn new(settings: &Settings) -> Result<Self, ClientError> {
        Ok(Self(Arc::new(Caller::new(settings)?)))
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.0
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("lambda", &self.0.lambda.origin)
            .field("s3", &self.0.s3.origin)
            .finish_non_exhaustive()
    }
}
