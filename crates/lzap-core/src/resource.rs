//! The kinds of AWS resources that a stage consists of, a module each.
//!
//! A kind's module holds all that is pure about it: its desired and observed types, its operations (one enum), how they are
//! planned, which IAM actions they need, how they are described. `lzap-aws` has a module of the same name, which applies
//! the operations. No kind knows the list of all kinds: that is [`Operation`], and [`crate::plan`] says in which order
//! they are planned.

pub mod alias;
pub mod artifact;
pub mod bucket;
pub mod event_invoke;
pub mod front;
pub mod function;
pub mod function_url;
pub mod grant;
pub mod http_api;
pub mod kinds;
pub mod log_group;
pub mod permission;
pub mod reference;
pub mod role;
pub mod rule;
pub mod version;
pub mod workers;

use grant::Grant;
use kinds::Kinds;

/// The operations of all kinds: `Kind(operations) in module`.
macro_rules! operations {
    ($($(#[$doc:meta])* $kind:ident($operation:ident) in $module:ident;)+) => {
        /// One operation of a plan, by the kind whose operation it is. Most are one write to AWS.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Operation {
            $($(#[$doc])* $kind($module::$operation),)+
        }

        $(impl From<$module::$operation> for Operation {
            fn from(operation: $module::$operation) -> Self {
                Self::$kind(operation)
            }
        })+

        impl Operation {
            /// The IAM actions that AWS checks when the operation is applied.
            pub fn grants(&self) -> &'static [Grant] {
                match self { $(Self::$kind(operation) => operation.grants(),)+ }
            }

            /// The verb of a progress line.
            pub fn verb(&self) -> &'static str {
                match self { $(Self::$kind(operation) => operation.verb(),)+ }
            }
        }

        /// All kinds that not every stage has.
        pub fn optional_kinds() -> Kinds {
            let fronts = [http_api::KIND, function_url::KIND];
            Kinds::of(fronts.into_iter().chain([event_invoke::KIND, rule::KIND, workers::KIND]))
        }

        /// The IAM actions of all operations and of all reads.
        pub(crate) fn all_grants() -> impl Iterator<Item = Grant> {
            let written = [$($module::GRANTS),+].into_iter().flatten().copied().flatten();
            let read = [$($module::READS),+].into_iter().flatten();
            written.chain(read).copied()
        }
    };
}

operations! {
    /// The bucket.
    Bucket(BucketOperation) in bucket;
    /// The stage's objects in it.
    Artifact(ArtifactOperation) in artifact;
    /// The execution role.
    Role(RoleOperation) in role;
    /// A log group.
    LogGroup(LogGroupOperation) in log_group;
    /// The function, or the worker function.
    Function(FunctionOperation) in function;
    /// A version of either.
    Version(VersionOperation) in version;
    /// The alias.
    Alias(AliasOperation) in alias;
    /// The settings for asynchronous invocations.
    EventInvoke(EventInvokeOperation) in event_invoke;
    /// The function URL.
    FunctionUrl(FunctionUrlOperation) in function_url;
    /// A test of a front.
    Front(FrontOperation) in front;
    /// The HTTP API.
    HttpApi(HttpApiOperation) in http_api;
    /// The alias's resource policy.
    Permission(PermissionOperation) in permission;
    /// A rule.
    Rule(RuleOperation) in rule;
}
