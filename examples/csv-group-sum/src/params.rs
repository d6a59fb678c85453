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
//! | `chunksize` | items for each invocation, at least | by what the first ones cost |
//! | `concurrency` | invocations at once, at most | as many as the cap and Lambda allow |
//! | `compression` | `false`: chunks travel as JSON | binary, compressed where that pays |
//! | `delimiter` | `,`, `;`, `\|` or `tab` | by the header, or by a first line `sep=` |
//! | `decimal` | `.` or `,` | a point; with `;` between cells, the first mark in a column |
//! | `formula_safe` | `true`: a `'` before names and ids that begin with `=`, `+`, `-`, `@`, a tab or CR | as they are |
//! | `report` | `json`: the answer is JSON with the sums and what was done for them | by the `accept` header |
//!
//! An item is the values of one id in one column. A blank value counts as not given, since that is what an empty form
//! field sends. A parameter that is unknown, malformed or given twice is an error: without an
//! error, a typing mistake would give the sums of something else.

use std::num::NonZero;

use group_sum::{Decimal, Format, Selection, Text};
use hashbrown::HashSet;
use lzap::{Caller, Codec};

use crate::error::Error;
use crate::series::{Feature, Work};

/// All parameters in alphabetical order, as an error lists them.
pub const NAMES: [&str; 13] = [
    "chunksize",
    "compression",
    "concurrency",
    "decimal",
    "delimiter",
    "feature",
    "formula_safe",
    "id_column",
    "invoke_lambda",
    "report",
    "source",
    "value_column",
    "work_ms",
];

/// The longest wait for an item, in milliseconds: a wait is billed like work.
pub const MAX_WORK_MS: u16 = 1_000;

/// The parameters of a request, all checked. By default, the sums of all number columns in one pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// The name of the column whose cells are the ids.
    pub id_column: String,
    /// The names of the columns to sum; `None` means every column that holds numbers.
    pub value_columns: Option<Vec<String>>,
    /// `s3://bucket/key`, not checked against the allowed folder yet; `None` for a CSV in the body.
    pub source: Option<String>,
    /// Any work makes the request a map.
    pub work: Work,
    /// Used by a map only.
    pub spread: Spread,
    /// True for `report=json`. The header `accept` can ask for JSON too.
    pub report: bool,
    /// The client's facts about the CSV; the rest is found in its header.
    pub format: Format,
    /// True puts `'` before names and ids that a spreadsheet would run as formulas.
    pub formula_safe: bool,
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
            format: Format::default(),
            formula_safe: false,
        }
    }
}

/// The way in which items are spread over other Lambdas. The map itself decides what is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// Items for each invocation, at least: the cap on invocations can make chunks larger.
    pub chunk: Option<NonZero<usize>>,
    /// Invocations at once, at most; the cap may lower it.
    pub concurrency: Option<NonZero<usize>>,
    /// True if other Lambdas do all of it, unless they are stuck; false if this one does.
    pub invoke: Option<bool>,
    /// False if items travel as JSON, to read or to measure them; `None` is the same as true.
    pub compression: Option<bool>,
}

impl Spread {
    /// The part that this Lambda itself computes. With `Some(true)` it helps only when Lambda throttles everything.
    pub fn caller(self) -> Caller {
        match self.invoke {
            None => Caller::Helps,
            Some(true) => Caller::WhenStuck,
            Some(false) => Caller::Alone,
        }
    }

    /// Postcard is compressed where that pays; JSON never is.
    pub fn codec(self) -> Codec {
        match self.compression {
            None | Some(true) => Codec::Postcard,
            Some(false) => Codec::Json,
        }
    }
}

impl Params {
    /// Reads the pairs of a query and a form. Blank values count as not given, but a name may still appear only once.
    ///
    /// # Errors
    /// A parameter is unknown, malformed or repeated, or a name in `value_column` is empty or repeated.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Error> {
        let mut params = Self::default();
        let mut seen = HashSet::new();
        for (key, value) in pairs {
            // Without a value, `set` is not asked.
            if !NAMES.contains(&key.as_str()) {
                return Err(Error::UnknownParameter(Text::new(&key)));
            }
            // A tab is blank, and a delimiter.
            if !value.trim().is_empty() || (key == "delimiter" && value == "\t") {
                params.set(&key, value)?;
            }
            // A blank value counts here: two fields of one name are a mistake in any case.
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
            "value_column" => self.value_columns = Some(parse_names(&value)?),
            "source" => self.source = Some(value.trim().to_owned()),
            "work_ms" => self.work.wait_ms = parse_wait(&value)?,
            "feature" => self.work.feature = Some(parse_feature(&value)?),
            "chunksize" => self.spread.chunk = Some(parse_count("chunksize", &value)?),
            "concurrency" => self.spread.concurrency = Some(parse_count("concurrency", &value)?),
            "invoke_lambda" => self.spread.invoke = Some(parse_flag("invoke_lambda", &value)?),
            "compression" => self.spread.compression = Some(parse_flag("compression", &value)?),
            "decimal" => self.format.decimal = Some(parse_decimal(&value)?),
            "delimiter" => self.format.delimiter = parse_delimiter(&value)?,
            "formula_safe" => self.formula_safe = parse_flag("formula_safe", &value)?,
            "report" => self.report = parse_report(&value)?,
            _ => return Err(Error::UnknownParameter(Text::new(key))),
        }
        Ok(())
    }

    /// The columns by name; whether the CSV has them shows only when it is read.
    pub fn selection(&self) -> Selection<'_> {
        Selection {
            id: &self.id_column,
            values: self.value_columns.as_deref(),
        }
    }

    /// True if anything here asks for a map. Without a map, the sums take one pass, which is over before
    /// another Lambda would have the values.
    pub fn asks_for_a_map(&self) -> bool {
        let Spread { chunk, invoke, .. } = self.spread;
        self.work != Work::default() || chunk.is_some() || invoke == Some(true)
    }
}

fn refuse<T>(name: &'static str, expected: &'static str, value: &str) -> Result<T, Error> {
    Err(Error::MalformedParameter {
        name,
        expected,
        value: Text::new(value),
    })
}

fn parse_count(name: &'static str, value: &str) -> Result<NonZero<usize>, Error> {
    match value.trim().parse() {
        Ok(count) => Ok(count),
        Err(_) => refuse(name, "a whole number from 1 on", value),
    }
}

fn parse_wait(value: &str) -> Result<u16, Error> {
    match value.trim().parse() {
        Ok(ms) if ms <= MAX_WORK_MS => Ok(ms),
        _ => refuse("work_ms", "a whole number from 0 to 1000", value),
    }
}

fn parse_flag(name: &'static str, value: &str) -> Result<bool, Error> {
    match value.trim() {
        // Python writes `True`.
        "true" | "True" | "1" => Ok(true),
        "false" | "False" | "0" => Ok(false),
        _ => refuse(name, "\"true\" or \"false\"", value),
    }
}

fn parse_feature(value: &str) -> Result<Feature, Error> {
    if value.trim() == Feature::Bootstrap.name() {
        Ok(Feature::Bootstrap)
    } else {
        refuse("feature", "\"bootstrap\"", value)
    }
}

fn parse_decimal(value: &str) -> Result<Decimal, Error> {
    match value.trim() {
        "." | "point" => Ok(Decimal::Point),
        "," | "comma" => Ok(Decimal::Comma),
        _ => refuse("decimal", "\".\" or \",\"", value),
    }
}

fn parse_delimiter(value: &str) -> Result<Option<u8>, Error> {
    // Spaces alone, since a tab is a delimiter.
    match value.trim_matches(' ') {
        "\t" | "tab" => Ok(Some(b'\t')),
        "," | "comma" => Ok(Some(b',')),
        ";" | "semicolon" => Ok(Some(b';')),
        "|" => Ok(Some(b'|')),
        _ => refuse("delimiter", "\",\", \";\", \"|\" or \"tab\"", value),
    }
}

fn parse_report(value: &str) -> Result<bool, Error> {
    if value.trim() == "json" {
        Ok(true)
    } else {
        refuse("report", "\"json\"", value)
    }
}

/// The names in a `value_column`: one CSV record.
fn parse_names(list: &str) -> Result<Vec<String>, Error> {
    // A CSV reader, since a name may hold a comma, as it may in the header.
    let mut record = csv::StringRecord::new();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(list.as_bytes());
    // Reading UTF-8 from memory cannot fail; should it, the list has no usable name.
    let found = reader.read_record(&mut record).unwrap_or(false);
    if !found || record.iter().any(|name| name.trim().is_empty()) {
        return Err(Error::EmptyValueColumn(Text::new(list)));
    }
    let mut rest = csv::StringRecord::new();
    if reader.read_record(&mut rest).unwrap_or(true) {
        return refuse(
            "value_column",
            "one line of names with a comma between them",
            list,
        );
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

    fn parse_query(query: &str) -> Result<Params, Error> {
        Params::from_pairs(form_urlencoded::parse(query.as_bytes()).into_owned())
    }

    fn good(query: &str) -> Params {
        parse_query(query).expect("a query without mistakes")
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
    fn second_line_of_names_is_an_error() {
        let error = parse_query("value_column=a%0Ab").expect_err("two lines");
        assert_eq!(
            error.to_string(),
            "The parameter \"value_column\" must be one line of names with a comma between them, and it is \"a\\nb\"."
        );
        assert_eq!(good("value_column=a%0A").value_columns, Some(vec!["a".into()]));
        assert_eq!(
            good("value_column=%22a%0Ab%22").value_columns,
            Some(vec!["a\nb".into()])
        );
    }

    #[test]
    fn flags_are_read_as_json_and_python_write_them() {
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
    fn map_is_asked_for_by_work_or_chunks() {
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
