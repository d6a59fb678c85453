//! Generated tables, written as CSV in random dialects, against sums that never saw a CSV; then the size that the app is
//! made for. Each generated case has a seed, which a failure names.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::common::{Random, put};
use axum::http::StatusCode;

/// A table before it is written as a CSV: what the app should find in it.
#[derive(Debug)]
struct Model {
    id_name: String,
    /// The names of the numeric columns.
    names: Vec<String>,
    rows: Vec<(String, Vec<Option<f64>>)>,
}

/// Texts that are hard on a CSV reader, each fit for a name or an id.
const HARD: [&str; 8] = [
    "plain",
    "with space",
    "com,ma",
    "quo\"te",
    "new\nline",
    "größe",
    "日本",
    "\r\nboth\"",
];

impl Model {
    fn random(random: &mut Random) -> Self {
        let columns = 1 + random.below(4);
        let ids = 1 + random.below(6);
        let id = |random: &mut Random| match random.below(ids) {
            0 => String::new(),
            n => format!("{} {n}", HARD[n % HARD.len()]),
        };
        let value = |random: &mut Random| (!random.once_in(5)).then(|| (random.fraction() - 0.5) * 1e6);
        let row = |random: &mut Random| (id(random), (0..columns).map(|_| value(random)).collect());
        Self {
            id_name: HARD[random.below(HARD.len())].to_owned(),
            names: (0..columns)
                .map(|n| format!("{}{n}", HARD[random.below(HARD.len())]))
                .collect(),
            rows: (0..random.below(40)).map(|_| row(random)).collect(),
        }
    }

    /// Writes the table with a text column and an unnamed one between the others, in a random dialect.
    fn to_csv(&self, random: &mut Random) -> String {
        let newline = if random.once_in(2) { "\n" } else { "\r\n" };
        let delimiter = [",", ";", "\t"][random.below(3)];
        let has_decimal_comma = delimiter == ";" && random.once_in(2);
        let id_at = random.below(self.names.len() + 1);
        let number_at = random.below(self.names.len() + 2);
        let mut csv = if random.once_in(2) {
            String::from("\u{feff}")
        } else {
            String::new()
        };
        let mut line = |id: &str, cells: &[String], note: &str, number: &str| {
            let mut all: Vec<&str> = cells.iter().map(String::as_str).collect();
            all.insert(id_at, id);
            all.insert(number_at, number);
            all.push(note);
            let quoted: Vec<String> = all
                .iter()
                .map(|cell| quote(cell, delimiter, random.once_in(3)))
                .collect();
            csv += &(quoted.join(delimiter) + newline);
            // A row without anything in it.
            if random.once_in(10) {
                csv += &(delimiter.repeat(random.below(4)) + newline);
            }
        };
        line(&self.id_name, &self.names, "note", "");
        for (row, (id, values)) in self.rows.iter().enumerate() {
            let cells: Vec<String> = values
                .iter()
                .map(|value| value.map_or(String::new(), |v| v.to_string()))
                .map(|cell| {
                    if has_decimal_comma {
                        cell.replace('.', ",")
                    } else {
                        cell
                    }
                })
                .collect();
            line(id, &cells, "some text", &row.to_string());
        }
        csv
    }

    /// The sums, id by id in order of first appearance.
    fn sums(&self) -> Vec<(String, Vec<f64>)> {
        let mut sums: Vec<(String, Vec<f64>)> = Vec::new();
        for (id, values) in &self.rows {
            if !sums.iter().any(|(known, _)| known == id) {
                sums.push((id.clone(), vec![0.0; values.len()]));
            }
            let (_, sum) = sums
                .iter_mut()
                .find(|(known, _)| known == id)
                .expect("just added");
            for (sum, value) in sum.iter_mut().zip(values) {
                *sum += value.unwrap_or(0.0);
            }
        }
        sums
    }

    /// The columns that hold a number somewhere.
    fn numeric(&self) -> Vec<usize> {
        let has_number = |column: &usize| self.rows.iter().any(|(_, values)| values[*column].is_some());
        (0..self.names.len()).filter(has_number).collect()
    }
}

fn quote(cell: &str, delimiter: &str, always: bool) -> String {
    let needed = cell.contains(['"', '\n', '\r']) || cell.contains(delimiter);
    if always || needed {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// Takes an answer apart: cells of each row.
fn cells(csv: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(csv.as_bytes());
    let row = |record: csv::Result<csv::StringRecord>| {
        record.expect("a valid CSV").iter().map(str::to_owned).collect()
    };
    reader.records().map(row).collect()
}

#[tokio::test]
async fn generated_tables_have_the_sums_of_a_naive_calculation() {
    for seed in 0..500 {
        let random = &mut Random(seed);
        let model = Model::random(random);
        let csv = model.to_csv(random);
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("id_column", &model.id_name)
            .finish();
        let answer = put(&query, csv.clone()).await;
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "seed {seed}: {}\n{csv}",
            answer.body
        );

        let numeric = model.numeric();
        let names = numeric.iter().map(|&column| model.names[column].clone());
        let mut expected = vec![
            std::iter::once(model.id_name.clone())
                .chain(names)
                .collect::<Vec<_>>(),
        ];
        for (id, sums) in model.sums() {
            let sums = numeric.iter().map(|&column| sums[column].to_string());
            expected.push(std::iter::once(id).chain(sums).collect());
        }
        assert_eq!(cells(&answer.body), expected, "seed {seed}\n{csv}");
    }
}

#[tokio::test]
async fn bytes_without_meaning_never_break_the_app() {
    let alphabet = b"id,;\t=sepv\n\r\"\"12.e-+ \xC3\xA4\xFF\xFE\0";
    for seed in 0..5_000 {
        let random = &mut Random(seed);
        let noise: Vec<u8> = (0..random.below(60))
            .map(|_| alphabet[random.below(alphabet.len())])
            .collect();
        let csv = if random.once_in(2) {
            noise
        } else {
            [b"id,v\n".as_slice(), &noise].concat()
        };
        let answer = put("", csv).await;
        assert!(
            matches!(answer.status.as_u16(), 200 | 400),
            "seed {seed}: {answer:?}"
        );
        assert!(!answer.body.is_empty(), "seed {seed}");
    }
}

/// Checks an answer against sums of another origin, to a relative error of 1e-9.
fn assert_close(answer: &str, ids: &[String], column: usize, expected: &HashMap<String, f64>) {
    let rows = cells(answer);
    let answered: Vec<&String> = rows[1..].iter().map(|row| &row[0]).collect();
    assert_eq!(answered, ids.iter().collect::<Vec<_>>());
    for row in &rows[1..] {
        let (sum, expected): (f64, f64) = (row[column].parse().expect("a number"), expected[&row[0]]);
        assert!(
            (sum - expected).abs() <= 1e-9 * expected.abs(),
            "{}: {sum} and {expected}",
            row[0]
        );
    }
}

/// Sums with the rounding errors carried along (Neumaier), so that they are not the app's own sums again.
#[derive(Default)]
struct Exact {
    sum: f64,
    lost: f64,
}

impl Exact {
    fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        let (large, small) = if self.sum.abs() >= value.abs() {
            (self.sum, value)
        } else {
            (value, self.sum)
        };
        self.lost += (large - sum) + small;
        self.sum = sum;
    }
}

#[tokio::test]
async fn a_hundred_thousand_rows_of_a_thousand_ids() {
    let random = &mut Random(100_000);
    let (mut csv, mut ids) = (String::from(",id,time,value\n"), Vec::new());
    let mut sums: HashMap<String, Exact> = HashMap::new();
    for row in 0..100_000 {
        let id = format!("sensor-{}", random.below(1_000));
        let value = random.fraction() * 10.0;
        if !sums.contains_key(&id) {
            ids.push(id.clone());
        }
        writeln!(csv, "{row},{id},{},{value}", row / 1_000).expect("a String takes everything");
        sums.entry(id).or_default().add(value);
    }
    assert_eq!(ids.len(), 1_000);
    let expected = sums
        .into_iter()
        .map(|(id, exact)| (id, exact.sum + exact.lost))
        .collect();

    let answer = put("", csv.clone()).await;
    assert!(
        answer.body.starts_with("id,time,value\n"),
        "{}",
        &answer.body[..100]
    );
    assert_close(&answer.body, &ids, 2, &expected);
    let answer = put("value_column=value", csv).await;
    assert!(answer.body.starts_with("id,value\n"), "{}", &answer.body[..100]);
    assert_close(&answer.body, &ids, 1, &expected);
}
