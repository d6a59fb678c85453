//! `cargo xtask tidy`: the rules of the repository that no compiler, formatter or lint checks.
//!
//! Each module has one check, which returns one line per violation. All checks run before the task fails, so
//! that one run reports everything. Format and lints are stages of `cargo xtask test`.

mod cycles;
mod files;
mod layers;
mod shape;

use lzap_testkit::shell::{Failure, Result};
use lzap_testkit::workspace;

/// Runs every check and fails if one finds a violation. Reads all files of the repository, which takes one to
/// two seconds.
pub(crate) fn run() -> Result {
    let files = files::read_source_files(&workspace())?;
    let mut wrong = layers::check_layers()?;
    wrong.extend(files::check_files(&files));
    wrong.extend(cycles::check_cycles(&files)?);
    let (shape, wrong_shape) = shape::check_lengths(&files);
    wrong.extend(wrong_shape);
    println!("{shape}");
    if wrong.is_empty() {
        return Ok(());
    }
    for line in &wrong {
        println!("  {line}");
    }
    Err(Failure::new(format!("{} found by `cargo xtask tidy`", count_problems(wrong.len()))))
}

/// Formats the number of problems for the error that ends the task.
fn count_problems(count: usize) -> String {
    if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") }
}
