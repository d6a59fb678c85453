//! The attribute macro `lzap::task`. The crate `lzap` has its guide.
//!
//! The macro turns a function into a constant of the same name and of type `lzap::Task<Input, Output>`, which contains the
//! function. It registers nothing: the app registers its tasks with `App::task`, so that a reader sees them in one place.

mod options;
mod task;

use proc_macro::TokenStream;

/// Turns a function into a task: see `lzap::task`.
#[proc_macro_attribute]
pub fn task(arguments: TokenStream, function: TokenStream) -> TokenStream {
    task::expand_task(arguments.into(), function.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
