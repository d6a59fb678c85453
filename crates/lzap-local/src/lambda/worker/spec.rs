//! The description of an environment: its function's version, its code and its number of invocations at once.

use std::path::PathBuf;

use super::logs::StreamName;
use crate::clock::timestamp;
use crate::lambda::state::{EnvironmentKey, Resolved, Version};

/// The description of an environment.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) key: EnvironmentKey,
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) version: Version,
    /// The most invocations that the environment has at once.
    pub(crate) max_concurrency: u32,
    pub(crate) task_root: PathBuf,
}

impl Spec {
    /// For one version, unpacked at `task_root`.
    pub(crate) fn new(resolved: &Resolved, task_root: PathBuf) -> Self {
        Self {
            key: resolved.key.clone(),
            name: resolved.name.clone(),
            region: resolved.region.clone(),
            version: resolved.version.clone(),
            max_concurrency: resolved.max_concurrency,
            task_root,
        }
    }

    /// Returns whether the environment is one as Lambda Managed Instances have.
    pub(super) fn is_managed(&self) -> bool {
        self.max_concurrency > 1 || self.version.settings.capacity_provider.is_some()
    }

    /// Makes the name of a log stream as Lambda does, for an environment that starts at `now_ms`.
    pub(super) fn make_stream_name(&self, now_ms: i64) -> StreamName {
        let day = timestamp(now_ms).strftime("%Y/%m/%d").to_string();
        let own_group = || format!("/aws/lambda/{}", self.name);
        StreamName {
            region: self.region.clone(),
            group: self.version.settings.log_group.clone().unwrap_or_else(own_group),
            stream: format!("{day}/[{}]{}", self.version.name, uuid::Uuid::new_v4().simple()),
        }
    }
}
