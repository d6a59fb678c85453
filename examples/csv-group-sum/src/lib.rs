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
//! A request goes through these modules in this order; all but the first and the last are pure functions over bytes:
//!
//! | module | what it does |
//! |---|---|
//! | [`http`] | routes, body limit, form uploads |
//! | [`params`] | the query: which column is the id, which columns are summed |
//! | [`table`] | CSV bytes → ids and columns of numbers (over [`rows`], [`columns`] and [`number`]) |
//! | [`group_sum`] | ids and columns → sums; **the seam for a parallel form is here** |
//! | [`answer`] | sums → CSV bytes |
//! | [`error`] | everything that can be wrong with a request, each as one sentence with its status |
//! | [`page`] | the page of `GET /` |
//!
//! Nothing here knows that it may run on Lambda, apart from the two size limits, which are Lambda's: that is the job of
//! the `lzap` crate, called in `main.rs`.

pub mod answer;
pub mod columns;
pub mod error;
pub mod group_sum;
pub mod http;
pub mod number;
pub mod page;
pub mod params;
pub mod rows;
pub mod table;

pub use error::Error;
pub use http::router;
pub use params::Params;

/// The whole calculation, from the bytes of a CSV to the bytes of the answer.
///
/// # Errors
/// Whatever [`table::parse`], [`group_sum::group_sum`] and [`answer::write`] find wrong with the CSV.
pub fn sum_csv(csv: &[u8], params: &Params) -> Result<Vec<u8>, Error> {
    let table = table::parse(csv, params)?;
    let sums = group_sum::group_sum(&table)?;
    answer::write(&table, &sums)
}
