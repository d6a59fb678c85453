//! Facts from the resolved dependencies: the web framework, the runtime crate's features, and whether C is compiled.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cargo_metadata::{DependencyKind, Metadata, Node, NodeDep, Package, PackageId};

use crate::openssl;

/// Frameworks by the crate's name, the one that wins first: `warp` and `poem` bring `hyper` in, an app names
/// its own. Only the package's own dependencies are compared.
const FRAMEWORKS: &[&str] =
    &["axum", "actix-web", "rocket", "warp", "poem", "salvo", "ntex", "tide", "viz", "gotham", "hyper"];

/// Build dependencies of crates that compile C, or link a system library.
const C_TOOLS: &[&str] = &["autotools", "cc", "cmake", "metadeps", "pkg-config", "system-deps", "vcpkg"];

/// The runtime crate as cargo resolved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LzapDependency {
    /// Its version.
    pub version: String,
    /// Its features that are on.
    pub features: BTreeSet<String>,
}

/// The facts of [`crate::project::Project`] that come from the graph; see there for the fields.
pub(crate) struct Found {
    pub(crate) direct: BTreeSet<String>,
    pub(crate) framework: Option<&'static str>,
    pub(crate) lzap: Option<LzapDependency>,
    pub(crate) c_dependency: Option<String>,
    pub(crate) without_openssl: Option<String>,
}

/// Returns what `metadata` says about the package `root`.
pub(crate) fn read_dependencies(metadata: &Metadata, root: &PackageId) -> Found {
    let graph = Graph::new(metadata);
    let direct: BTreeMap<&str, &PackageId> =
        graph.normal_dependencies(root).map(|id| (graph.name(id), id)).collect();
    Found {
        framework: FRAMEWORKS.iter().copied().find(|name| direct.contains_key(name)),
        lzap: direct.get("lzap").map(|id| graph.lzap_dependency(id)),
        c_dependency: graph.compiles_c(root),
        without_openssl: graph.without_openssl(root),
        direct: direct.into_keys().map(ToOwned::to_owned).collect(),
    }
}

/// Returns whether a package really has the dependency `name` with its features. Cargo's metadata lists
/// optional ones too that only a weak feature (`ring?/alloc`) names: `rustls` without a provider seems to
/// have `ring`.
fn is_wanted(node: &Node, package: &Package, name: &str) -> bool {
    let mut entries = package.dependencies.iter().filter(|dependency| dependency.name == name).peekable();
    if entries.peek().is_none() {
        return true;
    }
    let enabled: Vec<&str> = node.features.iter().map(|feature| feature.as_str()).collect();
    entries.any(|entry| {
        // Features name a renamed dependency by its new name.
        let key = entry.rename.as_deref().unwrap_or(name);
        !entry.optional || enabled.iter().any(|feature| turns_on(feature, &package.features, key))
    })
}

/// Returns whether an enabled feature is the dependency's own, or turns it on: `dep:NAME`, `NAME` and
/// `NAME/FEATURE` do, the weak `NAME?/FEATURE` doesn't.
/// Cargo: <https://rust-lang.github.io/rfcs/3143-cargo-weak-namespaced-features.html>
fn turns_on(feature: &str, features: &BTreeMap<String, Vec<String>>, dependency: &str) -> bool {
    let asks = |part: &str| {
        let part = part.strip_prefix("dep:").unwrap_or(part);
        part == dependency || part.split_once('/').is_some_and(|(name, _)| name == dependency)
    };
    feature == dependency || features.get(feature).is_some_and(|parts| parts.iter().any(|part| asks(part)))
}

/// The resolved dependency graph, indexed by package.
struct Graph<'m> {
    packages: HashMap<&'m PackageId, &'m Package>,
    /// The resolved dependencies and features of each package.
    nodes: HashMap<&'m PackageId, &'m Node>,
}

impl<'m> Graph<'m> {
    fn new(metadata: &'m Metadata) -> Self {
        let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
        Self {
            packages: metadata.packages.iter().map(|package| (&package.id, package)).collect(),
            nodes: nodes.map(|node| (&node.id, node)).collect(),
        }
    }

    /// Returns the package's name; an empty one, which no list of crates contains, for an unknown package.
    fn name(&self, id: &PackageId) -> &'m str {
        self.packages.get(id).map_or("", |package| package.name.as_str())
    }

    /// Returns the enabled dependencies of `id` of one kind. A crate can be a dependency of several kinds at
    /// once.
    fn dependencies_of_kind(
        &self,
        id: &PackageId,
        kind: DependencyKind,
    ) -> impl Iterator<Item = &'m PackageId> {
        let deps: &'m [NodeDep] = self.nodes.get(id).map_or(&[], |node| &node.deps);
        let (node, package) = (self.nodes.get(id).copied(), self.packages.get(id).copied());
        let of_kind = move |dep: &&NodeDep| dep.dep_kinds.iter().any(|it| it.kind == kind);
        let wanted = move |dep: &&NodeDep| match (node, package) {
            (Some(node), Some(package)) => is_wanted(node, package, self.name(&dep.pkg)),
            _ => true,
        };
        deps.iter().filter(of_kind).filter(wanted).map(|dep| &dep.pkg)
    }

    /// Returns the dependencies that are linked into `id`, as opposed to those of its build script and its
    /// tests.
    fn normal_dependencies(&self, id: &PackageId) -> impl Iterator<Item = &'m PackageId> {
        self.dependencies_of_kind(id, DependencyKind::Normal)
    }

    /// Returns the version and the enabled features of the runtime crate `id`.
    fn lzap_dependency(&self, id: &PackageId) -> LzapDependency {
        let features = self.nodes.get(id).map(|node| &node.features);
        LzapDependency {
            version: self.packages.get(id).map_or_else(String::new, |package| package.version.to_string()),
            features: features.into_iter().flatten().map(ToString::to_string).collect(),
        }
    }

    /// Returns the first crate, by name, that ends up in the binary and needs a C toolchain. One is enough
    /// for the choice of the linker and its reason; the order keeps messages the same from run to run.
    fn compiles_c(&self, root: &PackageId) -> Option<String> {
        let found: BTreeSet<_> = self
            .linked_crates(root)
            .into_iter()
            .filter(|id| self.needs_c(id))
            .map(|id| self.name(id))
            .collect();
        found.first().map(|name| (*name).to_owned())
    }

    /// Returns the change that takes OpenSSL out of the binary, for the first dependency, by name, that chose
    /// it; `None` if OpenSSL isn't in it, or only the package itself chose it.
    fn without_openssl(&self, root: &PackageId) -> Option<String> {
        let is_choice = |id: &PackageId| openssl::CHOICES.contains(&self.name(id));
        let linked = self.linked_crates(root);
        linked.iter().find(|id| self.name(id) == "openssl-sys")?;
        let chose =
            |id: &&PackageId| *id != root && !is_choice(id) && self.normal_dependencies(id).any(is_choice);
        let culprits: BTreeMap<_, _> = linked
            .into_iter()
            .filter(chose)
            .filter_map(|id| Some((self.name(id), self.packages.get(id)?)))
            .collect();
        let (name, package) = culprits.first_key_value()?;
        Some(openssl::describe_rustls_change(name, &package.version))
    }

    /// Returns the crates that are linked into the binary, `root` among them. Dependencies of a procedural
    /// macro run in the compiler, on this machine, and don't count.
    fn linked_crates(&self, root: &PackageId) -> BTreeSet<&'m PackageId> {
        let mut open: Vec<&PackageId> =
            self.nodes.get_key_value(root).map(|(id, _)| *id).into_iter().collect();
        let mut seen: BTreeSet<&PackageId> = open.iter().copied().collect();
        while let Some(id) = open.pop() {
            open.extend(self.normal_dependencies(id).filter(|dep| !self.is_macro(dep) && seen.insert(dep)));
        }
        seen
    }

    /// Returns whether the package compiles C or links a system library. `links` alone says little:
    /// `rayon-core` has it to be there only once. With `-sys` in the name it is a library.
    fn needs_c(&self, id: &PackageId) -> bool {
        let uses_tool =
            self.dependencies_of_kind(id, DependencyKind::Build).any(|dep| C_TOOLS.contains(&self.name(dep)));
        let is_sys = self.packages.get(id).is_some_and(|it| it.links.is_some() && it.name.ends_with("-sys"));
        uses_tool || is_sys
    }

    /// Returns whether the package is a procedural macro.
    fn is_macro(&self, id: &PackageId) -> bool {
        self.packages.get(id).is_some_and(|it| it.targets.iter().any(cargo_metadata::Target::is_proc_macro))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weak_feature_asks_for_nothing() {
        let parts = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
        let features = BTreeMap::from([
            ("alloc".to_owned(), parts(&["ring?/alloc"])),
            ("provider".to_owned(), parts(&["dep:ring"])),
            ("strong".to_owned(), parts(&["ring/std"])),
            ("plain".to_owned(), parts(&["ring"])),
        ]);
        for (feature, on) in [
            ("alloc", false),
            ("provider", true),
            ("strong", true),
            ("plain", true),
            ("ring", true),
            ("std", false),
        ] {
            assert_eq!(turns_on(feature, &features, "ring"), on, "{feature}");
        }
    }
}
