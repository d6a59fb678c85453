//! The attribute behind `lzap::task`. The guide is in the crate `lzap`; here is only what the compiler needs.
//!
//! A task's function becomes a constant of the same name, of type `lzap::Task<Input, Output>`, with the function
//! inside. Nothing is registered behind the user's back: that is `App::task`.

mod options;
mod task;

use proc_macro::TokenStream;

/// Makes a task of a function: see `lzap::task`.
#[proc_macro_attribute]
pub fn task(arguments: TokenStream, function: TokenStream) -> TokenStream {
    task::expand(arguments.into(), function.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
