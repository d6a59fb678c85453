//! The four ways to name a function: name, partial ARN, ARN, each with or without `:qualifier`.

use lzap_wire::limits::FUNCTION_NAME_CHARS;

use super::model::LATEST;
use crate::lambda::error::ApiError;

const FUNCTION_PATTERN: &str = r"must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?";

/// A function, and perhaps one version or alias of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FunctionRef {
    /// The function's ARN, without the qualifier.
    pub(crate) arn: String,
    /// `$LATEST`, a number or an alias.
    pub(crate) qualifier: Option<String>,
}

impl FunctionRef {
    /// Reads `given` (name, `account:function:name`, `function:name` or ARN) as seen from `region` and `account`.
    /// A query's `qualifier` must agree with one inside the name.
    pub(crate) fn parse(
        given: &str,
        qualifier: Option<&str>,
        region: &str,
        account: &str,
    ) -> Result<Self, ApiError> {
        let refused = || ApiError::constraint(given, "functionName", FUNCTION_PATTERN);
        let (arn, inner) = split_reference(given, region, account).ok_or_else(refused)?;
        match (inner.as_deref(), qualifier) {
            (Some(inner), Some(outer)) if inner != outer => Err(ApiError::invalid(format!(
                "The derived qualifier from the function name does not match the specified qualifier: {outer}."
            ))),
            _ => Ok(Self { arn, qualifier: inner.or_else(|| qualifier.map(str::to_owned)) }),
        }
    }

    /// The ARN, with the qualifier when there is one.
    pub(crate) fn full(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => format!("{}:{qualifier}", self.arn),
            None => self.arn.clone(),
        }
    }
}

/// The unqualified ARN and the qualifier; `None` when it isn't a function's name.
fn split_reference(given: &str, region: &str, account: &str) -> Option<(String, Option<String>)> {
    let parts: Vec<&str> = given.split(':').collect();
    let (region, account, rest) = match parts.as_slice() {
        ["arn", _, "lambda", region, account, "function", rest @ ..] => (*region, *account, rest),
        ["function", rest @ ..] => (region, account, rest),
        [number, "function", rest @ ..] if number.len() == 12 && all_digits(number) => {
            (region, *number, rest)
        }
        rest => (region, account, rest),
    };
    let (name, qualifier) = match rest {
        [name] => (*name, None),
        [name, qualifier] => (*name, Some(*qualifier)),
        _ => return None,
    };
    let fits = is_word(name) && qualifier.is_none_or(|q| q == LATEST || is_word(q));
    fits.then(|| (format!("arn:aws:lambda:{region}:{account}:function:{name}"), qualifier.map(str::to_owned)))
}

/// Refuses a name that `CreateFunction` wouldn't take.
pub(crate) fn check_length(name: &str) -> Result<(), ApiError> {
    if name.chars().count() <= FUNCTION_NAME_CHARS {
        return Ok(());
    }
    let constraint = format!("must have length less than or equal to {FUNCTION_NAME_CHARS}");
    Err(ApiError::constraint(name, "functionName", &constraint))
}

/// True if `text` is one or more of `[A-Za-z0-9_-]`.
pub(crate) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// True if `text` is digits only.
pub(crate) fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(given: &str, qualifier: Option<&str>) -> Result<String, ApiError> {
        FunctionRef::parse(given, qualifier, "eu-west-1", "000000000000").map(|reference| reference.full())
    }

    #[test]
    fn every_way_to_name_a_function_leads_to_the_same_arn() {
        let arn = "arn:aws:lambda:eu-west-1:000000000000:function:shop";
        for given in ["shop", "function:shop", "000000000000:function:shop", arn] {
            assert_eq!(parse(given, None).as_deref(), Ok(arn));
            assert_eq!(parse(given, Some("live")), Ok(format!("{arn}:live")));
            assert_eq!(parse(&format!("{given}:live"), None), Ok(format!("{arn}:live")));
            assert_eq!(parse(&format!("{given}:$LATEST"), None), Ok(format!("{arn}:$LATEST")));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for given in ["", "shop!", "a:b:c", "shop:", "arn:aws:s3:::bucket"] {
            assert_eq!(parse(given, None).map_err(|e| e.code), Err("ValidationException"), "{given}");
        }
        assert_eq!(
            parse("shop:live", Some("other")).map_err(|e| e.code),
            Err("InvalidParameterValueException")
        );
    }
}
