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
//! | [`inflate`] | a body that was sent as gzip |
//! | [`params`] | the query: which column is the id, which columns are summed, and how |
//! | [`source`] | a CSV in S3, when the query names one |
//! | [`group_sum`] | a crate of its own, which knows neither HTTP nor Lambda: CSV bytes → sums in one pass → CSV bytes, or … |
//! | [`caps`], [`budget`] | what the deployer allows a request, and what it gets of what it asks for |
//! | [`spread`] | … the values are kept, and summed in other Lambdas, one item for each id and column (over [`series`]) |
//! | [`answer`] | the limit on an answer |
//! | [`report`] | what the sums took → headers and JSON |
//! | [`error`] | everything that can be wrong with a request, each as one sentence with its status |
//! | [`page`] | the page of `GET /` |
//!
//! Only [`series`], [`spread`] and [`source`] call `lzap`: for a task, its map, and an object in S3. The other modules
//! use at most its types and Lambda's limits.

pub mod answer;
pub mod budget;
pub mod caps;
pub mod error;
pub mod http;
pub mod inflate;
pub mod page;
pub mod params;
pub mod report;
pub mod series;
pub mod source;
pub mod spread;

use group_sum::{Results, group_sum, read_sums};

pub use caps::{CapError, Caps};
pub use error::Error;
pub use http::router;
pub use params::Params;
pub use series::{summarize, summarize_after_a_wait};

/// The plain calculation, from the bytes of a CSV to the bytes of the answer: nothing but sums, in one pass, here.
///
/// # Errors
/// The CSV is broken, lacks a column, or has a cell in a summed column that is not a number; a sum or the answer is too
/// large.
pub fn sum_csv(csv: &[u8], params: &Params) -> Result<Vec<u8>, Error> {
    let table = read_sums(csv, params.selection(), params.format)?;
    let results = Results {
        sums: group_sum(&table)?,
        extras: Vec::new(),
    };
    answer::write_answer(&table, &results)
}
