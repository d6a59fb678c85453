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
    let mut files = files::tracked(&workspace())?;
    if shorten {
        cycles::shorten(&workspace(), &files)?;
        files = files::tracked(&workspace())?;
    }
    let mut wrong = layers::check()?;
    wrong.extend(files::check(&files));
    wrong.extend(cycles::check(&files)?);
    let (shape, wrong_shape) = shape::check(&files);
    wrong.extend(wrong_shape);
    println!("{shape}");
    if wrong.is_empty() {
        return Ok(());
    }
    for line in &wrong {
        println!("  {line}");
    }
    Err(Failure::new(format!("{} found by `cargo xtask tidy`", plural(wrong.len()))))
}

fn plural(count: usize) -> String {
    if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") }
}
