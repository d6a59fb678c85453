//! Collects the paths in an item: in types, in expressions, and in the arguments of macros; and the names
//! that a `use` imports. The paths are resolved in `modules.rs`.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Item, UseTree};

/// The segments of a path: `a::b` is `["a", "b"]`.
pub(super) type Segments = Vec<String>;

/// One name that a `use` imports.
pub(super) struct UseLeaf {
    pub(super) path: Segments,
    /// The name in this module; `None` for `*`.
    pub(super) name: Option<String>,
}

/// Returns each name that a `use` imports, with its whole path.
pub(super) fn flatten_use(tree: &UseTree) -> Vec<UseLeaf> {
    let mut leaves = Vec::new();
    add_use_leaves(tree, &[], &mut leaves);
    leaves
}

/// Appends the names in `tree` to `leaves`. `before` is the path that leads to `tree`.
fn add_use_leaves(tree: &UseTree, before: &[String], leaves: &mut Vec<UseLeaf>) {
    let with = |name: &syn::Ident| {
        let mut path = before.to_vec();
        // `use a::{self}` means `a`.
        if before.is_empty() || name != "self" {
            path.push(name.to_string());
        }
        path
    };
    match tree {
        UseTree::Path(path) => add_use_leaves(&path.tree, &with(&path.ident), leaves),
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
                add_use_leaves(tree, before, leaves);
            }
        }
    }
}

/// Appends the paths of `item` that have several segments to `paths`. A single name is left out: the module
/// defines it, imports it (and then the `use` counts), or has it from the prelude.
///
/// The paths are searched among tokens and not in the syntax tree, since the arguments of a macro need not be
/// Rust.
pub(super) fn collect_paths(item: &Item, paths: &mut Vec<Segments>) {
    let mut words = Vec::new();
    add_tokens(item.to_token_stream(), &mut words);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut at = 0;
    while at < words.len() {
        let path = take_path(&words[at..]);
        // `pub(in crate::x)` is no dependency, and `::x` another crate.
        let is_foreign = words[..at].ends_with(&["::"]) || words[..at].ends_with(&["pub", "(", "in"]);
        // A path of n names has n - 1 `::` between them.
        at += (path.len() * 2).saturating_sub(1).max(1);
        if path.len() > 1 && !is_foreign {
            paths.push(path);
        }
    }
}

/// Appends the tokens to `words`, with `::` as one word. Brackets become `(` or `{`, and text literals lose
/// their content, which is no code.
fn add_tokens(tokens: TokenStream, words: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(name) => words.push(name.to_string()),
            TokenTree::Literal(_) => words.push("\"\"".to_owned()),
            TokenTree::Punct(sign) => match words.last_mut() {
                Some(last) if sign.as_char() == ':' && last == ":" => last.push(':'),
                _ => words.push(sign.as_char().to_string()),
            },
            TokenTree::Group(group) => {
                let opening = if group.delimiter() == Delimiter::Parenthesis { "(" } else { "{" };
                words.push(opening.to_owned());
                add_tokens(group.stream(), words);
                words.push(")".to_owned());
            }
        }
    }
}

/// Returns the longest path at the beginning of `words`; empty if they do not begin with a name.
fn take_path(words: &[&str]) -> Segments {
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

/// Returns whether a token is an identifier or a keyword. Keywords never have `::` behind them, but for
/// `crate`, `self`, `Self` and `super`.
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
    fn collect_paths_finds_types_expressions_and_macros() {
        let text =
            "fn f(a: super::A) -> u8 { let b = return x::y::z(a); println!(\"{b}\", crate::m::C, 1); 0 }";
        assert_eq!(paths_of(text), ["super::A", "x::y::z", "crate::m::C"]);
    }

    #[test]
    fn collect_paths_skips_visibilities_other_crates_and_single_names() {
        assert!(paths_of("pub(in crate::a) struct B(C, ::d::E);").is_empty());
    }

    #[test]
    fn flatten_use_returns_one_leaf_per_name() {
        let import: syn::ItemUse = syn::parse_str("use a::{self, b::C, d::*, e as f};").expect("it parses");
        let leaves = flatten_use(&import.tree);
        let shown: Vec<String> =
            leaves.iter().map(|leaf| format!("{} {:?}", leaf.path.join("::"), leaf.name)).collect();
        assert_eq!(shown, ["a Some(\"a\")", "a::b::C Some(\"C\")", "a::d None", "a::e Some(\"f\")"]);
    }
}
