//! `cargo xtask generate`: the reference pages, written by the tool that they describe.
//!
//! What the tool says of itself is asked from it (`--help`, `config --schema`); what it can't say, environment variables
//! and exit codes, is read from the comments beside their constants. A page is a function of the source: no versions, no
//! paths, no dates.

mod cli;
mod config;
mod markdown;

use fs_err as fs;
use lzap_testkit::workspace;

use lzap_testkit::shell::{Failure, Result};

/// Writes the pages, or says which ones are not current.
pub(crate) fn run(check: bool) -> Result {
    let pages = [("cli.md", cli::render_page()?), ("config.md", config::render_page()?)];
    let folder = workspace().join("docs/reference");
    let mut stale = Vec::new();
    for (name, text) in pages {
        let path = folder.join(name);
        if fs::read_to_string(&path).ok().as_deref() == Some(text.as_str()) {
            println!("    docs/reference/{name} is current");
        } else if check {
            stale.push(format!("docs/reference/{name}"));
        } else {
            fs::create_dir_all(&folder)?;
            fs::write(&path, text)?;
            println!("    wrote docs/reference/{name}");
        }
    }
    match stale.as_slice() {
        [] => Ok(()),
        [one] => Err(Failure::new(format!("{one} is not current; run `cargo xtask generate`"))),
        more => {
            Err(Failure::new(format!("{} are not current; run `cargo xtask generate`", more.join(" and "))))
        }
    }
}
