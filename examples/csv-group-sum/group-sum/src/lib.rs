//! Sums the columns of a CSV by id: a calculation over bytes, which knows neither HTTP nor Lambda.
//!
//! ```
//! use group_sum::{Format, Results, Selection, group_sum, read_sums, to_csv};
//!
//! # fn main() -> Result<(), group_sum::CsvError> {
//! let csv = b"id,time,value\na,0,0.5\nb,0,7\na,1,1.5\n";
//! let table = read_sums(csv, Selection { id: "id", values: None }, Format::default())?;
//! let results = Results { sums: group_sum(&table)?, extras: Vec::new() };
//! assert_eq!(to_csv(&table, &results), b"id,time,value\na,1,2\nb,0,7\n");
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | `rows` | bytes → rows of cells (over `marks`, and `unquoted` for unusual quotes) |
//! | `dialect` | how the CSV is written: encoding, delimiter, decimal mark |
//! | `number` | a cell ↔ a number |
//! | `columns` | finds the selected columns in the header |
//! | `table` | rows → ids, and the numbers of each summed column with the id they belong to |
//! | `sums` | keeps the sum of each id: one pass, here |
//! | `values` | keeps the values of each id, to be summed elsewhere |
//! | `bootstrap` | the standard error of a mean, a costly calculation |
//! | `output` | sums → a CSV |
//! | `error` | everything that can be wrong with a CSV, each as one sentence |

mod bootstrap;
mod columns;
mod dialect;
mod error;
mod marks;
mod number;
mod output;
mod rows;
mod sums;
mod table;
mod unquoted;
mod values;

pub use bootstrap::bootstrap;
pub use columns::Selection;
pub use dialect::{Decimal, Format};
pub use error::{CsvError, Place, Text};
pub use output::{Extra, Results, to_csv};
pub use sums::{ColumnSums, Sums, group_sum, read_sums, sum};
pub use table::{Column, Table};
pub use values::{Values, read_values, to_floats};
