//! What a step refers to: something known by its name, or something that AWS names only when an earlier step makes it.

/// An API: known, or made by an earlier step of the same plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiRef {
    /// This one.
    Known(String),
    /// The one that [`Call::CreateApi`](super::Call::CreateApi) makes.
    Created,
}

/// An integration: known, or made by an earlier step of the same plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntegrationRef {
    /// This one.
    Known(String),
    /// The one that [`Call::CreateIntegration`](super::Call::CreateIntegration) makes.
    Created,
}

/// A version: known, or published by an earlier step of the same plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VersionRef {
    /// This one.
    Known(String),
    /// The one that [`Call::PublishVersion`](super::Call::PublishVersion) answers with.
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

/// Who may call the alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The HTTP API.
    Api(ApiRef),
    /// The rule whose name ends so.
    Rule(String),
}
