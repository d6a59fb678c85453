//! The workspace's packages, as `cargo metadata` describes them. Crates from registries are not included,
//! except as dependencies.

use lzap_testkit::shell::{Result, cargo, quiet_output};
use serde_json::Value;

/// A package of the workspace. Kept as JSON: the crate `cargo_metadata` would be one more dependency that
/// each `cargo xtask` on a fresh machine compiles first.
#[derive(Clone, Debug)]
pub(crate) struct Package(Value);

/// A dependency that a package declares, for any target, feature or purpose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dependency<'a>(&'a Value);

/// Returns the workspace's packages. Runs `cargo metadata`, and needs no network.
pub(crate) fn read_packages() -> Result<Vec<Package>> {
    // Without `--no-deps` cargo would resolve the dependencies too, and fetch those that are missing.
    let metadata = quiet_output(cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    Ok(list_items(&metadata["packages"]).cloned().map(Package).collect())
}

impl Package {
    /// The package's name, which is the crate's name with hyphens.
    pub(crate) fn name(&self) -> &str {
        read_text(&self.0["name"])
    }

    /// The names of the features that it declares, `default` included.
    pub(crate) fn features(&self) -> impl Iterator<Item = &str> {
        self.0["features"].as_object().into_iter().flat_map(|features| features.keys().map(String::as_str))
    }

    /// The names of its integration test targets, as `cargo test --test NAME` takes them.
    pub(crate) fn test_targets(&self) -> impl Iterator<Item = &str> {
        let is_test = |target: &&Value| list_items(&target["kind"]).any(|kind| kind == "test");
        list_items(&self.0["targets"]).filter(is_test).map(|target| read_text(&target["name"]))
    }

    /// All dependencies that it declares: normal ones, and those of build scripts and of tests.
    pub(crate) fn dependencies(&self) -> impl Iterator<Item = Dependency<'_>> {
        list_items(&self.0["dependencies"]).map(Dependency)
    }
}

impl<'a> Dependency<'a> {
    /// The name of the package that is used, whatever the dependency is renamed to.
    pub(crate) fn name(self) -> &'a str {
        read_text(&self.0["name"])
    }

    /// Returns whether it is a crate of this repository: cargo writes `path` for path dependencies only.
    pub(crate) fn is_internal(self) -> bool {
        self.0["path"].is_string()
    }

    /// Returns whether only tests and benchmarks use it (`[dev-dependencies]`).
    pub(crate) fn is_for_tests(self) -> bool {
        self.0["kind"] == "dev"
    }
}

/// The items of a JSON array; none where `value` is something else or missing.
fn list_items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A JSON string; empty where `value` is something else or missing.
fn read_text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
