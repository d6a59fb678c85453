//! The modules of a crate: which names each has, and where a path leads.

use std::collections::{BTreeMap, BTreeSet};

use lzap_testkit::shell::{Failure, Result};
use syn::{Attribute, Item, ItemMod};

use super::paths::{Segments, collect_paths, flatten_use};

/// How many re-exports a name may pass through; more is a cycle of re-exports.
const MAX_RE_EXPORTS: usize = 16;

/// Which modules a module depends on.
pub(super) type Graph = BTreeMap<String, BTreeSet<String>>;

/// What a name in a module stands for.
#[derive(Clone, Debug)]
enum Binding {
    /// A submodule, by its key.
    Module(String),
    /// An item that the module defines.
    Item,
    /// An imported or re-exported name.
    Import(Segments),
}

/// A module's names and the paths that it uses.
#[derive(Debug, Default)]
struct Module {
    names: BTreeMap<String, Binding>,
    /// `use PATH::*`.
    globs: Vec<Segments>,
    /// Every other path that may lead into another module.
    paths: Vec<Segments>,
}

/// The modules of one crate by their paths, as `map::machine`; the root is `crate`.
#[derive(Debug, Default)]
pub(super) struct Crate {
    modules: BTreeMap<String, Module>,
}

/// Where a file's modules are looked for.
struct ModuleFiles<'a> {
    texts: &'a BTreeMap<&'a str, &'a str>,
    /// The folder of the files of submodules.
    folder: String,
}

impl Crate {
    /// Parses the file `root` and each file that it declares as a module.
    pub(super) fn parse(root: &str, texts: &BTreeMap<&str, &str>) -> Result<Self> {
        let mut whole = Self::default();
        let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        whole.add_file("crate", root, &ModuleFiles { texts, folder })?;
        Ok(whole)
    }

    fn add_file(&mut self, key: &str, path: &str, place: &ModuleFiles<'_>) -> Result {
        let text = place.texts.get(path).ok_or_else(|| Failure::new(format!("{path} is not there")))?;
        let file = syn::parse_file(text).map_err(|error| Failure::new(format!("{path}: {error}")))?;
        self.add_module(key, &file.items, place)
    }

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

    /// Each module's dependencies on other modules of the crate.
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

    /// Where `path`, written in the module `from`, leads; `None` when it leads out of the crate.
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

    /// An import that begins with its own name, as `use serde::de`, means another crate.
    fn resolve_import(&self, module: &str, name: &str, path: &[String], depth: usize) -> Option<PathEnd> {
        let is_itself = path.first().is_some_and(|first| first == name);
        if is_itself { None } else { self.resolve_path(module, path, depth + 1) }
    }
}

/// The end of a path.
#[derive(Clone, Debug)]
struct PathEnd {
    /// The module that it leads to, or that defines the item that it leads to.
    module: String,
    is_item: bool,
}

impl Module {
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

fn parent_module(module: &str) -> String {
    module.rsplit_once("::").map_or("crate", |(parent, _)| parent).to_owned()
}

/// `#[cfg(test)]`, and whatever else is compiled for tests only.
fn is_for_tests(attribute: &Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return attribute.path().is_ident("test") };
    attribute.path().is_ident("cfg") && list.tokens.to_string() == "test"
}

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
