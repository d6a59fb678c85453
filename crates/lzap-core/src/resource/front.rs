//! The front: turns HTTP requests into invocations of the alias. Each front is a kind of resource of its own.
//!
//! When `front` changes, the new one is created and requested before the old one is deleted, so that there is a working URL at
//! every moment.

use crate::resource::grant::{Grant, grants};
use crate::resource::reference::UrlRef;
use crate::resource::{function_url, http_api};
use crate::step::ResourceKind;

/// The front of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Front {
    /// An API Gateway HTTP API.
    #[default]
    HttpApi,
    /// A function URL.
    FunctionUrl,
    /// No front: the app has tasks only.
    None,
}

impl Front {
    /// Every front, with its meaning for the reference page.
    pub const ALL: &[(Self, &str)] = &[
        (Self::HttpApi, "An API Gateway HTTP API, which waits 30 seconds for an answer."),
        (
            Self::FunctionUrl,
            "A function URL, which waits as long as the function may run, and costs nothing beside it.",
        ),
        (Self::None, "No front: the app has tasks only, and no URL."),
    ];

    /// The kind of resource that it is.
    pub(crate) fn kind(self) -> Option<ResourceKind> {
        match self {
            Self::HttpApi => Some(http_api::KIND),
            Self::FunctionUrl => Some(function_url::KIND),
            Self::None => None,
        }
    }

    /// Its name in `lzap.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HttpApi => "http-api",
            Self::FunctionUrl => "function-url",
            Self::None => "none",
        }
    }
}

/// A test of a front. It writes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrontOperation {
    /// A `GET` of the new front, before the old one is deleted. A response with a 5xx status, or none, ends the plan.
    Request {
        /// The front's URL.
        url: UrlRef,
        /// The path.
        path: String,
    },
}

grants! { FrontOperation {
    FrontOperation::Request { .. } => [];
} }

/// Each front's own kind has the read actions.
pub(crate) const READS: &[Grant] = &[];

impl FrontOperation {
    /// The verb of a progress line.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Request { .. } => "requesting",
        }
    }
}
