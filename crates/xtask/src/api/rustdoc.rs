//! Runs rustdoc with JSON as its output.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use fs_err as fs;
use lzap_testkit::shell::{Result, call, cargo};
use lzap_testkit::target;
use serde_json::Value;

use super::documents::Documents;
use crate::packages::{Package, read_packages};

/// The flags with which rustdoc writes JSON. The format is not stable, and neither are the flags. Warnings are the business of
/// the stage `docs`.
pub(super) const JSON_FLAGS: &str = "-Z unstable-options --output-format json --cap-lints allow";

/// Documents `facade` and the crates of the workspace below it, with all features, and reads the JSON.
///
/// # Errors
/// When a crate doesn't compile.
pub(super) fn document_runtime_crates(facade: &str) -> Result<Documents> {
    let packages = read_packages()?;
    let names = find_crates_below(facade, &packages);
    let mut document = cargo();
    // The same crates and features as in the stage `features`, which has compiled their dependencies.
    document.args(["doc", "--no-deps", "--locked", "--quiet", "--lib", "--all-features"]);
    document.args(names.iter().flat_map(|name| ["--package", name]));
    document
        .env("RUSTDOC", write_wrapper()?)
        .env("RUSTDOCFLAGS", JSON_FLAGS)
        .env("CARGO_NET_OFFLINE", "true");
    call(&mut document)?;
    let mut documents = Documents::default();
    for name in names {
        let name = name.replace('-', "_");
        let json = fs::read_to_string(target().join("doc").join(format!("{name}.json")))?;
        documents.add(&name, serde_json::from_str::<Value>(&json)?);
    }
    Ok(documents)
}

/// The names of `facade` and of all crates of the workspace that it uses.
fn find_crates_below(facade: &str, packages: &[Package]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![facade.to_owned()];
    while let Some(name) = open.pop() {
        let package = packages.iter().find(|package| package.name() == name);
        let used = package.into_iter().flat_map(Package::dependencies);
        let used = used.filter(|dependency| dependency.is_internal() && !dependency.is_for_tests());
        if found.insert(name.clone()) {
            open.extend(used.map(|dependency| dependency.name().to_owned()));
        }
    }
    found
}

/// Writes a script that permits rustdoc its unstable options, and returns its path.
///
/// `RUSTC_BOOTSTRAP` for all of cargo would do the same, but build scripts (that of proc-macro2 among them) run again when
/// it changes, and all crates that depend on theirs would be compiled again.
fn write_wrapper() -> Result<PathBuf> {
    let wrapper = target().join("api/rustdoc");
    let script = format!("#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec '{}' \"$@\"\n", find_rustdoc().display());
    if fs::read_to_string(&wrapper).ok().as_deref() != Some(script.as_str()) {
        fs::create_dir_all(target().join("api"))?;
        fs::write(&wrapper, script)?;
        fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(wrapper)
}

/// The rustdoc beside the cargo that runs this task, or the one on `PATH`.
pub(super) fn find_rustdoc() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_default();
    let beside = Path::new(&cargo).with_file_name("rustdoc");
    if beside.is_absolute() && beside.exists() { beside } else { PathBuf::from("rustdoc") }
}
