//! The attribute macro `lzap::task`. Apps use it through the crate `lzap`, whose documentation has the guide.
//!
//! `options.rs` parses the options, `manifest.rs` finds the name of the crate `lzap`, and `task.rs` builds the constant, of type
//! `lzap::Task<Input, Output>`. The macro doesn't register the task: an app calls `App::task`, so that a reader sees all of
//! its tasks in one place.

mod manifest;
mod options;
mod task;

use proc_macro::TokenStream;

/// Turns a function into a task: a constant of type `lzap::Task` with the function's name, which can run in another Lambda.
///
/// The function owns its arguments and returns a `Result`. Arguments and result implement serde's `Serialize` and
/// `Deserialize`. The app registers the task with `lzap::App::task`.
///
/// | option | default | effect |
/// |---|---|---|
/// | `name = "…"` | the function's name | the name in events, logs and `lzap.toml`: 1 to 40 ASCII letters, digits, `_` and `-` |
/// | `idempotent = false` | `true` | lzap sends no call again that may have run |
/// | `crate = "…"` | found in `Cargo.toml` | the path of the crate `lzap`, as in `crate = "company::lzap"` |
///
/// The macro looks up the crate's name in the dependencies of the package's `Cargo.toml`, so `lzap` may be renamed there. The
/// option `crate` is necessary where another crate re-exports `lzap`. It also chooses between two versions of `lzap`;
/// without it, the macro uses the one that is called `lzap`.
///
/// # Errors
/// The macro refuses functions that can't run in another process: methods, generic or `unsafe` functions, functions with
/// a foreign ABI, with a reference as an argument, or without a result.
#[proc_macro_attribute]
pub fn task(arguments: TokenStream, function: TokenStream) -> TokenStream {
    task::expand_task(arguments.into(), function.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
