//! Writes the sums as a CSV.
//!
//! The header is the id column's own name and the names of the summed columns, as in the input, then the names of
//! further columns; then one row per id. Names and ids that need quotes get them. Lines end in LF.

use csv::Writer;

use crate::number;
use crate::sums::ColumnSums;
use crate::table::Table;

/// Numbers to write beside the names and ids of a table, one per id in each column.
#[derive(Debug, Default, PartialEq)]
pub struct Results {
    /// In the order of the table's columns.
    pub sums: Vec<ColumnSums>,
    /// Written after the sums.
    pub extras: Vec<Extra>,
}

/// A column of the output that the input does not have.
#[derive(Debug, PartialEq)]
pub struct Extra {
    /// The name in the output's header. It is not checked against the others.
    pub name: String,
    /// By index of the id; `None` is an empty cell.
    pub values: Vec<Option<f64>>,
}

/// Writes one row per id, in the order of first appearance.
///
/// # Panics
/// `results` has fewer numbers in a column than `table` has ids.
pub fn to_csv<N>(table: &Table<N>, results: &Results) -> Vec<u8> {
    let columns = table.columns.iter().map(|column| column.name.as_str());
    let extras = results.extras.iter().map(|extra| extra.name.as_str());
    let header: Vec<&str> = std::iter::once(table.id_name.as_str())
        .chain(columns)
        .chain(extras)
        .collect();
    // `csv` decides on quotes; its lines end in LF unless it is asked for something else.
    let mut out = Writer::from_writer(Vec::new());
    write_rows(&header, &table.ids, results, &mut out).expect("a Vec takes every byte");
    out.into_inner().expect("a Vec takes every byte")
}

impl<N> Table<N> {
    /// Puts `'` before each name and id that a spreadsheet would take for a formula, so that it shows the text instead.
    ///
    /// <https://owasp.org/www-community/attacks/CSV_Injection>
    pub fn neutralize_formulas(&mut self) {
        let names = self.columns.iter_mut().map(|column| &mut column.name);
        let texts = names.chain(&mut self.ids).chain([&mut self.id_name]);
        for text in texts.filter(|text| text.starts_with(['=', '+', '-', '@', '\t', '\r'])) {
            text.insert(0, '\'');
        }
    }
}

/// Knows no type parameter, so that it is compiled here, optimized as this crate is.
fn write_rows(
    header: &[&str],
    ids: &[String],
    results: &Results,
    out: &mut Writer<Vec<u8>>,
) -> csv::Result<()> {
    /// An empty record ends the row whose fields were written one by one.
    const END: Option<&[u8]> = None;
    out.write_record(header)?;
    let mut numbers = number::Writer::default();
    for (index, id) in ids.iter().enumerate() {
        out.write_field(id)?;
        for column in &results.sums {
            out.write_field(match column {
                ColumnSums::Integers(sums) => numbers.format_integer(sums[index]),
                ColumnSums::Floats(sums) => numbers.format_float(sums[index]),
            })?;
        }
        for extra in &results.extras {
            out.write_field(extra.values[index].map_or("", |value| numbers.format_float(value)))?;
        }
        out.write_record(END)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Column;

    fn table(id_name: &str, ids: &[&str], columns: &[&str]) -> Table<()> {
        let column = |name: &&str| Column {
            name: (*name).into(),
            decimal: None,
            numbers: (),
        };
        Table {
            id_name: id_name.into(),
            ids: ids.iter().map(|&id| id.into()).collect(),
            columns: columns.iter().map(column).collect(),
            left_out: Vec::new(),
        }
    }

    fn sums(sums: &[&[f64]]) -> Results {
        Results {
            sums: sums
                .iter()
                .map(|column| ColumnSums::Floats(column.to_vec()))
                .collect(),
            extras: Vec::new(),
        }
    }

    fn text(table: &Table<()>, results: &Results) -> String {
        String::from_utf8(to_csv(table, results)).expect("UTF-8")
    }

    #[test]
    fn one_row_per_id_with_quotes_where_they_are_needed() {
        let table = table("a,b", &["x", "\"y\"", "1\n2"], &["sum \"1\"", "größe"]);
        let sums = sums(&[&[1.0, 0.1, -2.5], &[0.0, 1e300, 3.0]]);
        assert_eq!(
            text(&table, &sums),
            "\"a,b\",\"sum \"\"1\"\"\",größe\nx,1,0\n\"\"\"y\"\"\",0.1,1e300\n\"1\n2\",-2.5,3\n"
        );
    }

    #[test]
    fn no_ids_and_no_columns_leave_the_header_and_the_ids() {
        assert_eq!(text(&table("id", &[], &["value"]), &sums(&[&[]])), "id,value\n");
        assert_eq!(text(&table("id", &["a", ""], &[]), &sums(&[])), "id\na\n\"\"\n");
    }

    #[test]
    fn further_columns_stand_behind_the_sums_and_may_lack_values() {
        let mut results = sums(&[&[1.0, 2.0]]);
        results.extras.push(Extra {
            name: "v,se".into(),
            values: vec![None, Some(0.5)],
        });
        assert_eq!(
            text(&table("id", &["a", "b"], &["v"]), &results),
            "id,v,\"v,se\"\na,1,\nb,2,0.5\n"
        );
    }

    #[test]
    fn formula_gets_an_apostrophe_and_numbers_stay() {
        let mut table = table("@id", &["=1+1", "-5", "a=b", "\t=1", "\r=1"], &["+sum"]);
        table.neutralize_formulas();
        let sums = sums(&[&[-1.0, 2.0, 3.0, 4.0, 5.0]]);
        assert_eq!(
            text(&table, &sums),
            "'@id,'+sum\n'=1+1,-1\n'-5,2\na=b,3\n'\t=1,4\n\"'\r=1\",5\n"
        );
    }
}
