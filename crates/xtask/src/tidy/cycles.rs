//! Finds dependency cycles among the modules of each crate, and compares them with the list of accepted ones.
//!
//! A module depends on another one if a path in it leads to an item that is defined there; re-exports are
//! followed to the definition. A dependency belongs to a cycle if its target depends on its source, directly
//! or through other modules. Each such dependency must be in `cycles.txt`, and each line there must still be
//! such a dependency, so the list only gets shorter. Test modules are ignored. Cycles among crates are not
//! checked, because cargo refuses them.

mod modules;
mod paths;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use fs_err as fs;
use lzap_testkit::shell::{Failure, Result};

use self::modules::{Crate, Graph};
use super::files::SourceFile;

/// The path of the list, relative to the root of the repository.
const LIST: &str = "crates/xtask/src/tidy/cycles.txt";

/// Returns one line per cyclic dependency that is not in the list, and per line of the list that is outdated.
/// Parses every Rust file of the workspace's crates.
pub(super) fn check_cycles(files: &[SourceFile]) -> Result<Vec<String>> {
    let texts = index_texts(files);
    Ok(compare_with_list(&find_cyclic_lines(&texts)?, find_list(&texts)?))
}

/// Returns each cyclic dependency of every crate, formatted as a line of the list. Fails if a file cannot be
/// parsed.
fn find_cyclic_lines(texts: &BTreeMap<&str, &str>) -> Result<BTreeSet<String>> {
    let mut lines = BTreeSet::new();
    for path in texts.keys() {
        let Some((name, file)) = path.strip_prefix("crates/").and_then(|rest| rest.split_once("/src/"))
        else {
            continue;
        };
        // A crate with a library and a program has two trees of modules.
        if ["lib.rs", "main.rs"].contains(&file) {
            let graph = Crate::parse(path, texts)?.build_graph();
            lines
                .extend(find_cyclic_edges(&graph).iter().map(|(from, to)| format!("{name}: {from} -> {to}")));
        }
    }
    Ok(lines)
}

/// Returns the differences between the cyclic dependencies `found` and the text of the list, each with its
/// fix.
fn compare_with_list(found: &BTreeSet<String>, list: &str) -> Vec<String> {
    let listed: BTreeSet<String> = list
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let new = found.difference(&listed).map(|new| {
        format!("{new}: a module cycle that is not in {LIST}: move what both need to a third module")
    });
    let gone = listed.difference(found).map(|gone| {
        format!("{LIST}: `{gone}` is no cycle any more: `cargo xtask tidy --shorten` deletes the line")
    });
    new.chain(gone).collect()
}

/// Deletes the lines of the list that are outdated. It adds none, since a new cycle has to be removed from
/// the code instead.
pub(super) fn shorten_list(root: &Path, files: &[SourceFile]) -> Result {
    let texts = index_texts(files);
    let found = find_cyclic_lines(&texts)?;
    let is_kept = |line: &&str| line.is_empty() || line.starts_with('#') || found.contains(*line);
    let kept: Vec<&str> = find_list(&texts)?.lines().filter(is_kept).collect();
    Ok(fs::write(root.join(LIST), kept.join("\n") + "\n")?)
}

/// Returns the text of each file by its path: modules are looked up by the paths that they may have.
fn index_texts(files: &[SourceFile]) -> BTreeMap<&str, &str> {
    files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect()
}

/// Returns the text of the list. Fails if the file is missing.
fn find_list<'a>(texts: &BTreeMap<&str, &'a str>) -> Result<&'a str> {
    texts.get(LIST).copied().ok_or_else(|| Failure::new(format!("{LIST} is not there")))
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
        find_cyclic_lines(&texts).expect("the sources parse").into_iter().collect()
    }

    #[test]
    fn find_cyclic_lines_two_modules_that_use_each_other() {
        let found = find_cycles(&[
            ("crates/a/src/lib.rs", "mod one; mod two; mod three;"),
            ("crates/a/src/one.rs", "use crate::two::Two; pub struct One;"),
            ("crates/a/src/two.rs", "pub struct Two(super::one::One);"),
            ("crates/a/src/three.rs", "fn f(_: crate::one::One) {}"),
        ]);
        assert_eq!(found, ["a: one -> two", "a: two -> one"]);
    }

    #[test]
    fn find_cyclic_lines_longer_cycle_lists_every_edge() {
        let found = find_cycles(&[
            ("crates/a/src/lib.rs", "mod one; mod two; mod three;"),
            ("crates/a/src/one.rs", "use crate::two; fn f() { two::f() }"),
            ("crates/a/src/two.rs", "use crate::three::g; pub fn f() { g() }"),
            ("crates/a/src/three.rs", "pub fn g() { println!(\"{}\", crate::one::f()) }"),
        ]);
        assert_eq!(found, ["a: one -> two", "a: three -> one", "a: two -> three"]);
    }

    #[test]
    fn find_cyclic_lines_re_export_counts_as_its_definition() {
        let found = find_cycles(&[
            ("crates/a/src/lib.rs", "mod one; mod two; pub use one::One; pub use two::*;"),
            ("crates/a/src/one.rs", "use crate::Two; pub struct One(Two);"),
            ("crates/a/src/two.rs", "pub struct Two;"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn find_cyclic_lines_child_module_counts_if_parent_uses_it() {
        let child = ("crates/a/src/one/child.rs", "use super::One; pub fn f(_: One) {}");
        let root = ("crates/a/src/lib.rs", "mod one;");
        let user = ("crates/a/src/one.rs", "mod child; pub struct One; fn g() { child::f(One) }");
        assert_eq!(find_cycles(&[root, user, child]), ["a: one -> one::child", "a: one::child -> one"]);
        let no_user = ("crates/a/src/one.rs", "mod child; pub struct One;");
        assert!(find_cycles(&[root, no_user, child]).is_empty());
    }

    #[test]
    fn find_cyclic_lines_ignores_test_modules() {
        let found = find_cycles(&[
            ("crates/a/src/lib.rs", "mod one; mod two;"),
            ("crates/a/src/one.rs", "pub struct One; #[cfg(test)] mod tests { use crate::two::Two; }"),
            ("crates/a/src/two.rs", "use crate::one::One; pub struct Two(One);"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn compare_with_list_refuses_new_cycle_and_outdated_line() {
        let found = BTreeSet::from(["a: one -> two".to_owned(), "a: two -> one".to_owned()]);
        assert!(compare_with_list(&found, "# Comment.\na: one -> two\na: two -> one\n").is_empty());
        let wrong = compare_with_list(&found, "a: one -> two\na: gone -> one\n");
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong[0].starts_with("a: two -> one: a module cycle"), "{wrong:?}");
        assert!(wrong[1].contains("`a: gone -> one` is no cycle any more"), "{wrong:?}");
    }
}
