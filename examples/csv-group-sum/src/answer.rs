//! The answer: the sums as a CSV.
//!
//! The header is the id column's own name and the names of the summed columns, as in the input, then the names of
//! further columns; then one row per id. Names and ids that need quotes get them. Lines end in LF.

use csv::Writer;

use crate::error::Error;
use crate::group_sum::Results;
use crate::number;
use crate::table::Table;

/// The most bytes of an answer, as they stand in the JSON that a Lambda function returns: 6 MB (of 1024 × 1024 bytes),
/// less some room for the headers.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const MAX_ANSWER_BYTES: usize = 6_200_000;

/// Writes the answer.
///
/// # Errors
/// The answer is larger than Lambda could return. (It can be larger than the CSV it comes from: a row `a,,,` is short,
/// its sums `a,0,0,0` are not.)
pub fn write<N>(table: &Table<N>, results: &Results) -> Result<Vec<u8>, Error> {
    checked(to_csv(table, results))
}

/// An answer that Lambda can return.
///
/// # Errors
/// It is larger.
pub fn checked(answer: Vec<u8>) -> Result<Vec<u8>, Error> {
    let size = json_bytes(&answer);
    if size > MAX_ANSWER_BYTES {
        Err(Error::AnswerTooLarge(size))
    } else {
        Ok(answer)
    }
}

fn to_csv<N>(table: &Table<N>, results: &Results) -> Vec<u8> {
    let mut out = Writer::from_writer(Vec::new());
    write_rows(table, results, &mut out).expect("a Vec takes every byte");
    out.into_inner().expect("a Vec takes every byte")
}

fn write_rows<N>(table: &Table<N>, results: &Results, out: &mut Writer<Vec<u8>>) -> csv::Result<()> {
    /// Ends the row whose fields were written one by one.
    const END: Option<&[u8]> = None;
    out.write_field(&table.id_name)?;
    for column in &table.columns {
        out.write_field(&column.name)?;
    }
    for extra in &results.extras {
        out.write_field(&extra.name)?;
    }
    out.write_record(END)?;
    let mut numbers = number::Writer::default();
    for (index, id) in table.ids.iter().enumerate() {
        out.write_field(id)?;
        for column in &results.sums {
            out.write_field(numbers.write(column[index]))?;
        }
        for extra in &results.extras {
            out.write_field(extra.values[index].map_or("", |value| numbers.write(value)))?;
        }
        out.write_record(END)?;
    }
    Ok(())
}

/// The length of `text` as a JSON string, without its quotes.
fn json_bytes(text: &[u8]) -> usize {
    let size = |byte: &u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0C => 2,
        ..0x20 => 6,
        _ => 1,
    };
    text.iter().map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group_sum::Extra;
    use crate::table::Column;

    fn table(id_name: &str, ids: &[&str], columns: &[&str]) -> Table<()> {
        let column = |name: &&str| Column {
            name: (*name).into(),
            numbers: (),
        };
        Table {
            id_name: id_name.into(),
            ids: ids.iter().map(|&id| id.into()).collect(),
            columns: columns.iter().map(column).collect(),
        }
    }

    fn sums(sums: &[&[f64]]) -> Results {
        Results {
            sums: sums.iter().map(|column| column.to_vec()).collect(),
            extras: Vec::new(),
        }
    }

    fn text(table: &Table<()>, results: &Results) -> String {
        String::from_utf8(write(table, results).expect("a small answer")).expect("UTF-8")
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
    fn an_answer_that_lambda_could_not_return_is_refused() {
        let long = "\n".repeat(MAX_ANSWER_BYTES / 2);
        let error = write(&table("id", &[&long], &[]), &sums(&[])).expect_err("too large");
        assert_eq!(error, Error::AnswerTooLarge(long.len() * 2 + 10));
        assert_eq!(json_bytes("a\"\n\u{1}ü".as_bytes()), 1 + 2 + 2 + 6 + 2);
    }
}
