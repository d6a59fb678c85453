//! Megabytes a second that one core sums, without HTTP. `cargo bench` prints the best of many runs for a few shapes of
//! CSV; with `--file PATH`, the seconds that this file takes. Run in any other way (as `cargo test --benches` does)
//! each shape is summed once.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fmt::Write as _;
use std::fs::File;
use std::hint::black_box;
use std::io::Read as _;
use std::time::{Duration, Instant};

use csv_group_sum::{Params, sum_csv};

/// The number of times that each CSV is summed; the best run counts, since noise only ever adds.
const RUNS: usize = 200;

/// A number that looks random and is the same in each run.
fn fraction(n: u32) -> f64 {
    f64::from(n.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24)
}

/// The shape the app is made for: `,id,time,value`, a hundred rows for each of a thousand ids, id by id.
fn series() -> String {
    let mut csv = String::from(",id,time,value\n");
    for row in 0..100_000_u32 {
        writeln!(csv, "{row},{},{},{:.12}", row / 100, row % 100, fraction(row))
            .expect("a String takes everything");
    }
    csv
}

/// As above, with the ids in no order.
fn shuffled() -> String {
    let mut csv = String::from(",id,time,value\n");
    for row in 0..100_000_u32 {
        let id = row.wrapping_mul(2_654_435_761) >> 22;
        writeln!(csv, "{row},{id},{},{:.12}", row % 100, fraction(row)).expect("a String takes everything");
    }
    csv
}

/// Ten columns of floats.
fn wide() -> String {
    let mut csv = String::from("id,a,b,c,d,e,f,g,h,i,j\n");
    for row in 0..30_000_u32 {
        write!(csv, "{}", row % 1_000).expect("a String takes everything");
        for column in 0..10 {
            write!(csv, ",{:.9}", fraction(row * 10 + column)).expect("a String takes everything");
        }
        csv.push('\n');
    }
    csv
}

/// Nothing to group: every row has an id of its own.
fn distinct() -> String {
    let mut csv = String::from("id,value\n");
    for row in 0..150_000_u32 {
        writeln!(csv, "customer-{row:06},{:.4}", fraction(row)).expect("a String takes everything");
    }
    csv
}

fn best(csv: &str, params: &Params, runs: usize) -> Duration {
    let run = |_| {
        let start = Instant::now();
        black_box(sum_csv(black_box(csv.as_bytes()), params).expect("a valid CSV"));
        start.elapsed()
    };
    (0..runs).map(run).min().unwrap_or_default()
}

/// `--file PATH`: seconds of the best of three passes over a file that is read before, summing the column `value`.
fn of_file(path: &str) {
    let mut csv = Vec::new();
    let read = File::open(path).and_then(|mut file| file.read_to_end(&mut csv));
    read.expect("a readable file");
    let params = Params {
        value_columns: Some(vec!["value".to_owned()]),
        ..Params::default()
    };
    let pass = |_| {
        let start = Instant::now();
        black_box(sum_csv(black_box(&csv), &params).expect("a valid CSV"));
        start.elapsed()
    };
    let best = (0..3).map(pass).min().unwrap_or_default();
    println!("{}", best.as_secs_f64());
}

fn main() {
    let mut arguments = std::env::args()
        .skip_while(|argument| argument != "--file")
        .skip(1);
    if let Some(path) = arguments.next() {
        return of_file(&path);
    }
    let runs = if std::env::args().any(|arg| arg == "--bench") {
        RUNS
    } else {
        1
    };
    let one = Params {
        value_columns: Some(vec!["value".to_owned()]),
        ..Params::default()
    };
    let all = Params::default();
    let shapes = [
        ("100,000 rows, 1,000 ids in order, value", series(), &one),
        ("100,000 rows, 1,000 ids in order, all columns", series(), &all),
        ("100,000 rows, 1,024 ids in no order, value", shuffled(), &one),
        ("30,000 rows, 1,000 ids, ten columns", wide(), &all),
        ("150,000 rows, each with its own id", distinct(), &all),
    ];
    for (name, csv, params) in shapes {
        let best = best(&csv, params, runs);
        let size = u32::try_from(csv.len()).expect("a few megabytes");
        let speed = f64::from(size) / best.as_secs_f64() / 1e6;
        println!(
            "{name:<48} {:>5.2} MB {:>7.2} ms {speed:>6.0} MB/s",
            f64::from(size) / 1e6,
            best.as_secs_f64() * 1e3
        );
    }
}
