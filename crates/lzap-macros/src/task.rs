//! Expands `#[lzap::task]`: checks the function, and builds the constant that replaces it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote};
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, FnArg, Ident, ItemFn, Result, ReturnType, Safety, Type};

use crate::manifest;
use crate::options::{self, TaskOptions};

/// Expands the attribute. Errors point at the part of the user's code that must change, where there is one.
///
/// # Errors
/// When an option, the name or the signature is not valid for a task.
pub(crate) fn expand_task(arguments: TokenStream, function: TokenStream) -> Result<TokenStream> {
    let options: TaskOptions = syn::parse2(arguments)?;
    // Methods parse as functions too; their receiver is refused below.
    let function: ItemFn = syn::parse2(function.clone()).map_err(|error| {
        // The first token of the item: the parser's own position can be far below the attribute.
        let span = function.into_iter().next().map_or_else(|| error.span(), |token| token.span());
        Error::new(span, "`#[lzap::task]` needs a function: put it on a `fn` outside of any `impl`")
    })?;
    check_signature(&function)?;
    let name = function.sig.ident.to_string();
    options::check_name(options.name.as_deref().unwrap_or(&name))
        .map_err(|why| Error::new(function.sig.ident.span(), why))?;
    let types = argument_types(&function)?;
    let lzap = crate_path(&options)?;
    Ok(build_constant(&function, &types, &options, &lzap))
}

/// Returns the path of the crate `lzap`: the option `crate`, else the dependency's name, as an absolute path.
fn crate_path(options: &TaskOptions) -> Result<TokenStream> {
    if let Some(path) = &options.lzap {
        return Ok(path.to_token_stream());
    }
    let Some(name) = manifest::find_lzap() else {
        return Err(Error::new(
            Span::call_site(),
            "the `Cargo.toml` of this package has no dependency on `lzap`, which a task uses; add it with \
             `cargo add lzap --features tasks`, or give the path of another crate's re-export: \
             `#[lzap::task(crate = \"company::lzap\")]`",
        ));
    };
    // Only a raw identifier can name a dependency that is called like a keyword.
    let name = syn::parse_str(&name).unwrap_or_else(|_| Ident::new_raw(&name, Span::call_site()));
    Ok(quote!(::#name))
}

/// Refuses signatures that can't run in another process. The type checker refuses most of them too, but its errors would
/// point into the generated code.
fn check_signature(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    let refuse = |span, why: &str| Err(Error::new(span, why));
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        return refuse(
            signature.generics.span(),
            "a task can't be generic, because another process must know its types: write one task for each type",
        );
    }
    if let Safety::Unsafe(token) = &signature.safety {
        return refuse(
            token.span(),
            "a task can't be `unsafe`, because any payload can call it: remove `unsafe`, and check the arguments in the task",
        );
    }
    if let Some(abi) = &signature.abi {
        return refuse(abi.span(), "a task can't have a foreign ABI: remove `extern`");
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

/// Returns the types of the arguments, which together are the task's input.
///
/// # Errors
/// When an argument is a reference or a receiver.
fn argument_types(function: &ItemFn) -> Result<Vec<&Type>> {
    function
        .sig
        .inputs
        .iter()
        .map(|input| match input {
            FnArg::Typed(typed) if matches!(*typed.ty, Type::Reference(_)) => Err(Error::new(
                typed.ty.span(),
                "a task owns its arguments, because they come from another process: take `String` or `Vec<T>` by value",
            )),
            FnArg::Typed(typed) => Ok(&*typed.ty),
            FnArg::Receiver(_) => Err(Error::new(
                input.span(),
                "a task can't be a method: make it a function that takes the value as an argument",
            )),
        })
        .collect()
}

/// Builds the constant. `lzap` is the path of the crate. The code names nothing but what that crate exports, because an app
/// has no other crate of lzap among its dependencies.
fn build_constant(
    function: &ItemFn,
    types: &[&Type],
    options: &TaskOptions,
    lzap: &TokenStream,
) -> TokenStream {
    let ItemFn { attrs, vis, sig, block, .. } = function;
    // The inner function has another name, so that within the body the task's name means the task.
    let ident = &sig.ident;
    let name = options.name.clone().unwrap_or_else(|| ident.to_string());
    let inner = quote::format_ident!("__{}", ident, span = ident.span());
    let inner_sig = syn::Signature { ident: inner.clone(), ..sig.clone() };
    // These attributes describe the item that the user sees. Others, such as `expect` and `instrument`, belong on a function.
    let (documented, others): (Vec<&Attribute>, Vec<&Attribute>) = attrs.iter().partition(|attribute| {
        ["doc", "cfg", "deprecated"].iter().any(|kept| attribute.path().is_ident(kept))
    });
    // `check_signature` has refused functions without a result.
    let ReturnType::Type(_, output) = &sig.output else {
        return TokenStream::new();
    };
    // One argument is the input itself, so that `task.map(names)` needs no tuples of one element. Several are a tuple.
    let places: Vec<_> = (0..types.len()).map(|n| quote::format_ident!("argument_{n}")).collect();
    let (input, pattern) = match (types, places.as_slice()) {
        ([one], [place]) => (one.to_token_stream(), place.to_token_stream()),
        _ => (quote!((#(#types),*)), quote!((#(#places),*))),
    };
    // Closures without captures become function pointers, so the constant needs no allocation and no initializer.
    let build = if sig.asyncness.is_some() {
        quote! {
            #lzap::Task::__asynchronous(#name, |#pattern: #input| {
                ::std::boxed::Box::pin(async move {
                    #lzap::__private::TaskResult::into_result(#inner(#(#places),*).await)
                })
            })
        }
    } else {
        quote! {
            #lzap::Task::__plain(#name, |#pattern: #input| {
                #lzap::__private::TaskResult::into_result(#inner(#(#places),*))
            })
        }
    };
    let build = if options.not_idempotent { quote!(#build.__not_idempotent()) } else { build };
    // `allow` instead of `expect`: this code is part of the user's crate, where an `expect` warns when its lint finds nothing.
    quote! {
        #(#documented)*
        #[allow(non_upper_case_globals, reason = "it has the name of a function")]
        #vis const #ident: #lzap::Task<#input, <#output as #lzap::__private::TaskResult>::Output> = {
            #(#others)*
            #[allow(clippy::needless_pass_by_value, reason = "a task owns its arguments")]
            #[allow(clippy::unnecessary_wraps, clippy::unused_async, reason = "every task returns a result, and may be asynchronous")]
            #inner_sig #block
            #build
        };
    }
}
