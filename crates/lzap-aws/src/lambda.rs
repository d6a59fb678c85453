//! Lambda: the function, its versions, its alias and the alias's policy.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html>; for the states between a write and its
//! effect <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>.

mod account;
mod alias;
mod asynchronous;
mod function;
mod invoke;
mod policy;
mod probe;
mod read;

pub(crate) use account::account_limits;
pub(crate) use alias::{AliasWrite, add_permission, create_alias, remove_permission, update_alias};
pub(crate) use asynchronous::{delete_async, get_async, put_async};
pub(crate) use function::{
    Published, State, create_function, delete_function, delete_version, get_state, publish_version,
    set_concurrency, tag_function, update_code, update_configuration,
};
pub use invoke::{Invocation, Invoked, Wait, invoke};
pub(crate) use policy::get_policy;
pub(crate) use probe::{Question, Verdict, invoke_probe};
pub(crate) use read::{get_function, list_aliases, list_versions};
