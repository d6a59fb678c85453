//! Lists what users of the facade can reach: its own public items, and those that it re-exports.

use std::collections::BTreeSet;

use lzap_testkit::shell::{Failure, Result};
use serde_json::Value;

use super::documents::{Documents, Item, Target, read_text};

/// An item that users can name, or a part of one.
#[derive(Debug)]
pub(super) struct PublicItem<'a> {
    /// The path for users, such as `lzap::Map::chunk`.
    pub(super) path: String,
    /// The item, which may be in another crate than the facade; `None` if that crate isn't documented.
    pub(super) item: Option<Item<'a>>,
    /// The re-exports on the way from the facade to the item. Their docs come before the item's own.
    pub(super) reexports: Vec<Item<'a>>,
    /// The path of an item in a crate that isn't documented.
    pub(super) external: Option<String>,
    part: bool,
}

impl PublicItem<'_> {
    /// True if the item must have an example. Fields, variants and trait impls are covered by their type's.
    pub(super) fn needs_example(&self) -> bool {
        !self.part
    }
}

/// Returns all items that are reachable from the root of the crate `facade`, sorted by path.
///
/// # Errors
/// When the crate isn't among the documents.
pub(super) fn list_public_items<'a>(documents: &'a Documents, facade: &str) -> Result<Vec<PublicItem<'a>>> {
    let root =
        documents.root(facade).ok_or_else(|| Failure::new(format!("no JSON of the crate `{facade}`")))?;
    let mut walk = Walk { documents, items: Vec::new(), seen: BTreeSet::new() };
    walk.visit_item(root, facade, Vec::new());
    walk.items.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(walk.items)
}

struct Walk<'a> {
    documents: &'a Documents,
    items: Vec<PublicItem<'a>>,
    /// The paths and kinds of the visited items. Modules may re-export each other in a circle.
    seen: BTreeSet<(String, &'a str)>,
}

impl<'a> Walk<'a> {
    /// Adds an item that users know as `path`, and what it contains.
    fn visit_item(&mut self, item: Item<'a>, path: &str, reexports: Vec<Item<'a>>) {
        let (kind, inner) = item.inner();
        if kind == "use" {
            return self.visit_reexport(item, inner, path, reexports);
        }
        if !self.seen.insert((path.to_owned(), kind)) {
            return;
        }
        self.add(item, path.to_owned(), reexports, false);
        match kind {
            "module" => self.visit_children(item, &inner["items"], path),
            "struct" | "union" => {
                let fields = ["plain", "fields", "tuple"];
                self.visit_parts(item, &find_lists(inner, &fields), path);
                self.visit_impls(item, &inner["impls"], path);
            }
            "enum" => {
                self.visit_parts(item, &find_lists(inner, &["variants"]), path);
                self.visit_impls(item, &inner["impls"], path);
            }
            // Items of a trait have no visibility of their own.
            "trait" => {
                for method in self.own_items(item, &inner["items"]) {
                    self.add(method, format!("{path}::{}", method.name()), Vec::new(), false);
                }
            }
            _ => {}
        }
    }

    /// Adds the items of a module.
    fn visit_children(&mut self, module: Item<'a>, ids: &Value, path: &str) {
        for child in self.own_items(module, ids) {
            if !child.is_public() {
                continue;
            }
            // A re-export's name is part of `inner`, and `visit_reexport` adds it.
            let path =
                if child.inner().0 == "use" { path.to_owned() } else { format!("{path}::{}", child.name()) };
            self.visit_item(child, &path, Vec::new());
        }
    }

    /// Follows a re-export in the module `path`.
    fn visit_reexport(
        &mut self,
        reexport: Item<'a>,
        inner: &Value,
        path: &str,
        mut reexports: Vec<Item<'a>>,
    ) {
        let target = self.documents.resolve(reexport, &inner["id"]);
        if inner["is_glob"] == true {
            if let Some(Target::Documented(module)) = target {
                self.visit_children(module, &module.inner().1["items"], path);
            }
            return;
        }
        // Of a chain of re-exports, the first has the name that users see.
        let path = if reexports.is_empty() {
            format!("{path}::{}", read_text(&inner["name"]))
        } else {
            path.to_owned()
        };
        reexports.push(reexport);
        match target {
            Some(Target::Documented(item)) => self.visit_item(item, &path, reexports),
            Some(Target::External(external)) => self.items.push(PublicItem {
                path,
                item: None,
                reexports,
                external: Some(external),
                part: false,
            }),
            None => {}
        }
    }

    /// Adds the public fields of a struct, or the variants of an enum with their fields.
    fn visit_parts(&mut self, owner: Item<'a>, ids: &[Value], path: &str) {
        for part in self.own_items(owner, &Value::Array(ids.to_vec())) {
            let (kind, inner) = part.inner();
            // rustdoc leaves out private fields.
            let path = format!("{path}::{}", part.name());
            self.add(part, path.clone(), Vec::new(), true);
            if kind == "variant" {
                self.visit_parts(part, &find_lists(inner, &["tuple", "fields"]), &path);
            }
        }
    }

    /// Adds the methods of a type, and the traits that it implements. Blanket impls of other crates, and auto traits, are
    /// left out: they say nothing about this type.
    fn visit_impls(&mut self, owner: Item<'a>, ids: &Value, path: &str) {
        for block in self.own_items(owner, ids) {
            let inner = block.inner().1;
            if !inner["blanket_impl"].is_null() || inner["is_synthetic"] == true {
                continue;
            }
            let of_trait = inner["trait"]["path"].as_str();
            let path = of_trait.map_or_else(|| path.to_owned(), |of| format!("<{path} as {of}>"));
            self.add(block, path.clone(), Vec::new(), true);
            for child in self.own_items(block, &inner["items"]) {
                if of_trait.is_some() || child.is_public() {
                    self.add(child, format!("{path}::{}", child.name()), Vec::new(), of_trait.is_some());
                }
            }
        }
    }

    fn add(&mut self, item: Item<'a>, path: String, reexports: Vec<Item<'a>>, part: bool) {
        self.items.push(PublicItem { path, item: Some(item), reexports, external: None, part });
    }

    /// The items with these ids that belong to the crate of `owner`.
    fn own_items(&self, owner: Item<'a>, ids: &Value) -> Vec<Item<'a>> {
        let ids = ids.as_array().into_iter().flatten();
        let targets = ids.filter_map(|id| self.documents.resolve(owner, id));
        let documented = |target| if let Target::Documented(item) = target { Some(item) } else { None };
        targets.filter_map(documented).collect()
    }
}

/// The ids in the lists called `names`, anywhere in `inner`. Kinds of structs and variants have them at different places.
fn find_lists(inner: &Value, names: &[&str]) -> Vec<Value> {
    let Some(fields) = inner.as_object() else { return Vec::new() };
    let mut ids = Vec::new();
    for (name, value) in fields {
        match value {
            // The private fields of a tuple are `null`.
            Value::Array(listed) if names.contains(&name.as_str()) => {
                ids.extend(listed.iter().filter(|id| !id.is_null()).cloned());
            }
            _ => ids.extend(find_lists(value, names)),
        }
    }
    ids
}
