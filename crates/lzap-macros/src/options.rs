//! The options in the parentheses of `#[lzap::task(…)]`.

use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitBool, LitStr, Path, Result, Token};

/// The longest name in characters. The rule of a schedule is named `APP-STAGE-TASK`, and rule names have at most 64.
///
/// AWS: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>
const MAX_NAME_CHARS: usize = 40;

/// The options' values. When an option is repeated, the last one counts.
#[derive(Default)]
pub(crate) struct TaskOptions {
    /// `name = "…"`. The default is the function's name.
    pub(crate) name: Option<String>,
    /// `idempotent = false`: lzap sends no call again that may have run.
    pub(crate) not_idempotent: bool,
    /// `crate = "…"`. The default is the name of the dependency in `Cargo.toml`.
    pub(crate) lzap: Option<Path>,
}

impl Parse for TaskOptions {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        for option in Punctuated::<TaskOption, Token![,]>::parse_terminated(input)? {
            match option {
                TaskOption::Name(name) => options.name = Some(name),
                TaskOption::Idempotent(idempotent) => options.not_idempotent = !idempotent,
                TaskOption::Crate(path) => options.lzap = Some(path),
            }
        }
        Ok(options)
    }
}

enum TaskOption {
    Name(String),
    Idempotent(bool),
    Crate(Path),
}

impl Parse for TaskOption {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        // `crate` is a keyword, which `Ident::parse` refuses.
        let key = input.call(Ident::parse_any)?;
        let has_value = input.parse::<Token![=]>().is_ok();
        match key.to_string().as_str() {
            option @ ("name" | "idempotent" | "crate") if !has_value => Err(Error::new(
                key.span(),
                format!("the option `{option}` has no value; write `{option} = …`"),
            )),
            "name" => {
                let name: LitStr = input.parse()?;
                check_name(&name.value()).map_err(|why| Error::new(name.span(), why))?;
                Ok(Self::Name(name.value()))
            }
            "idempotent" => Ok(Self::Idempotent(input.parse::<LitBool>()?.value)),
            "crate" => Ok(Self::Crate(parse_crate_path(input)?)),
            other => Err(Error::new(
                key.span(),
                format!(
                    "a task has no option `{other}`; there are `name = \"…\"`, `idempotent = false` and `crate = \"…\"`"
                ),
            )),
        }
    }
}

/// Parses the path of the crate `lzap`, which is in quotes as in serde's attributes.
fn parse_crate_path(input: ParseStream<'_>) -> Result<Path> {
    const EXAMPLE: &str = "write the path of the crate `lzap` in quotes: `crate = \"company::lzap\"`";
    let path: LitStr = input
        .parse()
        .map_err(|error| Error::new(error.span(), format!("`crate` needs a string; {EXAMPLE}")))?;
    path.parse_with(Path::parse_mod_style)
        .map_err(|_| Error::new(path.span(), format!("\"{}\" is not a Rust path; {EXAMPLE}", path.value())))
}

/// Checks a task's name. It appears in events, rule names and logs, so it may have only characters that all of them allow.
pub(crate) fn check_name(name: &str) -> std::result::Result<(), String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    // Reserved for tasks of lzap itself.
    if name.starts_with("lzap-") {
        return Err("names that start with `lzap-` are reserved: choose another name".to_owned());
    }
    if name.is_empty() || name.len() > MAX_NAME_CHARS || !name.chars().all(is_allowed) {
        return Err(format!(
            "a task's name has 1 to {MAX_NAME_CHARS} ASCII letters, digits, `_` and `-`: set another with \
             `#[lzap::task(name = \"…\")]`"
        ));
    }
    Ok(())
}
