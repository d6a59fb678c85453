//! Embeds the templates: real crates elsewhere in this repository, without what building them leaves behind.
//!
//! A crate published without those folders couldn't be built; to publish it, they must be put inside of it first.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Name of the constant, folder from the repository's root.
const TEMPLATES: &[(&str, &str)] =
    &[("HELLO", "templates/hello"), ("CSV_GROUP_SUM", "examples/csv-group-sum"), ("INIT", "templates/init")];

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut code = String::new();
    for (constant, folder) in TEMPLATES {
        let folder = root.join(folder).canonicalize()?;
        let mut files = Vec::new();
        collect(&folder, &mut files)?;
        files.sort();
        for file in &files {
            println!("cargo::rerun-if-changed={}", file.display());
        }
        embed(&mut code, constant, &folder, &files).map_err(io::Error::other)?;
    }
    let out = std::env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    fs::File::create(Path::new(&out).join("templates.rs"))?.write_all(code.as_bytes())
}

/// Collects all files but those below `target`, dotfiles too. Cargo watches each file, and the folders below
/// the top for new files. It can't watch the top itself without looking through `target`.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push(entry.path());
        } else if entry.file_name() != "target" {
            println!("cargo::rerun-if-changed={}", entry.path().display());
            collect(&entry.path(), files)?;
        }
    }
    Ok(())
}

/// Appends one constant to the code: a slice of `File`s in the given order, their bytes by `include_bytes!`.
fn embed(code: &mut String, constant: &str, folder: &Path, files: &[PathBuf]) -> std::fmt::Result {
    writeln!(code, "pub(crate) const {constant}: &[File] = &[")?;
    for file in files {
        let name = file.strip_prefix(folder).unwrap_or(file).to_string_lossy().replace('\\', "/");
        let path = file.to_string_lossy();
        writeln!(code, "    File {{ name: {name:?}, bytes: include_bytes!({path:?}) }},")?;
    }
    writeln!(code, "];")
}
