//! `cargo xtask generate`: writes the reference pages under `docs/reference` from the tool that they
//! describe.
//!
//! The tool prints most of the content (`--help`, `config --schema`, `explain`). It cannot print its environment
//! variables and exit codes; those are read from the doc comments beside their constants. A page depends on
//! the source alone: it contains no versions, paths or dates, so that an unchanged source gives an unchanged
//! page. The other pages in `docs/` are written by hand.

mod cli;
mod config;
mod errors;
mod markdown;

use fs_err as fs;
use lzap_testkit::workspace;

use lzap_testkit::shell::{Failure, Result};

/// Writes every page that is not current. With `check`, writes nothing and fails when a page is not current.
///
/// Builds `lzap` first, which takes minutes on a fresh checkout.
pub(crate) fn run(check: bool) -> Result {
    let pages = [
        ("cli.md", cli::render_page()?),
        ("config.md", config::render_page()?),
        ("errors.md", errors::render_page()?),
    ];
    let folder = workspace().join("docs/reference");
    let mut stale = Vec::new();
    for (name, text) in pages {
        let path = folder.join(name);
        // A page that cannot be read counts as not current, so that a missing one is created.
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
