//! The options in the parentheses of `#[lzap::task(…)]`.

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitBool, LitStr, Result, Token};

/// The longest name in characters. A name becomes part of EventBridge rule names, which have at most 64.
///
/// AWS: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>
const MAX_NAME_CHARS: usize = 40;

/// The values of `name = "…"` and `idempotent = false`.
#[derive(Default)]
pub(crate) struct TaskOptions {
    pub(crate) name: Option<String>,
    pub(crate) not_idempotent: bool,
}

impl Parse for TaskOptions {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        for option in Punctuated::<TaskOption, Token![,]>::parse_terminated(input)? {
            match option {
                TaskOption::Name(name) => options.name = Some(name),
                TaskOption::Idempotent(idempotent) => options.not_idempotent = !idempotent,
            }
        }
        Ok(options)
    }
}

/// One option.
enum TaskOption {
    Name(String),
    Idempotent(bool),
}

impl Parse for TaskOption {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let key: Ident = input.parse()?;
        input.parse::<Token![=]>()?;
        if key == "name" {
            let name: LitStr = input.parse()?;
            check_name(&name.value()).map_err(|why| Error::new(name.span(), why))?;
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

/// Checks a task's name. It appears in events, in rule names and in logs, so only characters that all of them allow are valid.
pub(crate) fn check_name(name: &str) -> std::result::Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.starts_with("lzap-") {
        return Err("names that begin with `lzap-` are lzap's own".to_owned());
    }
    if name.is_empty() || name.len() > MAX_NAME_CHARS || !name.chars().all(plain) {
        return Err(format!(
            "a task's name has 1 to {MAX_NAME_CHARS} letters, digits, `_` and `-` (ASCII); give it another with \
             `#[lzap::task(name = \"…\")]`"
        ));
    }
    Ok(())
}
