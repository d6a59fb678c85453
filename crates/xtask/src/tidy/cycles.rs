//! Finds dependency cycles among the modules of each crate.
//!
//! A module depends on another one if a path in it leads to an item that is defined there; re-exports are
//! followed to the definition. A dependency belongs to a cycle if its target depends on its source, directly
//! or through other modules. Test modules are ignored. Cycles among crates are not checked, because cargo
//! refuses them.

mod modules;
mod paths;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lzap_testkit::shell::Result;

use self::modules::{Crate, Graph};
use super::files::SourceFile;

/// Returns one line per dependency that is part of a cycle. Parses every Rust file of the workspace's crates, and
/// fails if one cannot be parsed.
pub(super) fn check_cycles(files: &[SourceFile]) -> Result<Vec<String>> {
    // Modules are looked up by the paths that they may have.
    let texts = files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect();
    let dependencies = find_cyclic_dependencies(&texts)?;
    let refuse = |dependency| format!("{dependency}: a module cycle: move what both need to a third module");
    Ok(dependencies.into_iter().map(refuse).collect())
}

/// Returns each cyclic dependency of every crate, such as `lzap-map: drive -> machine`. Fails if a file cannot be
/// parsed.
fn find_cyclic_dependencies(texts: &BTreeMap<&str, &str>) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for path in texts.keys() {
        let Some((name, file)) = path.strip_prefix("crates/").and_then(|rest| rest.split_once("/src/"))
        else {
            continue;
        };
        // A crate with a library and a program has two trees of modules.
        if ["lib.rs", "main.rs"].contains(&file) {
            let graph = Crate::parse(path, texts)?.build_graph();
            let edges = find_cyclic_edges(&graph);
            found.extend(edges.iter().map(|(from, to)| format!("{name}: {from} -> {to}")));
        }
    }
    Ok(found)
}

/// Returns the edges of `graph` that are part of a cycle.
fn find_cyclic_edges(graph: &Graph) -> Vec<(&str, &str)> {
    let edges = graph.iter().flat_map(|(from, to)| to.iter().map(move |to| (from.as_str(), to.as_str())));
    edges.filter(|(from, to)| can_reach(graph, to, from)).collect()
}

/// Returns whether `to` can be reached from `from`, by a breadth-first search. The graphs have at most some
/// hundred modules, so one search per edge is quick enough.
fn can_reach(graph: &Graph, from: &str, to: &str) -> bool {
    let (mut seen, mut next) = (BTreeSet::from([from]), VecDeque::from([from]));
    while let Some(module) = next.pop_front() {
        if module == to {
            return true;
        }
        for neighbor in graph.get(module).into_iter().flatten() {
            if seen.insert(neighbor) {
                next.push_back(neighbor);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_cycles(texts: &[(&str, &str)]) -> Vec<String> {
        let texts = texts.iter().copied().collect();
        find_cyclic_dependencies(&texts).expect("the sources parse").into_iter().collect()
    }

    #[test]
    fn find_cyclic_dependencies_two_modules_that_use_each_other() {
        let found = find_cycles(&[
            ("crates/a/src/lib.rs", "mod one; mod two; mod three;"),
            ("crates/a/src/one.rs", "use crate::two::Two; pub struct One;"),
            ("crates/a/src/two.rs", "pub struct Two(super::one::One);"),
            ("crates/a/src/three.rs", "fn f(_: crate::one::One) {}"),
        ]);
        assert_eq!(found, ["a: one -> two", "a: two -> one"]);
    }

    #[test]
    fn find_cyclic_dependencies_longer_cycle_lists_every_edge() {
        let found = find_cycles(&[
            ("crates/a/src/lib.rs", "mod one; mod two; mod three;"),
            ("crates/a/src/one.rs", "use crate::two; fn f() { two::f() }"),
            ("crates/a/src/two.rs", "use crate::three::g; pub fn f() { g() }"),
            ("crates/a/src/three.rs", "pub fn g() { println!(\"{}\", crate::one::f()) }"),
        ]);
        assert_eq!(found, ["a: one -> two", "a: three -> one", "a: two -> three"]);
    }

    #[test]
    fn find_cyclic_dependencies_re_export_counts_as_its_definition() {
        let found = find_cycles(&[
            ("crates/a/src/lib.rs", "mod one; mod two; pub use one::One; pub use two::*;"),
            ("crates/a/src/one.rs", "use crate::Two; pub struct One(Two);"),
            ("crates/a/src/two.rs", "pub struct Two;"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn find_cyclic_dependencies_child_module_counts_if_parent_uses_it() {
        let child = ("crates/a/src/one/child.rs", "use super::One; pub fn f(_: One) {}");
        let root = ("crates/a/src/lib.rs", "mod one;");
        let user = ("crates/a/src/one.rs", "mod child; pub struct One; fn g() { child::f(One) }");
        assert_eq!(find_cycles(&[root, user, child]), ["a: one -> one::child", "a: one::child -> one"]);
        let no_user = ("crates/a/src/one.rs", "mod child; pub struct One;");
        assert!(find_cycles(&[root, no_user, child]).is_empty());
    }

    #[test]
    fn find_cyclic_dependencies_ignores_test_modules() {
        let found = find_cycles(&[
            ("crates/a/src/lib.rs", "mod one; mod two;"),
            ("crates/a/src/one.rs", "pub struct One; #[cfg(test)] mod tests { use crate::two::Two; }"),
            ("crates/a/src/two.rs", "use crate::one::One; pub struct Two(One);"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn check_cycles_names_each_dependency_and_the_fix() {
        let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
        let files = [
            file("crates/a/src/lib.rs", "mod one; mod two;"),
            file("crates/a/src/one.rs", "use crate::two::Two; pub struct One;"),
            file("crates/a/src/two.rs", "pub struct Two(super::one::One);"),
        ];
        let wrong = check_cycles(&files).expect("the sources parse");
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert_eq!(wrong[0], "a: one -> two: a module cycle: move what both need to a third module");
    }
}
