//! The modules of a crate: the names that each one has, and the resolution of paths to modules.
//!
//! This is a small part of Rust's name resolution. It does not expand macros, does not know the local names
//! of a function, and treats types and values alike. That is enough for cycles: a path whose first name is
//! unknown counts as another crate's.

use std::collections::{BTreeMap, BTreeSet};

use lzap_testkit::shell::{Failure, Result};
use syn::{Attribute, Item, ItemMod};

use super::paths::{Segments, collect_paths, flatten_use};

/// The most re-exports that a name may pass through. It ends the search in a cycle of re-exports.
const MAX_RE_EXPORTS: usize = 16;

/// The modules that each module depends on, by their paths in the crate.
pub(super) type Graph = BTreeMap<String, BTreeSet<String>>;

/// The meaning of a name in a module.
#[derive(Clone, Debug)]
enum Binding {
    /// A submodule, by its key.
    Module(String),
    /// An item that the module defines.
    Item,
    /// An imported or re-exported name.
    Import(Segments),
}

/// The names of a module and the paths in it.
#[derive(Debug, Default)]
struct Module {
    names: BTreeMap<String, Binding>,
    /// The paths of `use PATH::*`.
    globs: Vec<Segments>,
    /// All other paths that may lead into another module.
    paths: Vec<Segments>,
}

/// The modules of one crate by their paths, such as `map::machine`. The root is `crate`.
#[derive(Debug, Default)]
pub(super) struct Crate {
    modules: BTreeMap<String, Module>,
}

/// The location of a module's source.
struct ModuleFiles<'a> {
    /// All files of the repository by their paths.
    texts: &'a BTreeMap<&'a str, &'a str>,
    /// The folder of the files of submodules.
    folder: String,
}

impl Crate {
    /// Parses the file `root` and each file that it declares as a module. Fails if a file is missing or is
    /// not valid Rust.
    pub(super) fn parse(root: &str, texts: &BTreeMap<&str, &str>) -> Result<Self> {
        let mut whole = Self::default();
        let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        whole.add_file("crate", root, &ModuleFiles { texts, folder })?;
        Ok(whole)
    }

    /// Adds the module `key`, whose source is the file `path`, and its submodules.
    fn add_file(&mut self, key: &str, path: &str, place: &ModuleFiles<'_>) -> Result {
        let text = place.texts.get(path).ok_or_else(|| Failure::new(format!("{path} is not there")))?;
        let file = syn::parse_file(text).map_err(|error| Failure::new(format!("{path}: {error}")))?;
        self.add_module(key, &file.items, place)
    }

    /// Adds the module `key` with the given items, and its submodules. Items for tests are left out.
    fn add_module(&mut self, key: &str, items: &[Item], place: &ModuleFiles<'_>) -> Result {
        let mut module = Module::default();
        for item in items.iter().filter(|item| !list_attributes(item).iter().any(is_for_tests)) {
            match item {
                Item::Mod(child) => {
                    let name = child.ident.to_string();
                    let child_key = if key == "crate" { name.clone() } else { format!("{key}::{name}") };
                    self.add_child(&child_key, child, place)?;
                    module.names.insert(name, Binding::Module(child_key));
                }
                Item::Use(import) => module.add_use(&import.tree),
                item => {
                    if let Some(name) = find_defined_name(item) {
                        module.names.insert(name, Binding::Item);
                    }
                    collect_paths(item, &mut module.paths);
                }
            }
        }
        self.modules.insert(key.to_owned(), module);
        Ok(())
    }

    /// Adds a submodule, from its braces or from its file, as `rustc` would look for it. `#[path]` is not
    /// supported.
    fn add_child(&mut self, key: &str, child: &ItemMod, place: &ModuleFiles<'_>) -> Result {
        let folder = format!("{}/{}", place.folder, child.ident);
        let inside = ModuleFiles { texts: place.texts, folder: folder.clone() };
        if let Some((_, items)) = &child.content {
            return self.add_module(key, items, &inside);
        }
        let beside = format!("{folder}.rs");
        let path =
            if place.texts.contains_key(beside.as_str()) { beside } else { format!("{folder}/mod.rs") };
        self.add_file(key, &path, &inside)
    }

    /// Returns the dependencies of each module on other modules of the crate.
    pub(super) fn build_graph(&self) -> Graph {
        let dependencies = |(key, module): (&String, &Module)| {
            let imports = module.names.values().filter_map(|binding| match binding {
                Binding::Import(path) => Some(path),
                Binding::Module(_) | Binding::Item => None,
            });
            let paths = imports.chain(&module.globs).chain(&module.paths);
            let leads_to = paths.filter_map(|path| self.resolve_path(key, path, 0));
            let others: BTreeSet<String> = leads_to.map(|end| end.module).filter(|it| it != key).collect();
            (key.clone(), others)
        };
        self.modules.iter().map(dependencies).collect()
    }

    /// Returns the end of `path`, which is written in the module `from`, or `None` if it leads out of the
    /// crate. `depth` counts the re-exports on the way.
    fn resolve_path(&self, from: &str, path: &[String], depth: usize) -> Option<PathEnd> {
        let mut at = PathEnd { module: from.to_owned(), is_item: false };
        for (place, name) in path.iter().enumerate() {
            if at.is_item {
                // An associated item or a variant of the item that was found.
                return Some(at);
            }
            at = match name.as_str() {
                "crate" => PathEnd { module: "crate".to_owned(), is_item: false },
                "self" => at,
                "super" => PathEnd { module: parent_module(&at.module), is_item: false },
                name => match self.look_up_name(&at.module, name, depth) {
                    Some(end) => end,
                    // A name that the crate does not have is another crate's, or of the prelude.
                    None if place == 0 => return None,
                    // A name that a macro defines.
                    None => PathEnd { module: at.module, is_item: true },
                },
            };
        }
        Some(at)
    }

    /// Returns the end of a single name in `module`, following imports and then globs; `None` if the crate
    /// does not define it.
    fn look_up_name(&self, module: &str, name: &str, depth: usize) -> Option<PathEnd> {
        if depth > MAX_RE_EXPORTS {
            return None;
        }
        let names = self.modules.get(module)?;
        match names.names.get(name) {
            Some(Binding::Module(key)) => Some(PathEnd { module: key.clone(), is_item: false }),
            Some(Binding::Item) => Some(PathEnd { module: module.to_owned(), is_item: true }),
            Some(Binding::Import(path)) => self.resolve_import(module, name, path, depth),
            None => names.globs.iter().find_map(|glob| {
                let end = self.resolve_path(module, glob, depth + 1)?;
                self.look_up_name(&end.module, name, depth + 1)
            }),
        }
    }

    /// Follows an import. One that begins with its own name, such as `use serde::de` in a module with the
    /// name `serde`, means another crate.
    fn resolve_import(&self, module: &str, name: &str, path: &[String], depth: usize) -> Option<PathEnd> {
        let is_itself = path.first().is_some_and(|first| first == name);
        if is_itself { None } else { self.resolve_path(module, path, depth + 1) }
    }
}

/// The end of a resolved path.
#[derive(Clone, Debug)]
struct PathEnd {
    /// The module that it leads to, or that defines the item that it leads to.
    module: String,
    is_item: bool,
}

impl Module {
    /// Adds the names that a `use` imports, and its globs.
    fn add_use(&mut self, tree: &syn::UseTree) {
        for leaf in flatten_use(tree) {
            match leaf.name {
                // `use x as _` brings only a trait's methods, but depends on the module all the same.
                Some(name) if name == "_" => self.paths.push(leaf.path),
                Some(name) => {
                    self.names.insert(name, Binding::Import(leaf.path));
                }
                None => self.globs.push(leaf.path),
            }
        }
    }
}

/// Returns the path of the parent module; the parent of a top module is `crate`.
fn parent_module(module: &str) -> String {
    module.rsplit_once("::").map_or("crate", |(parent, _)| parent).to_owned()
}

/// Returns whether the attribute limits an item to tests: `#[cfg(test)]` or `#[test]`.
fn is_for_tests(attribute: &Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return attribute.path().is_ident("test") };
    attribute.path().is_ident("cfg") && list.tokens.to_string() == "test"
}

/// Returns the attributes of an item. Rare kinds, such as unions and macros, are treated as if they had none.
fn list_attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

/// Returns the name that an item defines in its module; `None` for `impl` blocks and for `use`, which is
/// handled apart.
fn find_defined_name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(it) => &it.ident,
        Item::Enum(it) => &it.ident,
        Item::Fn(it) => &it.sig.ident,
        Item::Static(it) => &it.ident,
        Item::Struct(it) => &it.ident,
        Item::Trait(it) => &it.ident,
        Item::TraitAlias(it) => &it.ident,
        Item::Type(it) => &it.ident,
        Item::Union(it) => &it.ident,
        Item::Macro(it) => it.ident.as_ref()?,
        _ => return None,
    };
    Some(name.to_string())
}
