//! What stands in the parentheses of `#[lzap::task(…)]`.

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitBool, LitStr, Result, Token};

/// The longest name: it becomes part of rule names, of which AWS allows 64 characters.
const LONGEST: usize = 40;

/// `name = "…"` and `idempotent = false`.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<String>,
    pub(crate) not_idempotent: bool,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        for option in Punctuated::<One, Token![,]>::parse_terminated(input)? {
            match option {
                One::Name(name) => options.name = Some(name),
                One::Idempotent(idempotent) => options.not_idempotent = !idempotent,
            }
        }
        Ok(options)
    }
}

enum One {
    Name(String),
    Idempotent(bool),
}

impl Parse for One {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let key: Ident = input.parse()?;
        input.parse::<Token![=]>()?;
        if key == "name" {
            let name: LitStr = input.parse()?;
            check(&name.value()).map_err(|why| Error::new(name.span(), why))?;
            Ok(Self::Name(name.value()))
        } else if key == "idempotent" {
            Ok(Self::Idempotent(input.parse::<LitBool>()?.value))
        } else {
            Err(Error::new(
                key.span(),
                format!("a task has no option `{key}`; there are `name = \"…\"` and `idempotent = false`"),
            ))
        }
    }
}

/// Names travel in events, in the names of rules and in logs.
pub(crate) fn check(name: &str) -> std::result::Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.starts_with("lzap-") {
        return Err("names that begin with `lzap-` are lzap's own".to_owned());
    }
    if name.is_empty() || name.len() > LONGEST || !name.chars().all(plain) {
        return Err(format!(
            "a task's name has 1 to {LONGEST} letters, digits, `_` and `-` (ASCII); give it another with \
             `#[lzap::task(name = \"…\")]`"
        ));
    }
    Ok(())
}
