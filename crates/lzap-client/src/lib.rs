//! A small AWS client for the lzap runtime: `lambda:Invoke` and the S3 operations on objects.
//!
//! hyper carries the requests over connections of the client's own pool, `aws-sigv4` signs them, and rustls encrypts
//! them with what `lzap-tls` chooses. Credentials, region, endpoints, proxy and certificates come from the environment,
//! as Lambda sets it: there are no profiles, no instance metadata and no background tasks.
//!
//! The time of a call is bounded, also when the network fails: its [`Deadline`] covers name resolution,
//! connecting, the TLS handshake, sending, waiting and reading. S3 calls are retried within it, Lambda invocations are
//! not: only the caller knows whether an event may run twice. [`ClientError::may_have_run`] says whether it may have.
//!
//! ```no_run
//! use std::time::Duration;
//! use lzap_client::{Bucket, Client, Deadline, GetOptions, Invoke};
//!
//! # async fn example() -> Result<(), lzap_client::ClientError> {
//! let client = Client::from_env()?;
//! let deadline = Deadline::after(Duration::from_secs(20));
//! let answer = client.invoke(Invoke::new("shop-dev", "{}"), deadline).await?;
//! let bucket = Bucket::new("reports");
//! let object = client.get_object(&bucket, "2026/november.csv", GetOptions::default(), deadline).await?;
//! # drop((answer, object));
//! # Ok(())
//! # }
//! ```
//!
//! Modules: `config` reads the environment, `endpoint` finds hosts, `sign` signs, `connect` and `pool` own the
//! connections, `transport` sends one request, `call` adds signatures, retries and the correction of a wrong clock, and
//! `lambda` and `s3` are the operations. A new service is one more `Service` and one more module beside `lambda`.

mod call;
mod client;
mod clock;
mod config;
mod connect;
mod connection;
mod deadline;
mod encode;
mod endpoint;
mod error;
mod error_body;
mod lambda;
mod pool;
mod progress;
mod proxy;
mod resolve;
mod retry;
mod s3;
mod sign;
mod socket;
mod tls;
mod transport;

pub use client::Client;
pub use config::{AwsCredentials, Settings};
pub use deadline::Deadline;
pub use error::{ClientError, ErrorKind};
pub use lambda::{InvocationKind, Invoke, Invoked};
pub use s3::{
    AccountId, Bucket, GetOptions, ListOptions, ListPage, ListedObject, Object, ObjectHead, PutCondition,
    PutDone, PutObject,
};
