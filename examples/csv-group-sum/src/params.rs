//! The parameters of a request, from its query or from the fields of its form.
//!
//! | parameter | meaning | default |
//! |---|---|---|
//! | `id_column` | the column whose cells are the ids | `id` |
//! | `value_column` | the columns to sum, comma-separated; a name that holds a comma goes in double quotes, as in a CSV | every named column, but the id, whose first non-empty cell is a number |
//! | `source` | the address of the CSV in S3, instead of a body | the body |
//! | `work_ms` | a wait for each item, 0 to 1000 | 0 |
//! | `feature` | `bootstrap`: the standard error of each item's mean, in a column of its own | none |
//! | `invoke_lambda` | `true`: other Lambdas do it all; `false`: none does any | as many as it is worth |
//! | `chunksize` | items for each invocation | by what the first ones cost |
//! | `concurrency` | invocations at once, at most | as many as Lambda has room for |
//! | `compression` | `false`: chunks travel as JSON | binary, compressed where that pays |
//! | `report` | `json`: the answer is JSON with the sums and what was done for them | by the `accept` header |
//!
//! An item is the values of one id in one column. A blank value counts as not given, since that is what an empty form
//! field sends. A parameter that is unknown, malformed or given twice is an error: silence about a typing mistake would
//! answer a question that nobody asked.

use std::num::NonZero;

use group_sum::{Selection, Text};
use hashbrown::HashSet;
use lzap::{Caller, Codec};

use crate::error::Error;
use crate::series::{Feature, Work};

/// The names of all parameters.
pub const NAMES: [&str; 10] = [
    "chunksize",
    "compression",
    "concurrency",
    "feature",
    "id_column",
    "invoke_lambda",
    "report",
    "source",
    "value_column",
    "work_ms",
];

/// The longest wait for an item.
pub const MAX_WORK_MS: u16 = 1_000;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// The name of the column whose cells are the ids.
    pub id_column: String,
    /// The names of the columns to sum; `None` means every one that holds numbers.
    pub value_columns: Option<Vec<String>>,
    /// Where in S3 the CSV lies; `None` means in the body.
    pub source: Option<String>,
    /// What is asked of each item beside its sum.
    pub work: Work,
    /// How the items are spread over other Lambdas.
    pub spread: Spread,
    /// Whether the answer is JSON, with the report beside the sums.
    pub report: bool,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            id_column: "id".to_owned(),
            value_columns: None,
            source: None,
            work: Work::default(),
            spread: Spread::default(),
            report: false,
        }
    }
}

/// How items are spread over other Lambdas. What is none is decided by the map itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// Items for each invocation.
    pub chunk: Option<NonZero<usize>>,
    /// Invocations at once.
    pub concurrency: Option<NonZero<usize>>,
    /// Whether other Lambdas do all of it, or nothing.
    pub invoke: Option<bool>,
    /// Whether items are packed tightly, and not as JSON.
    pub compression: Option<bool>,
}

impl Spread {
    /// What this Lambda itself computes.
    pub fn caller(self) -> Caller {
        match self.invoke {
            None => Caller::Helps,
            Some(true) => Caller::WhenStuck,
            Some(false) => Caller::Alone,
        }
    }

    /// How items travel.
    pub fn codec(self) -> Codec {
        match self.compression {
            None | Some(true) => Codec::Postcard,
            Some(false) => Codec::Json,
        }
    }
}

impl Params {
    /// Reads the pairs of a query, or of a form.
    ///
    /// # Errors
    /// A parameter is unknown, malformed or repeated, or a name in `value_column` is empty or repeated.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Error> {
        let mut params = Self::default();
        let mut seen = HashSet::new();
        for (key, value) in pairs {
            if !NAMES.contains(&key.as_str()) {
                return Err(Error::UnknownParameter(Text::new(&key)));
            }
            if !value.trim().is_empty() {
                params.set(&key, value)?;
            }
            if seen.contains(&key) {
                return Err(Error::RepeatedParameter(Text::new(&key)));
            }
            seen.insert(key);
        }
        Ok(params)
    }

    fn set(&mut self, key: &str, value: String) -> Result<(), Error> {
        match key {
            "id_column" => self.id_column = value,
            "value_column" => self.value_columns = Some(names(&value)?),
            "source" => self.source = Some(value.trim().to_owned()),
            "work_ms" => self.work.wait_ms = wait(&value)?,
            "feature" => self.work.feature = Some(feature(&value)?),
            "chunksize" => self.spread.chunk = Some(count("chunksize", &value)?),
            "concurrency" => self.spread.concurrency = Some(count("concurrency", &value)?),
            "invoke_lambda" => self.spread.invoke = Some(flag("invoke_lambda", &value)?),
            "compression" => self.spread.compression = Some(flag("compression", &value)?),
            _ => self.report = report(&value)?,
        }
        Ok(())
    }

    /// The columns that the request is about.
    pub fn selection(&self) -> Selection<'_> {
        Selection {
            id: &self.id_column,
            values: self.value_columns.as_deref(),
        }
    }

    /// Whether anything here asks for a map. Without it, the sums take one pass and a few milliseconds, which is less
    /// than telling another Lambda would take.
    pub fn asks_for_a_map(&self) -> bool {
        let Spread { chunk, invoke, .. } = self.spread;
        self.work != Work::default() || chunk.is_some() || invoke == Some(true)
    }
}

fn malformed<T>(name: &'static str, expected: &'static str, value: &str) -> Result<T, Error> {
    Err(Error::MalformedParameter {
        name,
        expected,
        value: Text::new(value),
    })
}

fn count(name: &'static str, value: &str) -> Result<NonZero<usize>, Error> {
    match value.trim().parse() {
        Ok(count) => Ok(count),
        Err(_) => malformed(name, "a whole number from 1 on", value),
    }
}

fn wait(value: &str) -> Result<u16, Error> {
    match value.trim().parse() {
        Ok(ms) if ms <= MAX_WORK_MS => Ok(ms),
        _ => malformed("work_ms", "a whole number from 0 to 1000", value),
    }
}

fn flag(name: &'static str, value: &str) -> Result<bool, Error> {
    match value.trim() {
        "true" | "True" | "1" => Ok(true),
        "false" | "False" | "0" => Ok(false),
        _ => malformed(name, "\"true\" or \"false\"", value),
    }
}

fn feature(value: &str) -> Result<Feature, Error> {
    if value.trim() == Feature::Bootstrap.name() {
        Ok(Feature::Bootstrap)
    } else {
        malformed("feature", "\"bootstrap\"", value)
    }
}

fn report(value: &str) -> Result<bool, Error> {
    if value.trim() == "json" {
        Ok(true)
    } else {
        malformed("report", "\"json\"", value)
    }
}

/// The names in a `value_column`: one CSV record.
fn names(list: &str) -> Result<Vec<String>, Error> {
    let mut record = csv::StringRecord::new();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(list.as_bytes());
    // Reading UTF-8 from memory cannot fail; should it, the list has no usable name.
    let found = reader.read_record(&mut record).unwrap_or(false);
    if !found || record.iter().any(|name| name.trim().is_empty()) {
        return Err(Error::EmptyValueColumn(Text::new(list)));
    }
    let mut seen = HashSet::new();
    for name in &record {
        if !seen.insert(name.trim()) {
            return Err(Error::RepeatedValueColumn(Text::new(name)));
        }
    }
    Ok(record.iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Result<Params, Error> {
        Params::from_pairs(form_urlencoded::parse(query.as_bytes()).into_owned())
    }

    fn good(query: &str) -> Params {
        params(query).expect("a query without mistakes")
    }

    #[test]
    fn nothing_given_means_the_defaults() {
        assert_eq!(good(""), Params::default());
        let blank = NAMES.map(|name| format!("{name}=+")).join("&");
        assert_eq!(good(&blank), Params::default());
        assert_eq!(Params::default().id_column, "id");
    }

    #[test]
    fn names_are_separated_by_commas_and_may_be_quoted() {
        let value_columns = |query| good(query).value_columns;
        assert_eq!(
            value_columns("value_column=a,b%20c"),
            Some(vec!["a".into(), "b c".into()])
        );
        assert_eq!(
            value_columns("value_column=%22a,b%22,c"),
            Some(vec!["a,b".into(), "c".into()])
        );
        assert_eq!(good("id_column=Stra%C3%9Fe").id_column, "Straße");
    }

    #[test]
    fn flags_are_written_as_people_and_as_the_seed_write_them() {
        for (query, invoke) in [("true", true), ("True", true), ("1", true)] {
            assert_eq!(
                good(&format!("invoke_lambda={query}")).spread.invoke,
                Some(invoke)
            );
        }
        for query in ["false", "False", "0"] {
            assert_eq!(good(&format!("compression={query}")).spread.codec(), Codec::Json);
        }
        assert_eq!(good("compression=true").spread.codec(), Codec::Postcard);
        assert_eq!(good("").spread.caller(), Caller::Helps);
        assert_eq!(good("invoke_lambda=1").spread.caller(), Caller::WhenStuck);
        assert_eq!(good("invoke_lambda=0").spread.caller(), Caller::Alone);
    }

    #[test]
    fn what_asks_for_a_map() {
        for query in [
            "work_ms=1",
            "feature=bootstrap",
            "chunksize=5",
            "invoke_lambda=true",
        ] {
            assert!(good(query).asks_for_a_map(), "{query}");
        }
        for query in [
            "",
            "work_ms=0",
            "invoke_lambda=false",
            "concurrency=5",
            "compression=true",
            "report=json",
        ] {
            assert!(!good(query).asks_for_a_map(), "{query}");
        }
    }
}
