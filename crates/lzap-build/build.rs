//! Embeds the templates: real crates elsewhere in this repository, without what building them leaves behind.
//!
//! A crate published without those folders couldn't be built; to publish it, they must be put inside of it first.

use std::fmt::Write as _;
use std::fs;
use std::io;
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
        embed(&mut code, constant, &folder, &files).map_err(io::Error::other)?;
    }
    let out = std::env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    fs::write(Path::new(&out).join("templates.rs"), code)
}

/// All files but those below `target`, dotfiles too. A change of any runs this again.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push(entry.path());
        } else if entry.file_name() != "target" {
            collect(&entry.path(), files)?;
        }
    }
    Ok(())
}

fn embed(code: &mut String, constant: &str, folder: &Path, files: &[PathBuf]) -> std::fmt::Result {
    writeln!(code, "pub(crate) const {constant}: &[File] = &[")?;
    for file in files {
        let name = file.strip_prefix(folder).unwrap_or(file).to_string_lossy().replace('\\', "/");
        let path = file.to_string_lossy();
        writeln!(code, "    File {{ name: {name:?}, bytes: include_bytes!({path:?}) }},")?;
    }
    writeln!(code, "];")
}
