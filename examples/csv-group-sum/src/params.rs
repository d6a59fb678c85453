//! The parameters of a request, from its query or from the fields of its form.
//!
//! | parameter | meaning | default |
//! |---|---|---|
//! | `id_column` | the column whose cells are the ids | `id` |
//! | `value_column` | the columns to sum, comma-separated; a name that holds a comma goes in double quotes, as in a CSV | every named column, but the id, whose first non-empty cell is a number |
//!
//! A blank value counts as not given, since that is what an empty form field sends. A parameter that is unknown or given
//! twice is an error: silence about a typing mistake would answer a question that nobody asked.

use hashbrown::HashSet;

use crate::error::{Error, Text};

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// The name of the column whose cells are the ids.
    pub id_column: String,
    /// The names of the columns to sum; `None` means every one that holds numbers.
    pub value_columns: Option<Vec<String>>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            id_column: "id".to_owned(),
            value_columns: None,
        }
    }
}

impl Params {
    /// Reads the pairs of a query, or of a form.
    ///
    /// # Errors
    /// A parameter is unknown or repeated, or a name in `value_column` is empty or repeated.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Error> {
        let mut params = Self::default();
        let mut seen = HashSet::new();
        for (key, value) in pairs {
            let blank = value.trim().is_empty();
            match key.as_str() {
                "id_column" | "value_column" if blank => {}
                "id_column" => params.id_column = value,
                "value_column" => params.value_columns = Some(names(&value)?),
                _ => return Err(Error::UnknownParameter(Text::new(&key))),
            }
            if seen.contains(&key) {
                return Err(Error::RepeatedParameter(Text::new(&key)));
            }
            seen.insert(key);
        }
        Ok(params)
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

    fn value_columns(query: &str) -> Option<Vec<String>> {
        params(query).expect("a query without mistakes").value_columns
    }

    #[test]
    fn nothing_given_means_the_defaults() {
        assert_eq!(
            params(""),
            Ok(Params {
                id_column: "id".into(),
                value_columns: None
            })
        );
        assert_eq!(params("id_column=&value_column=+"), Ok(Params::default()));
    }

    #[test]
    fn names_are_separated_by_commas_and_may_be_quoted() {
        assert_eq!(
            value_columns("value_column=a,b%20c"),
            Some(vec!["a".into(), "b c".into()])
        );
        assert_eq!(
            value_columns("value_column=%22a,b%22,c"),
            Some(vec!["a,b".into(), "c".into()])
        );
        assert_eq!(params("id_column=Stra%C3%9Fe").expect("fine").id_column, "Straße");
    }

    #[test]
    fn mistakes_are_told() {
        let sentence = |query| params(query).expect_err("a mistake").to_string();
        assert_eq!(
            sentence("value_colum=a"),
            "There is no parameter \"value_colum\": the parameters are \"id_column\" and \"value_column\"."
        );
        assert_eq!(
            sentence("id_column=a&id_column=a"),
            "The parameter \"id_column\" is given more than once."
        );
        assert_eq!(
            sentence("value_column=&value_column=a"),
            "The parameter \"value_column\" is given more than once."
        );
        assert_eq!(
            sentence("value_column=a,,b"),
            "The parameter \"value_column\" has an empty name in its list \"a,,b\"."
        );
        assert_eq!(
            sentence("value_column=a,b,a"),
            "The parameter \"value_column\" names \"a\" more than once."
        );
    }
}
