//! Fetches the crates of all workspaces that the tests compile, so that tests run without a network. The
//! benchmarks' workspace is not among them: cargo fetches its crates when they are compiled.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use fs_err as fs;
use lzap_testkit::shell::{Result, call, cargo};
use lzap_testkit::{target, workspace};

/// Folders of which each subfolder may be a workspace with a lock file of its own, as a user's project has.
const GROUPS: [&str; 3] = ["examples", "templates", "tests/fixtures"];

/// Fetches the crates of all lock files if one of them changed since the last fetch. A fetch needs a network.
pub(super) fn fetch_missing() -> Result {
    let workspaces = find_workspaces()?;
    let wanted = describe_lock_files(&workspaces)?;
    // Comparing texts is quicker than one `cargo fetch` per workspace, and every test run waits for this check.
    let stamp = target().join("setup/fetched");
    if fs::read_to_string(&stamp).ok().as_deref() == Some(wanted.as_str()) {
        return Ok(());
    }
    println!("==> setup: fetching crates");
    for folder in &workspaces {
        call(cargo().args(["fetch", "--quiet", "--locked"]).current_dir(folder))?;
    }
    // Recorded last, so that an interrupted fetch is repeated.
    fs::create_dir_all(target().join("setup"))?;
    Ok(fs::write(stamp, wanted)?)
}

/// Returns the root of the repository, and each example, template and fixture that has a lock file, sorted by
/// path.
fn find_workspaces() -> Result<Vec<PathBuf>> {
    let mut found = vec![workspace()];
    for group in GROUPS {
        for entry in fs::read_dir(workspace().join(group))? {
            let folder = entry?.path();
            if folder.join("Cargo.lock").exists() {
                found.push(folder);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Returns the text of all lock files and cargo's home. While this text stays the same, no crate is missing:
/// another `CARGO_HOME` may be empty.
fn describe_lock_files(workspaces: &[PathBuf]) -> Result<String> {
    let home = std::env::var("CARGO_HOME").unwrap_or_default();
    let mut text = format!("CARGO_HOME={home}\n");
    for folder in workspaces {
        let lock = fs::read_to_string(folder.join("Cargo.lock"))?;
        let name = folder.strip_prefix(workspace()).unwrap_or(Path::new(""));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# {}\n{lock}", name.display());
    }
    Ok(text)
}
