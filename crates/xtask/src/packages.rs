//! The workspace's packages, as `cargo metadata` describes them.

use lzap_testkit::shell::{Result, cargo, quiet_output};
use serde_json::Value;

/// A package of the workspace.
#[derive(Clone, Debug)]
pub(crate) struct Package(Value);

/// A dependency of a package.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dependency<'a>(&'a Value);

/// Reads the workspace's packages.
pub(crate) fn read_packages() -> Result<Vec<Package>> {
    let metadata = quiet_output(cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    Ok(list_items(&metadata["packages"]).cloned().map(Package).collect())
}

impl Package {
    /// The package's name.
    pub(crate) fn name(&self) -> &str {
        read_text(&self.0["name"])
    }

    /// The names of its features.
    pub(crate) fn features(&self) -> impl Iterator<Item = &str> {
        self.0["features"].as_object().into_iter().flat_map(|features| features.keys().map(String::as_str))
    }

    /// The names of its integration test targets.
    pub(crate) fn test_targets(&self) -> impl Iterator<Item = &str> {
        let is_test = |target: &&Value| list_items(&target["kind"]).any(|kind| kind == "test");
        list_items(&self.0["targets"]).filter(is_test).map(|target| read_text(&target["name"]))
    }

    /// What it depends on, whatever for.
    pub(crate) fn dependencies(&self) -> impl Iterator<Item = Dependency<'_>> {
        list_items(&self.0["dependencies"]).map(Dependency)
    }
}

impl<'a> Dependency<'a> {
    /// The name of the package that it means.
    pub(crate) fn name(self) -> &'a str {
        read_text(&self.0["name"])
    }

    /// Whether it lies in this repository.
    pub(crate) fn is_internal(self) -> bool {
        self.0["path"].is_string()
    }

    /// Whether only tests and benchmarks use it.
    pub(crate) fn is_for_tests(self) -> bool {
        self.0["kind"] == "dev"
    }
}

fn list_items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn read_text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
