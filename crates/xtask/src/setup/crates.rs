//! The crates of all workspaces that the tests compile: fetched before, so that tests run without a network.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use fs_err as fs;
use lzap_testkit::shell::{Result, call, cargo};
use lzap_testkit::{target, workspace};

/// Folders whose subfolders are workspaces, as users have them.
const GROUPS: [&str; 3] = ["examples", "templates", "tests/fixtures"];

/// Fetches the crates of each lock file that changed since the last time.
pub(super) fn fetch_missing() -> Result {
    let workspaces = find_workspaces()?;
    let wanted = describe_lock_files(&workspaces)?;
    let stamp = target().join("setup/fetched");
    if fs::read_to_string(&stamp).ok().as_deref() == Some(wanted.as_str()) {
        return Ok(());
    }
    println!("==> setup: fetching crates");
    for folder in &workspaces {
        call(cargo().args(["fetch", "--quiet", "--locked"]).current_dir(folder))?;
    }
    fs::create_dir_all(target().join("setup"))?;
    Ok(fs::write(stamp, wanted)?)
}

/// The root, and each example, template and fixture that has a lock file.
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

/// The text of all lock files, and where cargo keeps crates: what was fetched is still there while this is the same.
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
