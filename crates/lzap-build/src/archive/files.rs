//! The files that go into the zip, sorted by name, or the reason why one can't.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use lzap_core::platform::Include;
use lzap_wire::limits::UNZIPPED_BYTES;
use walkdir::WalkDir;

use crate::error::BuildError;

/// The name under which Lambda's `provided` runtimes start the function.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html>
const BOOTSTRAP: &str = "bootstrap";

/// A file on its way into the zip.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The path in the zip, separated by slashes.
    pub(super) name: String,
    /// The file on disk.
    pub(super) path: PathBuf,
    /// The size before compression.
    pub(super) bytes: u64,
    /// The only permission that is kept: the others would differ between checkouts.
    pub(super) is_executable: bool,
}

/// Returns the binary and the included files, sorted by their names in the zip.
///
/// The sizes are those of this moment: the files are read again when the zip is written.
pub(super) fn collect_entries(
    binary: &Path,
    root: &Path,
    include: &[Include],
) -> Result<Vec<Entry>, BuildError> {
    let mut found = Collection { root: resolve_path(root)?, entries: BTreeMap::new() };
    for item in include {
        found.add_include(root, item)?;
    }
    // Added last, without the checks of an included file: no included file can have its name.
    found.add_file(BOOTSTRAP.to_owned(), binary, true)?;
    let entries: Vec<Entry> = found.entries.into_values().collect();
    check_size(&entries)?;
    Ok(entries)
}

/// The entries of the zip while they are collected. A sorted map, so that the zip has the same order on every
/// machine.
struct Collection {
    /// The package's folder without links, to compare included paths with.
    root: PathBuf,
    /// The entries by their names in the zip.
    entries: BTreeMap<String, Entry>,
}

impl Collection {
    /// Adds the file that `item` names, or every file of the folder that it names. Follows links within the
    /// package's folder. Empty folders don't get into the zip.
    fn add_include(&mut self, root: &Path, item: &Include) -> Result<(), BuildError> {
        let path = root.join(&item.source);
        let destination = parse_destination(&item.destination)?;
        // This doesn't follow a link: for one that leads nowhere, the walk below has a better message.
        if path.symlink_metadata().is_err() {
            return Err(BuildError::IncludeMissing { name: item.source.clone(), path });
        }
        for entry in WalkDir::new(&path).follow_links(true).sort_by_file_name() {
            let entry = entry.map_err(|error| walk_error(&error, &path))?;
            self.check_inside(entry.path())?;
            if entry.file_type().is_dir() {
                continue;
            }
            // For an included file, in contrast to a folder, `below` is empty, and `destination` is its name
            // in the zip.
            let below = entry.path().strip_prefix(&path).unwrap_or(Path::new(""));
            let name = join_name(&destination, below)?;
            self.add_included(name, entry.path())?;
        }
        Ok(())
    }

    /// Adds one included file under `name`, unless Lambda could not unpack it beside the others.
    fn add_included(&mut self, name: String, path: &Path) -> Result<(), BuildError> {
        let refuse = |why| Err(BuildError::IncludeDestination { destination: name.clone(), why });
        if name == BOOTSTRAP || name.starts_with("bootstrap/") {
            return refuse("and that name is the app's own");
        }
        // Two entries of `include` may overlap: the same file twice is no conflict.
        if self.entries.get(&name).is_some_and(|known| known.path != path) {
            return refuse("twice, from different files");
        }
        if self.has_folder(&name) || parent_folders(&name).any(|folder| self.entries.contains_key(folder)) {
            return refuse("and a folder of the same name");
        }
        self.add_file(name, path, false)
    }

    /// Returns whether an entry lies in a folder `name`. The first name after `NAME/` in sorted order
    /// decides.
    fn has_folder(&self, name: &str) -> bool {
        let folder = format!("{name}/");
        self.entries.range(folder.clone()..).next().is_some_and(|(known, _)| known.starts_with(&folder))
    }

    /// Adds the file at `path`. Fails for a device, a socket or a pipe.
    fn add_file(&mut self, name: String, path: &Path, is_bootstrap: bool) -> Result<(), BuildError> {
        let about = fs_err::metadata(path).map_err(BuildError::io("read a file for the zip"))?;
        if !about.is_file() {
            return Err(BuildError::IncludeLink { path: path.to_owned(), why: "which is no ordinary file" });
        }
        let is_executable = is_bootstrap || is_executable(&about);
        let entry = Entry { name: name.clone(), path: path.to_owned(), bytes: about.len(), is_executable };
        self.entries.insert(name, entry);
        Ok(())
    }

    /// Fails if the path leads out of the package's folder once its links are followed. Such a link would
    /// ship what the project doesn't show, by accident a key or a password.
    fn check_inside(&self, path: &Path) -> Result<(), BuildError> {
        if resolve_path(path)?.starts_with(&self.root) {
            return Ok(());
        }
        Err(BuildError::IncludeLink {
            path: path.to_owned(),
            why: "which is outside of the package's folder",
        })
    }
}

/// Returns the folders that a name in the zip lies in: `a` and `a/b` for `a/b/c`.
fn parent_folders(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').map(|(at, _)| &name[..at])
}

/// Returns whether the owner, the group or others may execute the file.
#[cfg(unix)]
fn is_executable(about: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o111 != 0
}

/// Returns `false`, since files have no such permission here. Included scripts of a zip that was built here
/// can't be executed in Lambda; `bootstrap` can, since it is always marked.
#[cfg(not(unix))]
fn is_executable(_: &std::fs::Metadata) -> bool {
    false
}

/// Returns the path without links.
fn resolve_path(path: &Path) -> Result<PathBuf, BuildError> {
    fs_err::canonicalize(path).map_err(BuildError::io("find a file for the zip"))
}

/// Explains why the walk through an included folder failed. `path` is used if the error names none.
fn walk_error(error: &walkdir::Error, path: &Path) -> BuildError {
    let path = error.path().unwrap_or(path).to_owned();
    let is_link = path.symlink_metadata().is_ok_and(|about| about.is_symlink());
    let why = match (error.loop_ancestor(), is_link) {
        (Some(_), _) => "a link to a folder that it is in itself",
        (None, true) => "a link to something that doesn't exist",
        (None, false) => "which can't be read",
    };
    BuildError::IncludeLink { path, why }
}

/// Returns the destination without a trailing slash; empty or `.` is the top of the zip. Fails for a path
/// that isn't below the top.
fn parse_destination(wanted: &str) -> Result<String, BuildError> {
    let refuse = |why| Err(BuildError::IncludeDestination { destination: wanted.to_owned(), why });
    if wanted.contains('\\') {
        // On Windows it would separate folders, elsewhere it is a part of a name: the zips would differ.
        return refuse("with a backslash");
    }
    let mut parts = Vec::new();
    for part in Path::new(wanted).components() {
        match part {
            Component::Normal(name) => parts.push(name.to_string_lossy()),
            Component::CurDir => {}
            Component::ParentDir => return refuse("which is outside of the function's folder"),
            Component::RootDir | Component::Prefix(_) => return refuse("an absolute path"),
        }
    }
    Ok(parts.join("/"))
}

/// Returns the name of a file in the zip: `destination`, then the path `below` it, separated by slashes on
/// every host.
fn join_name(destination: &str, below: &Path) -> Result<String, BuildError> {
    let mut name = destination.to_owned();
    for part in below.components() {
        let Some(part) = part.as_os_str().to_str() else {
            let destination = below.to_string_lossy().into_owned();
            return Err(BuildError::IncludeDestination { destination, why: "a name that isn't UTF-8" });
        };
        if !name.is_empty() {
            name.push('/');
        }
        name.push_str(part);
    }
    Ok(name)
}

/// Fails if the files exceed Lambda's limit of the unpacked size, and names the three biggest.
fn check_size(entries: &[Entry]) -> Result<(), BuildError> {
    let bytes = entries.iter().map(|entry| entry.bytes).sum();
    if bytes <= UNZIPPED_BYTES {
        return Ok(());
    }
    let mut biggest: Vec<_> = entries.iter().map(|entry| (entry.name.clone(), entry.bytes)).collect();
    biggest.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    // Three names are enough to find the file that should not be there.
    biggest.truncate(3);
    Err(BuildError::TooLarge { bytes, limit: UNZIPPED_BYTES, biggest })
}
