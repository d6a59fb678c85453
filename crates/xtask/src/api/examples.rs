//! Checks that each public item has an example, or a link to an item that has one.

use super::documents::{Documents, Item, Target};
use super::list::List;
use super::surface::PublicItem;

/// Returns one line for each item without an example that isn't in the list, and for each line of the list that has become
/// wrong.
pub(super) fn check(documents: &Documents, items: &[PublicItem<'_>], list: &List) -> Vec<String> {
    let without = |item: &&PublicItem<'_>| item.needs_example() && !has_example_or_link(documents, item);
    let bare: Vec<&str> = items.iter().filter(without).map(|item| item.path.as_str()).collect();
    let missing = bare.iter().filter(|path| !list.contains(path));
    let missing = missing.map(|path| format!("{path}: its docs have neither an example nor a link to one"));
    let outdated = list.names().filter(|name| !bare.contains(name));
    let outdated = outdated.map(|name| format!("{name}: in {}, and it has an example", list.path));
    missing.chain(outdated).chain(list.problems()).collect()
}

/// True if the docs of the item, or of a re-export on the way to it, have an example or a link to one.
fn has_example_or_link(documents: &Documents, public: &PublicItem<'_>) -> bool {
    public.reexports.iter().copied().chain(public.item).any(|item| {
        has_example(item.docs())
            || item.links().any(|id| {
                let target = documents.resolve(item, id);
                matches!(target, Some(Target::Documented(linked)) if leads_to_example(documents, linked))
            })
    })
}

/// True if a linked item has an example. A link may point to a re-export.
fn leads_to_example(documents: &Documents, linked: Item<'_>) -> bool {
    let (kind, inner) = linked.inner();
    let behind = || match documents.resolve(linked, &inner["id"]) {
        Some(Target::Documented(item)) => has_example(item.docs()),
        _ => false,
    };
    has_example(linked.docs()) || (kind == "use" && behind())
}

/// True if Markdown has a block of Rust code.
fn has_example(docs: &str) -> bool {
    let fences = docs.lines().filter_map(|line| line.trim_start().strip_prefix("```"));
    // Every second fence ends a block.
    fences.step_by(2).any(|info| {
        // rustdoc takes a block as Rust unless its info string has a word that it doesn't know.
        let words = info.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty());
        let rust = ["rust", "no_run", "should_panic", "compile_fail", "edition2024"];
        words.into_iter().all(|word| rust.contains(&word))
    })
}

#[cfg(test)]
mod tests {
    use super::has_example;

    #[test]
    fn has_example_accepts_blocks_of_rust_only() {
        assert!(has_example("Text.\n\n```\nlet x = 1;\n```\n"));
        assert!(has_example("```text\nno\n```\n\n```rust,no_run\nlet x = 1;\n```"));
        assert!(!has_example("```text\nno\n```\n\n```toml\n[a]\n```"));
        assert!(!has_example("`code` and no block"));
    }
}
