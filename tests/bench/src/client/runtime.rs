//! The client of the runtime crate.

use std::path::Path;
use std::time::Duration;

use lzap_client::{Client, Deadline, Settings};
use lzap_testkit::shell::Result;

use super::Invoke;
use crate::REGION;

/// The longest that an invocation of the stub may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// `lzap-client` as the runtime crate uses it.
pub(super) struct RuntimeClient(Client);

impl RuntimeClient {
    /// A client of `endpoint`, which trusts the root certificate in the file `ca` and no other.
    pub(super) fn new(endpoint: &str, ca: Option<&Path>) -> Result<Self> {
        let variable = |name: &str| match name {
            "AWS_REGION" => Some(REGION.to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
            "AWS_ENDPOINT_URL_LAMBDA" => Some(endpoint.to_owned()),
            "AWS_CA_BUNDLE" => ca.map(|ca| ca.display().to_string()),
            _ => None,
        };
        Ok(Self(Client::new(&Settings::from_lookup(variable)?)?))
    }
}

impl Invoke for RuntimeClient {
    async fn invoke(&self, payload: Vec<u8>) -> std::result::Result<Vec<u8>, String> {
        let invoke = lzap_client::Invoke::new("bench", payload);
        let answer = self.0.invoke(invoke, Deadline::after(PATIENCE)).await;
        answer.map(|answer| answer.payload.into()).map_err(|error| format!("{error:?}"))
    }
}
