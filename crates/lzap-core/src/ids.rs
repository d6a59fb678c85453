//! Numbers, ids and names of resources, each a type of its own: two of them can't be swapped.
//!
//! The names that lzap makes from an app and a stage are in [`crate::names`].

use std::borrow::Borrow;
use std::fmt::{self, Display, Formatter};

/// Defines a string as a type of its own.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The id with this text, which isn't checked: AWS gave it, or refuses it.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text, as AWS writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Display for $name {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, text: &str) -> bool {
                self.0 == text
            }
        }

        // The requests of the SDK take their texts as `impl Into<String>`.
        impl From<&$name> for String {
            fn from(id: &$name) -> Self {
                id.0.clone()
            }
        }

        // Maps by id can be asked with a text.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )* };
}

ids! {
    /// The number of a published version, such as `12`; never `$LATEST`.
    VersionNumber
    /// The id of an HTTP API, such as `a1b2c3d4e5`, which its URL begins with.
    ApiId
    /// The id of a statement in a resource policy.
    StatementId
    /// The end of a rule's name, without the prefix of app and stage: `keep-warm`, or that of a schedule.
    RuleName
}
