//! From a function to a constant.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, FnArg, ItemFn, Result, ReturnType, Safety, Type};

use crate::options::{self, Options};

/// The constant that stands for `function`.
pub(crate) fn expand(arguments: TokenStream, function: TokenStream) -> Result<TokenStream> {
    let options: Options = syn::parse2(arguments)?;
    let function: ItemFn = syn::parse2(function.clone()).map_err(|error| {
        let span = function.into_iter().next().map_or_else(|| error.span(), |token| token.span());
        Error::new(span, "`#[lzap::task]` goes on a function outside of any `impl`")
    })?;
    check(&function)?;
    let name = function.sig.ident.to_string();
    options::check(options.name.as_deref().unwrap_or(&name))
        .map_err(|why| Error::new(function.sig.ident.span(), why))?;
    let types = inputs(&function)?;
    Ok(constant(&function, &types, &options, options.name.as_deref().unwrap_or(&name)))
}

/// What can't be sent to another process is refused here, in words, not by the type checker.
fn check(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    let refuse = |span, why: &str| Err(Error::new(span, why));
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        return refuse(
            signature.generics.span(),
            "a task can't be generic: another process must know its types; write one task for each type",
        );
    }
    if let Safety::Unsafe(token) = &signature.safety {
        return refuse(token.span(), "a task can't be `unsafe`: whatever arrives in a payload calls it");
    }
    if let Some(abi) = &signature.abi {
        return refuse(abi.span(), "a task can't have a foreign ABI");
    }
    if matches!(signature.output, ReturnType::Default) {
        return refuse(
            signature.ident.span(),
            "a task returns a `Result`: add `-> Result<(), E>`, where `E` is an error type, a `String` or a \
             boxed error",
        );
    }
    Ok(())
}

/// The types of the arguments.
fn inputs(function: &ItemFn) -> Result<Vec<&Type>> {
    function
        .sig
        .inputs
        .iter()
        .map(|input| match input {
            FnArg::Typed(typed) if matches!(*typed.ty, Type::Reference(_)) => Err(Error::new(
                typed.ty.span(),
                "a task owns its arguments, which arrive from another process: take `String` or `Vec<T>` by value",
            )),
            FnArg::Typed(typed) => Ok(&*typed.ty),
            FnArg::Receiver(_) => Err(Error::new(
                input.span(),
                "a task can't be a method: make it a function, and the value an argument",
            )),
        })
        .collect()
}

fn constant(function: &ItemFn, types: &[&Type], options: &Options, name: &str) -> TokenStream {
    let ItemFn { attrs, vis, sig, block, .. } = function;
    // Under another name, so that the body can call the task by its own.
    let ident = &sig.ident;
    let inner = quote::format_ident!("__{}", ident, span = ident.span());
    let inner_sig = syn::Signature { ident: inner.clone(), ..sig.clone() };
    let (documented, others): (Vec<&Attribute>, Vec<&Attribute>) = attrs.iter().partition(|attribute| {
        ["doc", "cfg", "deprecated"].iter().any(|kept| attribute.path().is_ident(kept))
    });
    let ReturnType::Type(_, output) = &sig.output else {
        return TokenStream::new();
    };
    let places: Vec<_> = (0..types.len()).map(|n| quote::format_ident!("argument_{n}")).collect();
    let (input, pattern) = match (types, places.as_slice()) {
        ([one], [place]) => (one.to_token_stream(), place.to_token_stream()),
        _ => (quote!((#(#types),*)), quote!((#(#places),*))),
    };
    let build = if sig.asyncness.is_some() {
        quote! {
            ::lzap::Task::__asynchronous(#name, |#pattern: #input| {
                ::std::boxed::Box::pin(async move {
                    ::lzap::__private::TaskResult::into_result(#inner(#(#places),*).await)
                })
            })
        }
    } else {
        quote! {
            ::lzap::Task::__plain(#name, |#pattern: #input| {
                ::lzap::__private::TaskResult::into_result(#inner(#(#places),*))
            })
        }
    };
    let build = if options.not_idempotent { quote!(#build.__not_idempotent()) } else { build };
    // `allow`, not `expect`: this stands in users' code, where an `expect` warns as soon as a lint has nothing to say.
    quote! {
        #(#documented)*
        #[allow(non_upper_case_globals, reason = "it is called as the function was")]
        #vis const #ident: ::lzap::Task<#input, <#output as ::lzap::__private::TaskResult>::Output> = {
            #(#others)*
            #[allow(clippy::needless_pass_by_value, reason = "its arguments come from another process")]
            #[allow(clippy::unnecessary_wraps, clippy::unused_async, reason = "each task has the same shape")]
            #inner_sig #block
            #build
        };
    }
}
