//! Sums the columns of a CSV by id, as a web app.
//!
//! `PUT /` (or `POST /`) with a CSV as its body answers a CSV with one row per id; `GET /` is a page to try it with.
//!
//! ```text
//! id,time,value          id,time,value
//! a,0,0.5          →     a,1,2
//! b,0,7                  b,0,7
//! a,1,1.5
//! ```
//!
//! A request goes through these modules in this order; most are pure functions over bytes:
//!
//! | module | what it does |
//! |---|---|
//! | [`http`] | routes, body limit, form uploads |
//! | [`params`] | the query: which column is the id, which columns are summed, and how |
//! | [`source`] | a CSV in S3, when the query names one |
//! | [`table`] | CSV bytes → ids and columns of numbers (over [`rows`], [`columns`] and [`number`]; rows over [`marks`] and [`unquoted`]) |
//! | [`group_sum`] | each number is added to its sum as it is read: here and in one pass; or … |
//! | [`spread`] | … the numbers are kept, and summed in other Lambdas, one item for each id and column (over [`series`]) |
//! | [`answer`] | sums → CSV bytes |
//! | [`report`] | what the sums took → headers and JSON |
//! | [`error`] | everything that can be wrong with a request, each as one sentence with its status |
//! | [`page`] | the page of `GET /` |
//!
//! Only [`series`], [`spread`] and [`source`] use the `lzap` crate: for a task, its map, and an object in S3. The rest doesn't know that it may run on
//! Lambda, apart from the two size limits, which are Lambda's.

pub mod answer;
pub mod columns;
pub mod error;
pub mod group_sum;
pub mod http;
pub mod marks;
pub mod number;
pub mod page;
pub mod params;
pub mod report;
pub mod rows;
pub mod series;
pub mod source;
pub mod spread;
pub mod table;
pub mod unquoted;

pub use error::Error;
pub use http::router;
pub use params::Params;
pub use series::{summarize, summarize_after_a_wait};

/// The plain calculation, from the bytes of a CSV to the bytes of the answer: nothing but sums, in one pass, here.
///
/// # Errors
/// Whatever [`table::parse`], [`group_sum::group_sum`] and [`answer::write`] find wrong with the CSV.
pub fn sum_csv(csv: &[u8], params: &Params) -> Result<Vec<u8>, Error> {
    let table = table::parse(csv, params)?;
    let results = group_sum::group_sum(&table)?;
    answer::write(&table, &results)
}
