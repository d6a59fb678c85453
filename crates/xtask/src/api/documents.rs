//! rustdoc's JSON of several crates, and how an item of one refers to an item of another.
//!
//! The JSON is read as plain values, not with the types of the crate `rustdoc-types`: each of its versions reads the format
//! of few versions of Rust, and this repository is for any version from its `rust-version` on. What is read here has been
//! the same since format 37 (2024). If a later format breaks it, types of the list in `external` are missing, and that
//! check fails.

use std::collections::BTreeMap;

use serde_json::Value;

/// The JSON of all documented crates, by their names as in Rust code (`lzap_map`).
#[derive(Debug, Default)]
pub(super) struct Documents(BTreeMap<String, Document>);

/// The JSON of one crate.
#[derive(Debug)]
struct Document {
    json: Value,
    /// The crate's own items by path and kind, as other crates refer to them. Modules on the path may be private.
    by_path: BTreeMap<(String, String), Value>,
}

/// An item of a documented crate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    document: &'a Document,
    json: &'a Value,
}

/// The item that an id stands for.
#[derive(Clone, Debug)]
pub(super) enum Target<'a> {
    Documented(Item<'a>),
    /// The path of an item in another crate, which begins with the crate's name.
    External(String),
}

impl Documents {
    /// Adds the JSON of the crate `name`.
    pub(super) fn add(&mut self, name: &str, json: Value) {
        let paths = json["paths"].as_object().into_iter().flatten();
        let own = paths.filter(|(_, path)| path["crate_id"] == 0);
        let by_path = own
            .map(|(id, path)| ((join_path(path), read_text(&path["kind"]).to_owned()), id.as_str().into()));
        let by_path = by_path.collect();
        self.0.insert(name.to_owned(), Document { json, by_path });
    }

    /// The root module of the crate `name`.
    pub(super) fn root(&self, name: &str) -> Option<Item<'_>> {
        let document = self.0.get(name)?;
        document.own_item(&document.json["root"])
    }

    /// The item that `id` stands for in the document of `from`. `None` for items that rustdoc leaves out, because they are
    /// hidden, and for parts of other crates' items.
    pub(super) fn resolve<'a>(&'a self, from: Item<'a>, id: &Value) -> Option<Target<'a>> {
        if let Some(item) = from.document.own_item(id) {
            return Some(Target::Documented(item));
        }
        let path = &from.document.json["paths"][id_text(id)];
        let name = path["path"][0].as_str()?;
        let elsewhere = self.0.get(name).and_then(|document| {
            let key = (join_path(path), read_text(&path["kind"]).to_owned());
            document.own_item(document.by_path.get(&key)?)
        });
        Some(elsewhere.map_or_else(|| Target::External(join_path(path)), Target::Documented))
    }
}

impl Document {
    /// The crate's own item with this id. The JSON contains parts of other crates' items as well.
    fn own_item(&self, id: &Value) -> Option<Item<'_>> {
        let json = self.json["index"].get(id_text(id))?;
        (json["crate_id"] == 0).then_some(Item { document: self, json })
    }
}

impl<'a> Item<'a> {
    /// The item's name; empty for re-exports and `impl` blocks.
    pub(super) fn name(self) -> &'a str {
        read_text(&self.json["name"])
    }

    /// The kind (`struct`, `use`, `impl`, …), and what it has.
    pub(super) fn inner(self) -> (&'a str, &'a Value) {
        let inner = self.json["inner"].as_object().and_then(|inner| inner.iter().next());
        inner.map_or(("", &Value::Null), |(kind, value)| (kind.as_str(), value))
    }

    /// True if the item itself is `pub`. Variants, and items of traits, have no visibility of their own.
    pub(super) fn is_public(self) -> bool {
        self.json["visibility"] == "public"
    }

    /// The doc comment in Markdown; empty if there is none.
    pub(super) fn docs(self) -> &'a str {
        read_text(&self.json["docs"])
    }

    /// The ids of the items that the doc comment links to.
    pub(super) fn links(self) -> impl Iterator<Item = &'a Value> {
        self.json["links"].as_object().into_iter().flat_map(|links| links.values())
    }

    /// The item's path in its own crate, such as `lzap_map::map::Map`; `None` for parts of an item.
    pub(super) fn own_path(self) -> Option<String> {
        let path = self.document.json["paths"].get(id_text(&self.json["id"]))?;
        Some(join_path(path))
    }

    /// True if both are the same item.
    pub(super) fn is(self, other: Self) -> bool {
        std::ptr::eq(self.json, other.json)
    }
}

/// An id as a key of the JSON's objects.
fn id_text(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

/// A path as in Rust code.
fn join_path(path: &Value) -> String {
    let parts: Vec<&str> = path["path"].as_array().into_iter().flatten().map(read_text).collect();
    parts.join("::")
}

/// A JSON string; empty where `value` is something else or missing.
pub(super) fn read_text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
