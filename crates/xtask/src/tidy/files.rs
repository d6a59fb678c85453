//! Reads the files of the repository, and checks their lines: forbidden code, paths of one machine, hosts of
//! package mirrors, and the length of the front pages. The length of Rust files is checked in `shape.rs`.

use std::ffi::OsStr;
use std::path::Path;

use fs_err as fs;
use walkdir::{DirEntry, WalkDir};

use lzap_testkit::shell::Result;

/// A text file of the repository.
pub(super) struct SourceFile {
    /// Relative to the root, `/`-separated.
    pub(super) path: String,
    pub(super) text: String,
}

impl SourceFile {
    /// Returns whether it is Rust source, by its extension.
    pub(super) fn is_rust(&self) -> bool {
        Path::new(&self.path).extension() == Some(OsStr::new("rs"))
    }
}

/// The most lines that the front pages may have. They stay short enough to be read as a whole.
const PAGE_LIMITS: &[(&str, usize)] = &[("README.md", 150), ("ARCHITECTURE.md", 250)];

/// Reads all text files below `root` that are neither built nor fetched, sorted by path. Does not ask git, so
/// that a new file is checked before it is added.
pub(super) fn read_source_files(root: &Path) -> Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    for entry in WalkDir::new(root).sort_by_file_name().into_iter().filter_entry(is_source_entry) {
        let entry = entry?;
        if !entry.file_type().is_file() {
            continue;
        }
        let path = entry.path().strip_prefix(root).unwrap_or(entry.path()).display().to_string();
        // Binary files are skipped: they are not UTF-8.
        if let Ok(text) = fs::read_to_string(entry.path()) {
            files.push(SourceFile { path, text });
        }
    }
    Ok(files)
}

/// Returns whether a file or folder belongs to the source. `Cargo.lock` does not, since cargo writes it.
fn is_source_entry(entry: &DirEntry) -> bool {
    let generated = ["target", ".git", ".venv", "__pycache__"].map(OsStr::new);
    !generated.contains(&entry.file_name()) && entry.file_name() != OsStr::new("Cargo.lock")
}

/// Returns the forbidden lines, and the front pages that are too long.
pub(super) fn check_files(files: &[SourceFile]) -> Vec<String> {
    let hosts = read_registry_hosts();
    let mut wrong = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(problem) = find_forbidden(file, line, &hosts) {
                wrong.push(format!("{}:{}: {problem}", file.path, number + 1));
            }
        }
        let limit = PAGE_LIMITS.iter().find(|(path, _)| *path == file.path);
        if let Some((_, most)) = limit.filter(|(_, most)| file.text.lines().count() > *most) {
            wrong.push(format!("{}: longer than {most} lines", file.path));
        }
    }
    wrong
}

/// Returns the problem of a line, if it has one. The source spells the forbidden words in two parts, so that
/// this file passes its own check.
fn find_forbidden(file: &SourceFile, line: &str, hosts: &[String]) -> Option<String> {
    // A comment may mention forbidden code. The split also cuts URLs, which contain no code.
    let code = line.split("//").next().unwrap_or_default();
    if file.is_rust() && code.contains(concat!(".unwrap", "()")) {
        return Some(concat!("`.unwrap", "()`: say in an `expect` why it can't fail, or use `?`").to_owned());
    }
    let silenced = [concat!("#[al", "low"), concat!("#![al", "low")].iter().any(|it| code.contains(it));
    if file.is_rust() && silenced && !code.contains("reason = ") {
        return Some("a silenced lint without a reason: use `#[expect(…, reason = \"…\")]`".to_owned());
    }
    // Such a path works on one machine only, and may reveal a user's name.
    let machine =
        [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
    if let Some(path) = machine.iter().find(|path| has_path(line, path)) {
        return Some(format!("a path of one machine: {path}"));
    }
    hosts.iter().find(|host| line.contains(host.as_str())).map(|_| "the host of a package mirror".to_owned())
}

/// Returns whether `line` contains `path` at the beginning of a path, not in the middle of a longer one such
/// as a URL.
fn has_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| c.is_whitespace() || "\"'`(=:[".contains(c))
    })
}

/// Returns the hosts of private package mirrors that this machine's environment variables name. A file that
/// contains one fails elsewhere. Mirrors that only a configuration file in the user's home names are not
/// found.
fn read_registry_hosts() -> Vec<String> {
    let variables = ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "NPM_CONFIG_REGISTRY"];
    let mut texts: Vec<String> = variables.iter().filter_map(|name| std::env::var(name).ok()).collect();
    texts
        .extend(std::env::vars().filter(|(name, _)| name.starts_with("CARGO_REGISTRIES_")).map(|(_, it)| it));
    let hosts = texts.iter().flat_map(|text| text.split("://").skip(1)).filter_map(|after| {
        // The URL may contain a user name, a password and a port.
        let authority = after.split(['/', '"', '\'', ' ', '\n', '?']).next()?;
        let host = authority.rsplit('@').next()?.split(':').next()?;
        let public = ["pypi.org", "crates.io", "github.com", "npmjs.org"];
        (!host.is_empty() && !public.iter().any(|end| host.ends_with(end))).then(|| host.to_owned())
    });
    hosts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_forbidden(path: &str, line: &str) -> bool {
        let file = SourceFile { path: path.to_owned(), text: String::new() };
        find_forbidden(&file, line, &["mirror.example".to_owned()]).is_some()
    }

    #[test]
    fn find_forbidden_depends_on_file_type_and_position() {
        assert!(is_forbidden("a.rs", concat!("x.unwrap", "();")));
        assert!(!is_forbidden("a.rs", concat!("// never x.unwrap", "()")));
        assert!(!is_forbidden("a.md", concat!("x.unwrap", "()")));
        assert!(is_forbidden("a.md", concat!("see /ro", "ot/x")));
        assert!(!is_forbidden("a.md", concat!("a URL like example.com/ho", "me/x")));
        assert!(is_forbidden("a.toml", "index = \"https://mirror.example/simple\""));
    }
}
