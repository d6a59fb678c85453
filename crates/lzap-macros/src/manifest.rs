//! Finds the name under which the package that is compiled knows the crate `lzap`.
//!
//! The compiler doesn't give a macro the name of its crate, and a package may rename it: `rt = { package = "lzap", … }`.
//! The names are in the package's `Cargo.toml`, and cargo puts that file's folder into an environment variable.
//!
//! The crate `proc-macro-crate` reads the same file. It isn't used here because it takes three times as long to compile,
//! starts a cargo process, and prefers a name in `[dev-dependencies]`, which a library can't use.

use std::cell::LazyCell;
use std::path::Path;

use toml::de::{DeTable, DeValue};

/// The name of the package, and of the crate unless it is renamed.
const LZAP: &str = "lzap";

/// Returns the name under which the package that is compiled knows `lzap`, as an identifier of Rust. Reads the package's
/// `Cargo.toml`, and its workspace's one if the dependency may be renamed there. Where cargo doesn't build the package, or
/// it is a script, there is no such file, and the name is `lzap`.
///
/// Returns `None` if the `Cargo.toml` has no dependency on `lzap`.
pub(crate) fn find_lzap() -> Option<String> {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let path = Path::new(&folder).join("Cargo.toml");
    // The `Cargo.toml` beside a cargo script is another package's.
    let is_script =
        std::env::var_os("CARGO_MANIFEST_PATH").is_some_and(|manifest| Path::new(&manifest) != path);
    match read_file(&path) {
        Some(text) if !is_script => {
            find_name(&text, |manifest| list_names_in_workspace(manifest, Path::new(&folder)))
        }
        _ => Some(LZAP.to_owned()),
    }
}

/// Finds the name in the text of a manifest. Calls `list_inherited` only if the name may be an inherited one; it returns
/// the names that `[workspace.dependencies]` has for `lzap`.
fn find_name(text: &str, list_inherited: impl FnOnce(&DeValue<'_>) -> Vec<String>) -> Option<String> {
    // Cargo has parsed its manifest before, so this text is not that. The usual name is the best guess.
    let Some(manifest) = parse_manifest(text) else {
        return Some(LZAP.to_owned());
    };
    // The crate's own tests, examples and documentation use the crate's name.
    if string_at(&manifest, &["package", "name"]) == Some(LZAP) {
        return Some(LZAP.to_owned());
    }
    let inherited = LazyCell::new(|| list_inherited(&manifest));
    let dependencies = list_dependencies(&manifest);
    let found = dependencies.iter().find(|(key, value)| {
        if value_at(value, &["workspace"]).and_then(DeValue::as_bool) == Some(true) {
            *key == LZAP || inherited.iter().any(|name| name == key)
        } else {
            is_lzap(key, value)
        }
    });
    // A fork has another package's name, and may have the crate's.
    let found = found.or_else(|| dependencies.iter().find(|(key, _)| *key == LZAP));
    found.map(|(key, _)| key.replace('-', "_"))
}

/// Lists the dependencies of a package in the order in which the macro prefers them. Those of the library come before those
/// of tests, and in each of the two groups the name `lzap` comes first.
fn list_dependencies<'m>(manifest: &'m DeValue<'_>) -> Vec<(&'m str, &'m DeValue<'m>)> {
    let targets = list_entries(value_at(manifest, &["target"]));
    let tables: Vec<_> =
        std::iter::once(manifest).chain(targets.into_iter().map(|(_, table)| table)).collect();
    let mut dependencies = Vec::new();
    for kind in ["dependencies", "dev-dependencies"] {
        let mut group: Vec<_> =
            tables.iter().flat_map(|table| list_entries(value_at(table, &[kind]))).collect();
        // Cargo doesn't tell a macro for which target it compiles, so all targets count. The sort is stable: names for every
        // target come before names for some.
        group.sort_by_key(|(key, _)| *key != LZAP);
        dependencies.append(&mut group);
    }
    dependencies
}

/// Lists the names that `lzap` has in the `[workspace.dependencies]` of a package's workspace.
fn list_names_in_workspace(manifest: &DeValue<'_>, folder: &Path) -> Vec<String> {
    // cargo uses `package.workspace`, else the closest folder above whose `Cargo.toml` has `[workspace]`.
    let named = string_at(manifest, &["package", "workspace"]).map(|path| folder.join(path));
    let above = folder.ancestors().map(Path::to_path_buf);
    named
        .into_iter()
        .chain(above)
        .find_map(|folder| list_workspace_names(&read_file(&folder.join("Cargo.toml"))?))
        .unwrap_or_default()
}

/// Lists the names that `lzap` has in the `[workspace.dependencies]` of a manifest's text. Returns `None` if it is no
/// workspace's manifest.
fn list_workspace_names(text: &str) -> Option<Vec<String>> {
    let manifest = parse_manifest(text)?;
    let workspace = value_at(&manifest, &["workspace"])?;
    let dependencies = list_entries(value_at(workspace, &["dependencies"]));
    Some(
        dependencies
            .into_iter()
            .filter(|(key, value)| is_lzap(key, value))
            .map(|(key, _)| key.to_owned())
            .collect(),
    )
}

/// Returns whether a dependency is the package `lzap`: by its `package`, or by its key if it isn't renamed.
fn is_lzap(key: &str, value: &DeValue<'_>) -> bool {
    string_at(value, &["package"]).unwrap_or(key) == LZAP
}

fn list_entries<'m>(table: Option<&'m DeValue<'_>>) -> Vec<(&'m str, &'m DeValue<'m>)> {
    let entries = table.and_then(DeValue::as_table).into_iter().flatten();
    entries.map(|(key, value)| (key.get_ref().as_ref(), value.get_ref())).collect()
}

/// `None` where one of the `keys` is missing, or its parent is no table.
fn value_at<'m, 'i>(value: &'m DeValue<'i>, keys: &[&str]) -> Option<&'m DeValue<'i>> {
    keys.iter().try_fold(value, |value, key| Some(value.get(*key)?.get_ref()))
}

fn string_at<'m>(value: &'m DeValue<'_>, keys: &[&str]) -> Option<&'m str> {
    value_at(value, keys)?.as_str()
}

fn parse_manifest(text: &str) -> Option<DeValue<'_>> {
    DeTable::parse(text).ok().map(|table| DeValue::Table(table.into_inner()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "each app with tasks compiles this crate, and the error isn't shown"
)]
fn read_file(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Finds the name in a manifest that inherits from a workspace.
    fn find_in(manifest: &str, workspace: &str) -> Option<String> {
        find_name(manifest, |_| list_workspace_names(workspace).expect("a workspace"))
    }

    #[test]
    fn find_name_returns_the_key_of_the_dependency() {
        for (manifest, name) in [
            ("dependencies.lzap = '0.1'", Some("lzap")),
            ("[dependencies]\nrt = { package = 'lzap', version = '0.1' }", Some("rt")),
            ("[dependencies.my-rt]\npackage = 'lzap'", Some("my_rt")),
            ("[target.'cfg(unix)'.dependencies]\nrt = { package = 'lzap' }", Some("rt")),
            ("[target.x86_64-unknown-linux-musl.dev-dependencies]\nrt = { package = 'lzap' }", Some("rt")),
            ("[dev-dependencies]\nrt = { package = 'lzap' }", Some("rt")),
            ("[package]\nname = 'lzap'\n[dev-dependencies]\nrt = { package = 'lzap' }", Some("lzap")),
            ("[dependencies]\nlzap = { package = 'lzap-fork' }", Some("lzap")),
            ("[dependencies]\nserde = '1'\n[build-dependencies]\nlzap = '0.1'", None),
            ("[package]\nname = 'app'", None),
        ] {
            let unread = |_: &DeValue<'_>| panic!("nothing is inherited in {manifest}");
            assert_eq!(find_name(manifest, unread).as_deref(), name, "{manifest}");
        }
    }

    #[test]
    fn find_name_prefers_names_that_the_library_can_use() {
        for (manifest, name) in [
            ("[dependencies]\nalso = { package = 'lzap' }\nlzap = '0.1'", "lzap"),
            ("[dependencies]\nlzap = '0.1'\nzoo = { package = 'lzap' }", "lzap"),
            ("[dependencies]\nrt = { package = 'lzap' }\n[dev-dependencies]\nlzap = '0.1'", "rt"),
            (
                "[dev-dependencies]\nlzap = '0.1'\n[target.'cfg(unix)'.dependencies]\nrt = { package = 'lzap' }",
                "rt",
            ),
            ("[dependencies]\nlzap = { package = 'other' }\nrt = { package = 'lzap' }", "rt"),
        ] {
            assert_eq!(find_in(manifest, "[workspace]").as_deref(), Some(name), "{manifest}");
        }
    }

    #[test]
    fn find_name_of_inherited_dependency_reads_the_workspace() {
        let workspace = "[workspace.dependencies]\nrt = { package = 'lzap', version = '0.1' }\nserde = '1'";
        for (manifest, name) in [
            ("[dependencies]\nrt = { workspace = true }", Some("rt")),
            (
                "[dependencies]\nserde.workspace = true\nrt = { workspace = true, features = ['map'] }",
                Some("rt"),
            ),
            ("[dependencies]\nlzap.workspace = true", Some("lzap")),
            ("[dependencies]\nserde.workspace = true", None),
        ] {
            assert_eq!(find_in(manifest, workspace).as_deref(), name, "{manifest}");
        }
    }

    #[test]
    fn find_name_in_what_is_not_toml_returns_lzap() {
        assert_eq!(find_in("---\nfn main() {}", "[workspace]").as_deref(), Some("lzap"));
    }
}
