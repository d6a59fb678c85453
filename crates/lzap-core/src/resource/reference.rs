//! References to what AWS names only when an earlier step of the same plan creates it.

use crate::ids::{ApiId, VersionNumber};

/// An API: known, or created by an earlier step of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiRef {
    /// The API with this id.
    Known(ApiId),
    /// The API that the plan creates.
    Created,
}

/// An integration: known, or created by an earlier step of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntegrationRef {
    /// The integration with this id.
    Known(String),
    /// The integration that the plan creates.
    Created,
}

/// A version: known, or published by an earlier step of the plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VersionRef {
    /// The version with this number.
    Known(VersionNumber),
    /// The version that the plan publishes.
    Published,
}

/// A version that gets a share of the traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The version.
    pub version: VersionRef,
    /// Its share in percent, 1 to 99.
    pub percent: u8,
}

/// A front's URL: known, or returned by an earlier step of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlRef {
    /// This URL.
    Known(String),
    /// The URL of the front that the plan creates.
    Created,
}
