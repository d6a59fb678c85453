//! Finds the wanted columns in the header.

use hashbrown::HashMap;

use crate::error::{CsvError, Text};
use crate::number::{self, Cell};

/// Names of the columns to read. Spaces around a name are ignored.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// The id column. An empty cell in it is an id too.
    pub id: &'a str,
    /// Names of the columns to sum; `None` selects every named column, but the id, whose first non-empty cell is a number.
    pub values: Option<&'a [String]>,
}

/// Indices of the selected columns, counted from 0.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    /// Never in `values`.
    pub(crate) id: usize,
    /// The columns to sum, or that may turn out to be summed, in the order of the header.
    pub(crate) values: Vec<usize>,
    /// True if `values` were selected by name. Otherwise the first non-empty cell of each decides.
    pub(crate) by_name: bool,
}

impl Columns {
    /// Finds the columns in `header`.
    ///
    /// # Errors
    /// A column that is needed is missing, ambiguous, or asked for as id and as value.
    pub(crate) fn find(header: &[String], selection: Selection<'_>) -> Result<Self, CsvError> {
        let index = Index::new(header);
        let id = index.find(selection.id)?;
        let Some(names) = selection.values else {
            return Ok(Self {
                id,
                values: index.all_but(id)?,
                by_name: false,
            });
        };
        let mut values = names
            .iter()
            .map(|name| index.find(name))
            .collect::<Result<Vec<_>, _>>()?;
        if values.contains(&id) {
            return Err(CsvError::IdIsValueColumn(Text::new(&header[id])));
        }
        // In the order of the header, whatever the order of the request is.
        values.sort_unstable();
        values.dedup();
        Ok(Self {
            id,
            values,
            by_name: true,
        })
    }
}

/// The header by name, since a search for each of thousands of names would be slow.
struct Index<'a> {
    header: &'a [String],
    first: HashMap<&'a str, usize>,
    /// The second appearance of a name, for names that have one.
    second: HashMap<&'a str, usize>,
}

impl<'a> Index<'a> {
    fn new(header: &'a [String]) -> Self {
        let (mut first, mut second) = (HashMap::new(), HashMap::new());
        for (column, name) in header.iter().enumerate() {
            if first.contains_key(name.as_str()) {
                second.entry(name.as_str()).or_insert(column);
            } else {
                first.insert(name.as_str(), column);
            }
        }
        Self {
            header,
            first,
            second,
        }
    }

    /// The column called `name`, or else called so without the spaces around it: people write `a, b`.
    fn find(&self, name: &str) -> Result<usize, CsvError> {
        let found = self.first.get(name).or_else(|| self.first.get(name.trim()));
        let column = *found.ok_or_else(|| self.describe_missing(name))?;
        self.require_unique(column)
    }

    /// Every column that has a name, apart from the id.
    fn all_but(&self, id: usize) -> Result<Vec<usize>, CsvError> {
        let named =
            (0..self.header.len()).filter(|&column| column != id && !self.header[column].trim().is_empty());
        named.map(|column| self.require_unique(column)).collect()
    }

    fn require_unique(&self, column: usize) -> Result<usize, CsvError> {
        let name = self.header[column].as_str();
        match self.second.get(name) {
            None => Ok(column),
            Some(second) => Err(CsvError::RepeatedColumn {
                name: Text::new(name),
                first: self.first[name] + 1,
                second: second + 1,
            }),
        }
    }

    fn describe_missing(&self, name: &str) -> CsvError {
        // A first row of numbers is data, not a header. (It may well be a header as long as the id column is found.)
        let is_data = |cell: &String| !matches!(number::parse_number(cell.as_bytes()), Cell::Text);
        if self.header.iter().all(is_data) {
            return CsvError::NoHeader;
        }
        CsvError::MissingColumn {
            name: Text::new(name),
            present: list_names(self.header),
        }
    }
}

/// A clause that lists the named columns, the first of them when there are many.
fn list_names(header: &[String]) -> String {
    const MOST: usize = 20;
    let named: Vec<String> = header
        .iter()
        .filter(|name| !name.is_empty())
        .map(|name| Text::new(name).to_string())
        .collect();
    match named.as_slice() {
        [only] => format!("the only column is {only}"),
        [init @ .., last] if named.len() <= MOST => format!("the columns are {} and {last}", init.join(", ")),
        many => format!(
            "the columns are {} and {} more",
            many[..MOST].join(", "),
            many.len() - MOST
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(header: &str, id: &str, values: Option<&str>) -> Result<Columns, String> {
        let split = |list: &str| list.split(',').map(str::to_owned).collect::<Vec<_>>();
        let values = values.map(split);
        let selection = Selection {
            id,
            values: values.as_deref(),
        };
        Columns::find(&split(header), selection).map_err(|error| error.to_string())
    }

    #[test]
    fn without_names_every_named_column_is_a_candidate() {
        assert_eq!(
            find(",id,time,value", "id", None),
            Ok(Columns {
                id: 1,
                values: vec![2, 3],
                by_name: false
            })
        );
        assert_eq!(
            find("time, ,id", "time", None),
            Ok(Columns {
                id: 0,
                values: vec![2],
                by_name: false
            })
        );
    }

    #[test]
    fn named_columns_come_in_the_order_of_the_header() {
        let columns = Columns {
            id: 0,
            values: vec![1, 3],
            by_name: true,
        };
        assert_eq!(find("id,a,b,c", "id", Some("c, a")), Ok(columns));
    }

    #[test]
    fn missing_column_is_an_error_that_lists_the_others() {
        assert_eq!(
            find(",id,time,value", "id", Some("values")),
            Err("There is no column \"values\": the columns are \"id\", \"time\" and \"value\".".into())
        );
        assert_eq!(
            find("a;b", "id", None),
            Err("There is no column \"id\": the only column is \"a;b\".".into())
        );
        let many = (0..30).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
        let sentence = find(&many, "id", None).expect_err("no id");
        assert!(sentence.ends_with("\"c18\", \"c19\" and 10 more."), "{sentence}");
    }

    #[test]
    fn numbers_where_the_names_should_be_are_no_header() {
        assert_eq!(find(",0,1.5", "id", None), Err(CsvError::NoHeader.to_string()));
        assert_eq!(
            find("2023,2024", "2023", None),
            Ok(Columns {
                id: 0,
                values: vec![1],
                by_name: false
            })
        );
    }

    #[test]
    fn names_that_are_needed_must_be_unique() {
        let twice = |name| {
            Err(format!(
                "The header names column \"{name}\" twice, as columns 2 and 4."
            ))
        };
        assert_eq!(find("id,a,b,a", "id", None), twice("a"));
        assert_eq!(find("id,a,b,a", "id", Some("b,a")), twice("a"));
        assert_eq!(find("a,id,b,id", "id", Some("a")), twice("id"));
        assert_eq!(
            find("id,a,b,a", "id", Some("b")),
            Ok(Columns {
                id: 0,
                values: vec![2],
                by_name: true
            })
        );
    }

    #[test]
    fn the_id_is_not_summed() {
        assert_eq!(
            find("id,a", "id", Some("a,id")),
            Err("Column \"id\" is the id column, so it cannot be in \"value_column\" too.".into())
        );
    }
}
