//! `cargo xtask tidy`: the rules that no compiler checks.
//!
//! Each check returns what it found wrong, one line each; all are reported together.

mod files;
mod layers;
mod shape;

use lzap_testkit::workspace;

use crate::shell::{Failure, Result};

/// Runs every check.
pub(crate) fn run() -> Result {
    let files = files::tracked(&workspace())?;
    let mut wrong = layers::check()?;
    wrong.extend(files::check(&files));
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
    if count == 1 { "1 thing".to_owned() } else { format!("{count} things") }
}
