//! Cycles among the modules of a crate, beside a list of those that exist today.
//!
//! A module depends on another one when a path in it leads to an item that is defined there; re-exports are followed to
//! the definition. A dependency is part of a cycle when a way leads back. Each such dependency must stand in
//! `cycles.txt`, and each line there must still be one: the list can only get shorter. Test modules don't count.

mod modules;
mod paths;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use fs_err as fs;
use lzap_testkit::shell::{Failure, Result};

use self::modules::{Crate, Graph};
use super::files::SourceFile;

/// The list, relative to the root.
const LIST: &str = "crates/xtask/src/tidy/cycles.txt";

/// The dependencies that are part of a cycle and not in the list, and the lines of the list that are outdated.
pub(super) fn check_cycles(files: &[SourceFile]) -> Result<Vec<String>> {
    let texts = index_texts(files);
    Ok(compare_with_list(&find_cyclic_lines(&texts)?, find_list(&texts)?))
}

/// Each dependency that is part of a cycle, in every crate of the workspace, as a line of the list.
fn find_cyclic_lines(texts: &BTreeMap<&str, &str>) -> Result<BTreeSet<String>> {
    let mut lines = BTreeSet::new();
    for path in texts.keys() {
        let Some((name, file)) = path.strip_prefix("crates/").and_then(|rest| rest.split_once("/src/"))
        else {
            continue;
        };
        if ["lib.rs", "main.rs"].contains(&file) {
            let graph = Crate::parse(path, texts)?.build_graph();
            lines
                .extend(find_cyclic_edges(&graph).iter().map(|(from, to)| format!("{name}: {from} -> {to}")));
        }
    }
    Ok(lines)
}

/// What is wrong with `list`, given the dependencies that are part of a cycle.
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

/// Deletes the lines of the list that are no cycle any more; adds none.
pub(super) fn shorten_list(root: &Path, files: &[SourceFile]) -> Result {
    let texts = index_texts(files);
    let found = find_cyclic_lines(&texts)?;
    let is_kept = |line: &&str| line.is_empty() || line.starts_with('#') || found.contains(*line);
    let kept: Vec<&str> = find_list(&texts)?.lines().filter(is_kept).collect();
    Ok(fs::write(root.join(LIST), kept.join("\n") + "\n")?)
}

fn index_texts(files: &[SourceFile]) -> BTreeMap<&str, &str> {
    files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect()
}

fn find_list<'a>(texts: &BTreeMap<&str, &'a str>) -> Result<&'a str> {
    texts.get(LIST).copied().ok_or_else(|| Failure::new(format!("{LIST} is not there")))
}

/// The edges from which a way leads back to their beginning.
fn find_cyclic_edges(graph: &Graph) -> Vec<(&str, &str)> {
    let edges = graph.iter().flat_map(|(from, to)| to.iter().map(move |to| (from.as_str(), to.as_str())));
    edges.filter(|(from, to)| can_reach(graph, to, from)).collect()
}

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
