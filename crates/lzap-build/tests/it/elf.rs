//! What Lambda can start: read from this test's own binary, and from a few bytes that are none.

use std::path::Path;

use lzap_build::BuildError;
use lzap_build::elf::{ElfReport, check, inspect};
use lzap_core::platform::Architecture;

use crate::support::folder;

fn own() -> ElfReport {
    inspect(&std::env::current_exe().expect("this test")).expect("an executable")
}

#[test]
fn a_program_that_links_glibc_says_so() {
    let report = own();
    assert_eq!(Some(report.architecture), Architecture::host());
    assert!(!report.statically_linked);
    assert!(report.needed.contains(&"libc.so.6".to_owned()), "{report:?}");
    let (major, minor) = report.glibc.expect("it links glibc");
    assert!(major == 2 && (17..100).contains(&minor), "{report:?}");
    assert!(report.glibc_symbol.is_some(), "{report:?}");
    assert!(report.loader.is_some_and(|it| it.contains("ld-linux")));
}

fn fine() -> ElfReport {
    ElfReport {
        architecture: Architecture::Arm64,
        glibc: Some((2, 34)),
        glibc_symbol: Some("__libc_start_main".to_owned()),
        needed: vec!["libc.so.6".to_owned(), "libgcc_s.so.1".to_owned()],
        loader: Some("/lib/ld-linux-aarch64.so.1".to_owned()),
        statically_linked: false,
        bytes: 1,
    }
}

#[test]
fn each_reason_not_to_upload_is_named() {
    check(&fine(), Architecture::Arm64).expect("just what the runtime has");

    let error = check(&fine(), Architecture::X86_64).expect_err("another processor");
    assert_eq!(error.to_string(), "the binary is for arm64, the stage for x86_64");

    let newer =
        ElfReport { glibc: Some((2, 38)), glibc_symbol: Some("__isoc23_strtol".to_owned()), ..fine() };
    let error = check(&newer, Architecture::Arm64).expect_err("a newer glibc");
    assert_eq!(
        error.to_string(),
        "the binary needs GLIBC_2.38 (for `__isoc23_strtol`), and Lambda's runtime has 2.34"
    );

    let library = ElfReport { needed: vec!["libssl.so.3".to_owned(), "libc.so.6".to_owned()], ..fine() };
    let error = check(&library, Architecture::Arm64).expect_err("no OpenSSL in Lambda");
    assert!(
        matches!(&error, BuildError::SharedLibraries { libraries } if *libraries == ["libssl.so.3"]),
        "{error}"
    );

    let loader = ElfReport { loader: Some("/nix/store/x/ld-linux-aarch64.so.1".to_owned()), ..fine() };
    assert!(matches!(check(&loader, Architecture::Arm64), Err(BuildError::Loader { .. })));
}

fn why(path: &Path) -> String {
    match inspect(path) {
        Err(BuildError::NotAnExecutable { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_program_is_told_apart() {
    let dir = folder(&[("script", "#!/bin/sh\n"), ("text", "hello"), ("empty", ""), ("short", "\u{7f}ELF")]);
    assert_eq!(why(&dir.path().join("script")), "it is a script");
    assert_eq!(why(&dir.path().join("text")), "it is no ELF file");
    assert_eq!(why(&dir.path().join("empty")), "it is empty");
    why(&dir.path().join("short"));
}

#[test]
fn another_processor_an_object_file_and_a_cut_file_are_refused() {
    let dir = folder(&[]);
    let path = dir.path().join("changed");
    let own = fs_err::read(std::env::current_exe().expect("this test")).expect("readable");
    let with = |at: usize, byte: u8| {
        let mut bytes = own.clone();
        bytes[at] = byte;
        fs_err::write(&path, bytes).expect("write");
        why(&path)
    };
    assert_eq!(with(18, 243), "it is for a processor that Lambda doesn't have");
    assert_eq!(with(16, 1), "it is an object file or a core dump");
    assert_eq!(with(5, 2), "it is a big-endian ELF file");
    fs_err::write(&path, &own[..4096]).expect("write");
    assert!(why(&path).starts_with("its headers are damaged"));
}
