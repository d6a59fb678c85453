//! The release profile: lzap's choice for each key that the user left open.

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item};

use crate::project::Project;

/// Key, value. `opt-level` stays at cargo's 3: on the CSV example `"s"` halves the speed and saves half a megabyte at most.
/// Panics unwind, which is cargo's default: the runtime answers a panic with a 500, an abort costs a cold start.
const CHOICES: &[(&str, &str)] = &[("lto", "thin"), ("codegen-units", "1"), ("strip", "true")];

/// Returns the environment variables for cargo that set what the user didn't. Cargo prefers a variable to the
/// manifest and to its configuration files, so a key that the user set anywhere is left out.
pub(crate) fn unset_profile_variables(project: &Project) -> Vec<(String, String)> {
    let files = read_profile_files(project);
    CHOICES
        .iter()
        .filter(|(key, _)| !files.iter().any(|file| has_profile_key(file, key)))
        .map(|(key, value)| (profile_variable(key), (*value).to_owned()))
        // A variable of the user wins over lzap's choice, as it wins over a file.
        .filter(|(name, _)| std::env::var_os(name).is_none())
        .collect()
}

/// Returns whether the user's own profile aborts on a panic, in any of the places where cargo reads it.
pub(crate) fn aborts_on_panic(project: &Project) -> bool {
    let in_file = read_profile_files(project)
        .iter()
        .any(|file| read_profile_value(file, "panic").as_deref() == Some("abort"));
    in_file || std::env::var_os(profile_variable("panic")).is_some_and(|it| it == "abort")
}

/// Returns the environment variable for a key of the release profile: `CARGO_PROFILE_RELEASE_CODEGEN_UNITS`.
/// Cargo: <https://doc.rust-lang.org/cargo/reference/config.html#profile>
fn profile_variable(key: &str) -> String {
    format!("CARGO_PROFILE_RELEASE_{}", key.replace('-', "_").to_uppercase())
}

/// Returns the workspace's manifest and cargo's configuration files: those in `.cargo` of the package's
/// folder and all folders above, then those of cargo's home. What can't be read, cargo itself will complain
/// about.
fn read_profile_files(project: &Project) -> Vec<DocumentMut> {
    let configs = project.root.ancestors().map(|folder| folder.join(".cargo"));
    let configs = configs.chain(cargo_home()).flat_map(|it| [it.join("config.toml"), it.join("config")]);
    // Cargo ignores the profiles in the manifests of a workspace's members.
    std::iter::once(project.workspace_root.join("Cargo.toml"))
        .chain(configs)
        .filter_map(|path| read_toml(&path))
        .collect()
}

/// Returns cargo's home folder, where its user-wide configuration is.
fn cargo_home() -> Option<PathBuf> {
    std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(".cargo")))
}

/// Returns the file as TOML; `None` if it doesn't exist or isn't TOML.
fn read_toml(path: &Path) -> Option<DocumentMut> {
    fs_err::read_to_string(path).ok()?.parse().ok()
}

/// Returns the item `key` of `[profile.release]`.
fn find_profile_item<'f>(file: &'f DocumentMut, key: &str) -> Option<&'f Item> {
    file.get("profile")?.get("release")?.get(key)
}

/// Returns whether the file sets `key` for the release profile.
fn has_profile_key(file: &DocumentMut, key: &str) -> bool {
    find_profile_item(file, key).is_some()
}

/// Returns the string that the file sets for `key`.
fn read_profile_value(file: &DocumentMut, key: &str) -> Option<String> {
    find_profile_item(file, key)?.as_str().map(ToOwned::to_owned)
}
