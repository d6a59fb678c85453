//! `cargo xtask tidy`: the rules that no compiler checks.
//!
//! Each check returns what it found wrong, one line each; all are reported together.

mod cycles;
mod files;
mod layers;
mod shape;

use lzap_testkit::shell::{Failure, Result};
use lzap_testkit::workspace;

/// Runs every check; with `shorten`, first deletes the outdated lines of the list of module cycles.
pub(crate) fn run(shorten: bool) -> Result {
    let mut files = files::read_source_files(&workspace())?;
    if shorten {
        cycles::shorten_list(&workspace(), &files)?;
        files = files::read_source_files(&workspace())?;
    }
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

fn count_problems(count: usize) -> String {
    if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") }
}
