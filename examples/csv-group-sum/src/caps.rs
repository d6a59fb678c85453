//! The limits that the deployer sets on one request, since every client can have it invoke other Lambdas.
//!
//! A request asks for a concurrency and a chunk size; the caps bound what it gets. They are environment variables, so that a
//! stage in `lzap.toml` has its own.

use std::env;
use std::fmt;
use std::str::FromStr;

/// A number of dollars above 0; 0.05 unless set.
pub const MAX_USD: &str = "CSV_MAX_USD";
/// 1 to 10,000 invocations for one request; 1,000 unless set.
pub const MAX_INVOCATIONS: &str = "CSV_MAX_INVOCATIONS";
/// 1 to 900 invocations at once; 50 unless set.
pub const MAX_CONCURRENCY: &str = "CSV_MAX_CONCURRENCY";

/// The limits of one request. Those of all requests together are the account's: nothing here adds them up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Caps {
    /// The most dollars that its invocations may cost, at the list price of us-east-1.
    pub dollars: f64,
    /// The most invocations: chunks, hedged attempts and retries.
    pub invocations: usize,
    /// The most invocations at once. Other requests and functions share the account's concurrency.
    pub concurrency: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            dollars: 0.05,
            invocations: 1_000,
            // A new account has a concurrency limit of 1,000 for all of its functions, and may have been given ten.
            concurrency: 50,
        }
    }
}

impl Caps {
    /// Reads the caps from the environment. A variable that is unset or blank leaves its default.
    ///
    /// # Errors
    /// A variable has a value that is no limit.
    pub fn from_env() -> Result<Self, CapError> {
        Self::from_variables(|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// Like [`Self::from_env`], with the variables as a function, because tests must not change the environment.
    ///
    /// # Errors
    /// A variable has a value that is no limit.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, CapError> {
        let given = |name| variable(name).filter(|value| !value.trim().is_empty());
        let Self {
            dollars,
            invocations,
            concurrency,
        } = Self::default();
        let usd = CapError {
            name: MAX_USD,
            expected: "a number of dollars above 0",
            example: "0.05",
        };
        // `lzap` cuts a map into 10,000 chunks at most, and has at most 900 invocations in flight.
        let count = CapError {
            name: MAX_INVOCATIONS,
            expected: "a whole number from 1 to 10000",
            example: "1000",
        };
        let at_once = CapError {
            name: MAX_CONCURRENCY,
            expected: "a whole number from 1 to 900",
            example: "50",
        };
        Ok(Self {
            dollars: parse_cap(given(MAX_USD), dollars, |cap| *cap > 0.0 && cap.is_finite(), usd)?,
            invocations: parse_cap(
                given(MAX_INVOCATIONS),
                invocations,
                |cap| (1..=10_000).contains(cap),
                count,
            )?,
            concurrency: parse_cap(
                given(MAX_CONCURRENCY),
                concurrency,
                |cap| (1..=900).contains(cap),
                at_once,
            )?,
        })
    }
}

/// An unset variable gives the default, and a bad one an error: a typing mistake must not lift a cap.
///
/// # Errors
/// The value is no cap: `error`.
fn parse_cap<N: FromStr>(
    value: Option<String>,
    default: N,
    is_cap: impl Fn(&N) -> bool,
    error: CapError,
) -> Result<N, CapError> {
    let Some(value) = value else {
        return Ok(default);
    };
    value.trim().parse().ok().filter(is_cap).ok_or(error)
}

/// A variable whose value is no limit. The value itself is not kept, since the environment may hold secrets.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable `{name}` is not {expected}")]
pub struct CapError {
    /// `CSV_MAX_…`.
    pub name: &'static str,
    /// The allowed values, as the end of a sentence: "a number of dollars above 0".
    pub expected: &'static str,
    /// An allowed value, for the help line.
    pub example: &'static str,
}

/// Readable text instead of the derived form, because Rust prints `Debug` when `main` returns the error.
impl fmt::Debug for CapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, example, .. } = self;
        write!(f, "{self}\n  help: set it as in `{name}={example}`, or unset it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<Caps, CapError> {
        Caps::from_variables(|asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn unset_and_blank_variables_leave_the_defaults() {
        let defaults = Caps {
            dollars: 0.05,
            invocations: 1_000,
            concurrency: 50,
        };
        assert_eq!(Caps::from_variables(|_| None), Ok(defaults));
        assert_eq!(Caps::from_variables(|_| Some(" ".to_owned())), Ok(defaults));
    }

    #[test]
    fn each_variable_sets_its_own_cap() {
        let defaults = Caps::default();
        assert_eq!(
            read(MAX_USD, " 0.5 "),
            Ok(Caps {
                dollars: 0.5,
                ..defaults
            })
        );
        assert_eq!(
            read(MAX_INVOCATIONS, "7"),
            Ok(Caps {
                invocations: 7,
                ..defaults
            })
        );
        assert_eq!(
            read(MAX_CONCURRENCY, "900"),
            Ok(Caps {
                concurrency: 900,
                ..defaults
            })
        );
    }

    #[test]
    fn cap_that_is_no_number_is_an_error_without_the_value() {
        for (name, value) in [
            (MAX_USD, "0"),
            (MAX_USD, "-1"),
            (MAX_USD, "inf"),
            (MAX_USD, "NaN"),
            (MAX_USD, "5 cents"),
            (MAX_INVOCATIONS, "0"),
            (MAX_INVOCATIONS, "10001"),
            (MAX_INVOCATIONS, "1e3"),
            (MAX_CONCURRENCY, "901"),
            (MAX_CONCURRENCY, "many"),
        ] {
            let error = read(name, value).expect_err("no cap");
            assert_eq!(error.name, name, "{value}");
            assert_eq!(
                read(name, error.example),
                Ok(Caps::default()),
                "the example is a cap"
            );
        }
        let shown = format!("{:?}", read(MAX_USD, "s3cret").expect_err("no cap"));
        assert_eq!(
            shown,
            "the environment variable `CSV_MAX_USD` is not a number of dollars above 0\n  \
             help: set it as in `CSV_MAX_USD=0.05`, or unset it"
        );
    }
}
