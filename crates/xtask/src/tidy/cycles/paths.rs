//! The paths that stand in an item: in `use`, in types and expressions, and within macros.

use syn::visit::{self, Visit};
use syn::{Item, Macro, Path, UseTree, Visibility};

/// A path as its segments.
pub(super) type Segments = Vec<String>;

/// One name of a `use`.
pub(super) struct UseLeaf {
    pub(super) path: Segments,
    /// The name in this module; `None` for `*`.
    pub(super) name: Option<String>,
}

/// Each name that a `use` brings.
pub(super) fn flatten_use(tree: &UseTree) -> Vec<UseLeaf> {
    let mut leaves = Vec::new();
    add_leaves(tree, &[], &mut leaves);
    leaves
}

fn add_leaves(tree: &UseTree, before: &[String], leaves: &mut Vec<UseLeaf>) {
    let with = |name: &syn::Ident| {
        let mut path = before.to_vec();
        // `use a::{self}` means `a`.
        if before.is_empty() || name != "self" {
            path.push(name.to_string());
        }
        path
    };
    match tree {
        UseTree::Path(path) => add_leaves(&path.tree, &with(&path.ident), leaves),
        UseTree::Name(name) => {
            let path = with(&name.ident);
            leaves.push(UseLeaf { name: path.last().cloned(), path });
        }
        UseTree::Rename(rename) => {
            leaves.push(UseLeaf { path: with(&rename.ident), name: Some(rename.rename.to_string()) });
        }
        UseTree::Glob(_) => leaves.push(UseLeaf { path: before.to_vec(), name: None }),
        UseTree::Group(group) => {
            for tree in &group.items {
                add_leaves(tree, before, leaves);
            }
        }
    }
}

/// Adds the paths of `item` that have several segments: a single name is the module's own, imported, or of the prelude.
pub(super) fn collect_paths(item: &Item, paths: &mut Vec<Segments>) {
    Collector { paths }.visit_item(item);
}

struct Collector<'a> {
    paths: &'a mut Vec<Segments>,
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        // Within a function.
        self.paths.extend(flatten_use(&import.tree).into_iter().map(|leaf| leaf.path));
    }

    /// `pub(in crate::x)` is no dependency.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    /// What a macro takes need not be Rust, so its paths are found among its tokens.
    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        let text = call.tokens.to_string().replace("::", " :: ");
        let words: Vec<&str> = text.split_whitespace().collect();
        let mut at = 0;
        while at < words.len() {
            let path = path_at(&words[at..]);
            at += (path.len() * 2).max(1);
            if path.len() > 1 {
                self.paths.push(path);
            }
        }
    }
}

/// The longest path at the beginning of `words`, which are a macro's tokens.
fn path_at(words: &[&str]) -> Segments {
    let mut path = Vec::new();
    for pair in words.chunks(2) {
        if !is_name(pair[0]) {
            break;
        }
        path.push(pair[0].to_owned());
        if pair.get(1) != Some(&"::") {
            break;
        }
    }
    path
}

fn is_name(word: &str) -> bool {
    word.chars().all(|c| c.is_alphanumeric() || c == '_') && !word.starts_with(|c: char| c.is_numeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths_of(text: &str) -> Vec<String> {
        let file = syn::parse_file(text).expect("the text parses");
        let mut paths = Vec::new();
        for item in &file.items {
            collect_paths(item, &mut paths);
        }
        paths.iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn paths_in_types_expressions_and_macros_are_found() {
        let text = "fn f(a: super::A) -> u8 { let b = x::y::z(a); println!(\"{b}\", crate::m::C, 1); 0 }";
        assert_eq!(paths_of(text), ["super::A", "x::y::z", "crate::m::C"]);
    }

    #[test]
    fn visibilities_and_single_names_are_no_paths() {
        assert!(paths_of("pub(in crate::a) struct B(C);").is_empty());
    }

    #[test]
    fn a_use_is_flattened_name_by_name() {
        let import: syn::ItemUse = syn::parse_str("use a::{self, b::C, d::*, e as f};").expect("it parses");
        let leaves = flatten_use(&import.tree);
        let shown: Vec<String> =
            leaves.iter().map(|leaf| format!("{} {:?}", leaf.path.join("::"), leaf.name)).collect();
        assert_eq!(shown, ["a Some(\"a\")", "a::b::C Some(\"C\")", "a::d None", "a::e Some(\"f\")"]);
    }
}
