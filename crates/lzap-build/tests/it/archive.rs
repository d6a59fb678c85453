//! Same input, same bytes; and each include that can't be.

use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use lzap_build::BuildError;
use lzap_build::archive::{Artifact, archive};
use lzap_core::platform::{Architecture, Include};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::{folder, told, write};

fn include(source: &str, destination: &str) -> Include {
    Include { source: source.to_owned(), destination: destination.to_owned() }
}

fn zip(dir: &Path, include: &[Include]) -> Result<Artifact, BuildError> {
    archive(&dir.join("target/app"), dir, include, Architecture::Arm64, &dir.join("target/lzap/app.zip"))
}

fn app(files: &[(&str, &str)]) -> TempDir {
    let dir = folder(files);
    write(dir.path(), "target/app", "the program");
    dir
}

/// Name, mode and text of each file, in the order of the zip.
fn list(path: &Path) -> Vec<(String, u32, String)> {
    let mut zip = zip::ZipArchive::new(fs_err::File::open(path).expect("the zip")).expect("a zip");
    let names = 0..zip.len();
    names
        .map(|at| {
            let mut file = zip.by_index(at).expect("an entry");
            let mut text = String::new();
            file.read_to_string(&mut text).expect("text");
            (file.name().expect("UTF-8").into_owned(), file.unix_mode().expect("a mode"), text)
        })
        .collect()
}

#[test]
fn the_program_is_bootstrap_and_folders_keep_their_shape() {
    let dir =
        app(&[("assets/b/two.txt", "2"), ("assets/one.txt", "1"), ("conf.toml", "c"), ("run.sh", "#!")]);
    fs_err::set_permissions(dir.path().join("run.sh"), PermissionsExt::from_mode(0o700)).expect("chmod");
    fs_err::set_permissions(dir.path().join("conf.toml"), PermissionsExt::from_mode(0o600)).expect("chmod");
    let items =
        [include("assets", "static"), include("conf.toml", "config/app.toml"), include("run.sh", "./run.sh")];
    let artifact = zip(dir.path(), &items).expect("a zip");
    let file = |name: &str, mode: u32, text: &str| (name.to_owned(), 0o100_000 | mode, text.to_owned());
    assert_eq!(
        list(&artifact.path),
        [
            file("bootstrap", 0o755, "the program"),
            file("config/app.toml", 0o644, "c"),
            file("run.sh", 0o755, "#!"),
            file("static/b/two.txt", 0o644, "2"),
            file("static/one.txt", 0o644, "1"),
        ]
    );
    assert_eq!((artifact.files, artifact.unzipped_bytes), (5, 16));
    assert_eq!(artifact.bytes, fs_err::metadata(&artifact.path).expect("the zip").len());
    assert_eq!(
        fs_err::read_dir(dir.path().join("target/lzap")).expect("the folder").count(),
        2,
        "the zip and its record, no temporary file"
    );
}

#[test]
fn the_hash_is_of_the_bytes_on_disk_in_both_forms() {
    use base64::prelude::*;
    use sha2::{Digest, Sha256};
    let dir = app(&[]);
    let artifact = zip(dir.path(), &[]).expect("a zip");
    let digest = Sha256::digest(fs_err::read(&artifact.path).expect("the zip"));
    assert_eq!(artifact.code_sha256, BASE64_STANDARD.encode(digest));
    assert_eq!(artifact.sha256.len(), 64);
    assert!(artifact.sha256.starts_with(&format!("{:02x}{:02x}", digest[0], digest[1])));
}

#[test]
fn file_times_and_the_order_of_includes_change_nothing() {
    let dir = app(&[("a.txt", "1"), ("b.txt", "2")]);
    let first = zip(dir.path(), &[include("a.txt", "a.txt"), include("b.txt", "b.txt")]).expect("a zip");
    let bytes = fs_err::read(&first.path).expect("the zip");
    for name in ["a.txt", "target/app"] {
        let file = std::fs::File::options().write(true).open(dir.path().join(name)).expect("a file");
        file.set_modified(std::time::UNIX_EPOCH).expect("an old time");
    }
    let second = zip(dir.path(), &[include("b.txt", "b.txt"), include("a.txt", "a.txt")]).expect("a zip");
    assert_eq!(first, second);
    assert_eq!(bytes, fs_err::read(&second.path).expect("the zip"));
}

/// The zip of an earlier deploy is used again only for the same names, modes and contents, and only as it was written.
#[test]
fn unchanged_files_keep_the_zip_and_any_change_makes_another() {
    let dir = app(&[("one.txt", "1")]);
    let items = [include("one.txt", "one.txt")];
    let modified = |artifact: &Artifact| {
        fs_err::metadata(&artifact.path).expect("the zip").modified().expect("a time of change")
    };
    let first = zip(dir.path(), &items).expect("a zip");
    let written = modified(&first);
    assert_eq!(zip(dir.path(), &items).expect("a zip"), first);
    assert_eq!(modified(&first), written, "nothing was compressed again");

    write(dir.path(), "target/app", "the programs");
    let other = zip(dir.path(), &items).expect("a zip");
    assert_ne!(other.sha256, first.sha256);
    assert_eq!(list(&other.path)[0].2, "the programs");
    let renamed = zip(dir.path(), &[include("one.txt", "two.txt")]).expect("a zip");
    assert_eq!(list(&renamed.path)[1].0, "two.txt");
    fs_err::set_permissions(dir.path().join("one.txt"), PermissionsExt::from_mode(0o755)).expect("chmod");
    let executable = zip(dir.path(), &items).expect("a zip");
    assert_eq!(list(&executable.path)[1].1, 0o100_755);

    fs_err::write(&executable.path, "half a zip").expect("a file");
    assert_eq!(zip(dir.path(), &items).expect("a zip"), executable);
    assert_eq!(list(&executable.path)[0].2, "the programs", "a damaged zip is written again");
    fs_err::remove_file(&executable.path).expect("the zip");
    assert_eq!(zip(dir.path(), &items).expect("a zip"), executable);
    assert!(executable.path.is_file(), "a deleted zip is written again");
}

#[test]
fn a_missing_include_names_the_key() {
    let dir = app(&[]);
    let error = zip(dir.path(), &[include("assets", "assets")]).expect_err("no such folder");
    assert!(matches!(error, BuildError::IncludeMissing { .. }), "{error}");
    assert!(told(&error).contains("`include` in lzap.toml names `assets`"), "{error}");
    let left = std::fs::read_dir(dir.path().join("target/lzap")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "no half of a zip is left");
}

#[test]
fn links_are_followed_inside_and_refused_outside() {
    let outside = folder(&[("secret", "s")]);
    let dir = app(&[("shared/text", "t"), ("assets/own", "o")]);
    let link =
        |target: PathBuf, name: &str| symlink(target, dir.path().join("assets").join(name)).expect("a link");
    link(dir.path().join("shared"), "linked");
    let artifact = zip(dir.path(), &[include("assets", "assets")]).expect("a zip");
    let names: Vec<_> = list(&artifact.path).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["assets/linked/text", "assets/own", "bootstrap"]);

    let refused = |name: &str, target: PathBuf| {
        link(target, name);
        let error = zip(dir.path(), &[include("assets", "assets")]).expect_err(name);
        fs_err::remove_file(dir.path().join("assets").join(name)).expect("remove");
        error.to_string()
    };
    assert!(refused("out", outside.path().to_owned()).ends_with("outside of the package's folder"));
    assert!(refused("out", outside.path().join("secret")).ends_with("outside of the package's folder"));
    assert!(refused("gone", dir.path().join("nothing")).ends_with("a link to something that doesn't exist"));
    assert!(refused("round", dir.path().join("assets")).ends_with("a link to a folder that it is in itself"));
}

#[test]
fn names_in_the_zip_are_unique_and_inside() {
    let dir = app(&[("a", "1"), ("b", "2"), ("assets/bootstrap", "3")]);
    let refused = |items: &[Include]| match zip(dir.path(), items) {
        Err(BuildError::IncludeDestination { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    assert!(refused(&[include("a", "../a")]).contains("outside"));
    assert!(refused(&[include("a", "/a")]).contains("absolute"));
    assert!(refused(&[include("a", "x\\a")]).contains("backslash"));
    assert!(refused(&[include("a", "bootstrap")]).contains("the app's own"));
    assert!(refused(&[include("assets", ".")]).contains("the app's own"));
    assert!(refused(&[include("a", "x"), include("b", "x")]).contains("twice"));
    assert!(refused(&[include("a", "x"), include("b", "x/y")]).contains("a folder of the same name"));
    assert!(refused(&[include("a", "x/y"), include("b", "x")]).contains("a folder of the same name"));
    zip(dir.path(), &[include("a", "x"), include("a", "x")]).expect("the same file twice is once");
    let above = zip(dir.path(), &[include("..", "up")]).expect_err("out of the project");
    assert!(matches!(above, BuildError::IncludeLink { .. }), "{above}");
}

#[test]
fn too_much_is_told_with_what_is_biggest() {
    let dir = app(&[("small", "1")]);
    let file = std::fs::File::create(dir.path().join("huge.bin")).expect("a file");
    file.set_len(251 * 1024 * 1024).expect("a sparse file");
    let error = zip(dir.path(), &[include("huge.bin", "huge.bin"), include("small", "small")])
        .expect_err("too large");
    let BuildError::TooLarge { biggest, .. } = &error else { panic!("{error:?}") };
    assert_eq!(biggest[0], ("huge.bin".to_owned(), 251 * 1024 * 1024));
    assert!(error.to_string().contains("251.0 MB unpacked, and Lambda takes 250.0 MB"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_any_files_gives_the_same_zip(
        names in proptest::collection::btree_set("[a-z]{1,3}(-[a-z])?", 1..6),
        seed in any::<u64>(),
    ) {
        let dir = app(&[]);
        let mut items: Vec<_> = names.iter().map(|name| {
            write(dir.path(), &format!("in/{name}"), name);
            include(&format!("in/{name}"), &format!("out/{name}"))
        }).collect();
        let sorted = zip(dir.path(), &items).expect("a zip");
        let by = usize::try_from(seed % 7).expect("small") % items.len();
        items.rotate_left(by);
        items.reverse();
        let shuffled = zip(dir.path(), &items).expect("a zip");
        prop_assert_eq!(&sorted.sha256, &shuffled.sha256);
        let listed: Vec<_> = list(&shuffled.path).into_iter().map(|(name, ..)| name).collect();
        prop_assert!(listed.is_sorted());
    }
}
