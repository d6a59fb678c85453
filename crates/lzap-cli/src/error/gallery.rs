//! The gallery: every kind of error of the tool as the user sees it.

use std::collections::BTreeSet;

use lzap_core::explain::{CommandContext, Explained as _};

use super::pages;
use crate::diagnostic;

/// The tables with the codes. A code in them without an example fails [`every_code_has_an_example`].
const TABLES: [&str; 9] = [
    include_str!("explain.rs"),
    include_str!("usage.rs"),
    include_str!("../commands/invoke/failure.rs"),
    include_str!("../../../lzap-aws/src/apply/error.rs"),
    include_str!("../../../lzap-aws/src/error/kind.rs"),
    include_str!("../../../lzap-build/src/error/explain.rs"),
    include_str!("../../../lzap-core/src/config_error.rs"),
    include_str!("../../../lzap-core/src/plan/explain.rs"),
    include_str!("../../../lzap-local/src/error/explain.rs"),
];

/// Returns whether the text between two quotes of a table is a code.
fn is_code(text: &str) -> bool {
    let is_path = text.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == ':');
    text.starts_with("lzap::") && is_path && !text.ends_with(':')
}

#[test]
fn every_code_has_an_example() {
    let texts = TABLES.into_iter().flat_map(|table| table.split('"'));
    let mut expected: BTreeSet<String> = texts.filter(|text| is_code(text)).map(str::to_owned).collect();
    // The codes of tasks are made from those of the wire format.
    let wire = include_str!("../../../lzap-wire/src/task.rs");
    let names = wire.lines().filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => \""));
    expected.extend(names.map(|(_, name)| format!("lzap::task::{}", name.trim_end_matches("\","))));
    let listed: BTreeSet<String> = pages::all_pages().into_iter().map(|page| page.code).collect();
    assert_eq!(listed, expected);
}

#[test]
fn codes_are_unique() {
    let pages = pages::all_pages();
    for pair in pages.windows(2) {
        assert_ne!(pair[0].code, pair[1].code);
    }
}

#[test]
fn every_page_is_complete() {
    for page in pages::all_pages() {
        for text in [&page.message, &page.why, &page.help] {
            assert!(!text.trim().is_empty(), "{page:?}");
        }
        assert!(page.why.ends_with('.'), "a cause is a sentence: {page:?}");
        assert_ne!(page.exit_code, 0, "{page:?}");
    }
}

/// "Run the command again" is no help: the command is known, and is written out.
#[test]
fn help_writes_commands_out() {
    let command = CommandContext::new("deploy", Some("production"));
    for error in pages::all_examples() {
        let help = error.help(&command).to_lowercase();
        for words in ["the command again", "same command", "run it again", "mend"] {
            assert!(!help.contains(words), "{}: {help}", error.code());
        }
    }
}

#[test]
fn every_error_as_the_user_sees_it() {
    let command = CommandContext::new("deploy", Some("production"));
    let blocks = pages::all_examples().into_iter().map(|error| {
        let text = anstream::adapter::strip_str(&diagnostic::render_error(&error, &command)).to_string();
        format!("{text}\n  exit code: {}\n", error.exit() as u8)
    });
    let gallery = blocks.collect::<Vec<_>>().join("\n");
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("errors", gallery);
    });
}

#[test]
fn find_takes_a_code_without_its_prefix_and_names_the_nearest() {
    assert_eq!(
        pages::find_page("lzap::aws::denied").map(|page| page.code),
        Ok("lzap::aws::denied".to_owned())
    );
    assert_eq!(pages::find_page("aws::denied").map(|page| page.code), Ok("lzap::aws::denied".to_owned()));
    let near = pages::find_page("lzap::aws::deneid").expect_err("no such code");
    assert_eq!(near.as_deref(), Some("lzap::aws::denied"));
    assert_eq!(pages::find_page("E0308").expect_err("a code of rustc's"), None);
}
