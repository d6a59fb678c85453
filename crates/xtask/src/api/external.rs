//! Compares the types of other crates in the API with a list: in signatures, bounds, fields and trait impls.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::documents::{Documents, Item, Target};
use super::list::List;
use super::surface::PublicItem;

/// The crates of Rust itself.
const STANDARD: [&str; 4] = ["alloc", "core", "proc_macro", "std"];

/// Returns one line for each type that is missing in the list, and for each line of the list that has become wrong.
pub(super) fn check(documents: &Documents, items: &[PublicItem<'_>], list: &List) -> Vec<String> {
    let found = find_external_types(documents, items);
    let unlisted = found.iter().filter(|(name, _)| !list.contains(name)).map(|(name, places)| {
        let first = places.iter().next().map_or("", String::as_str);
        let more = places.len() - 1;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{name}: in the API ({first}{more}), and not in {}", list.path)
    });
    let outdated = list.names().filter(|name| !found.contains_key(*name));
    let outdated = outdated.map(|name| format!("{name}: in {}, and no longer in the API", list.path));
    unlisted.chain(outdated).chain(list.problems()).collect()
}

/// Returns the types and traits in the API that users can't reach through the facade, each with the items that have it. They
/// belong to crates of registries, or to a crate below the facade that doesn't re-export them.
pub(super) fn find_external_types(
    documents: &Documents,
    items: &[PublicItem<'_>],
) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |name: String, place: &str| {
        let krate = name.split("::").next().unwrap_or_default();
        if !STANDARD.contains(&krate) {
            found.entry(name).or_default().insert(place.to_owned());
        }
    };
    for public in items {
        if let Some(external) = &public.external {
            add(external.clone(), &public.path);
        }
        let Some(item) = public.item else { continue };
        let mut ids = Vec::new();
        collect_type_ids(item.inner().1, &mut ids);
        for id in ids {
            match documents.resolve(item, id) {
                Some(Target::External(name)) => add(name, &public.path),
                Some(Target::Documented(used)) if !is_reachable(used, items) => {
                    add(used.own_path().unwrap_or_else(|| used.name().to_owned()), &public.path);
                }
                Some(Target::Documented(_)) | None => {}
            }
        }
    }
    found
}

/// True if users can name the item.
fn is_reachable(used: Item<'_>, items: &[PublicItem<'_>]) -> bool {
    items.iter().any(|public| public.item.is_some_and(|item| item.is(used)))
}

/// Collects the ids of all types and traits that are anywhere in a signature. rustdoc describes each with the same three
/// fields, so that no place in a signature can be forgotten.
fn collect_type_ids<'a>(json: &'a Value, ids: &mut Vec<&'a Value>) {
    match json {
        Value::Array(values) => values.iter().for_each(|value| collect_type_ids(value, ids)),
        Value::Object(fields) => {
            if fields.contains_key("path") && fields.contains_key("args") {
                ids.extend(fields.get("id"));
            }
            fields.values().for_each(|value| collect_type_ids(value, ids));
        }
        _ => {}
    }
}
