//! Templates become crates, answers become an `lzap.toml`.

use lzap_build::BuildError;
use lzap_build::scaffold::{InitAnswers, config_text, create_crate, template_names, write_config};
use lzap_core::exit::Exit;
use lzap_core::explain::Explained as _;
use lzap_core::platform::Architecture;

use crate::support::{find, folder, told};

#[test]
fn each_template_becomes_a_crate_of_the_given_name() {
    for template in template_names() {
        let dir = folder(&[]);
        let target = dir.path().join("my-app");
        let files = create_crate(template, &target, "my-app").expect("a crate");
        assert!(files.iter().all(|file| file.is_file()), "{files:?}");
        for name in ["Cargo.toml", "Cargo.lock", "lzap.toml", "src/main.rs", ".gitignore"] {
            assert!(target.join(name).is_file(), "{template}: {name}");
        }
        assert!(!target.join("target").exists());
        let left: Vec<_> = fs_err::read_dir(&target).expect("the crate").flatten().collect();
        assert!(left.iter().all(|it| !it.file_name().to_string_lossy().starts_with(".lzap-")), "{left:?}");
        let manifest = fs_err::read_to_string(target.join("Cargo.toml")).expect("a manifest");
        assert!(manifest.contains("name = \"my-app\""), "{manifest}");
        assert!(!manifest.contains("../../crates"), "{manifest}");
    }
}

#[test]
fn the_new_crates_lock_file_is_the_one_that_cargo_would_write() {
    for template in template_names() {
        let dir = folder(&[]);
        create_crate(template, dir.path(), "zebra").expect("a crate");
        let output = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["metadata", "--locked", "--format-version", "1"])
            .current_dir(dir.path())
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{template}: {}", String::from_utf8_lossy(&output.stderr));
        let project = find(dir.path()).expect("a project");
        assert_eq!(
            (project.package.as_str(), project.bin.as_str(), project.framework),
            ("zebra", "zebra", Some("axum"))
        );
        assert!(project.lzap.is_some());
        assert_eq!(project.c_dependency, None, "a template builds without a C toolchain");
    }
}

#[test]
fn a_folder_with_files_is_left_alone() {
    let dir = folder(&[("notes.txt", "mine")]);
    let error = create_crate("hello", dir.path(), "app").expect_err("not empty");
    assert!(matches!(&error, BuildError::NotEmpty { found, .. } if found == "notes.txt"), "{error}");
    assert_eq!(error.exit(), Exit::Usage);
    assert_eq!(fs_err::read_dir(dir.path()).expect("the folder").count(), 1);
}

#[test]
fn a_new_repository_counts_as_empty() {
    let dir = folder(&[(".git/HEAD", "ref: refs/heads/main\n")]);
    create_crate("hello", dir.path(), "app").expect("a crate");
}

#[test]
fn a_bad_name_or_template_writes_nothing() {
    let dir = folder(&[]);
    let target = dir.path().join("new");
    let error = create_crate("hello", &target, "2 fast").expect_err("a bad name");
    assert!(told(&error).contains("it begins with `2`"), "{error}");
    let error = create_crate("hello", &target, "axum").expect_err("a dependency's name");
    assert!(matches!(error, BuildError::CrateName { .. }), "{error}");
    let error = create_crate("nope", &target, "app").expect_err("no such template");
    assert!(told(&error).contains("one of: hello, csv-group-sum"), "{}", told(&error));
    assert!(!target.exists());
}

#[cfg(unix)]
#[test]
fn a_failure_leaves_no_half_of_a_crate() {
    let dir = folder(&[]);
    let file = crate::support::write(dir.path(), "file", "");
    create_crate("hello", &file.join("app"), "app").expect_err("below a file");
    assert_eq!(fs_err::read_dir(dir.path()).expect("the folder").count(), 1);
}

fn answers() -> InitAnswers {
    InitAnswers {
        app: "shop".to_owned(),
        region: Some("eu-central-1".to_owned()),
        profile: None,
        architecture: Architecture::Arm64,
    }
}

#[test]
fn the_answers_stand_in_the_config_and_the_rest_as_comments() {
    let text = config_text(&answers());
    let parsed: toml_edit::DocumentMut = text.parse().expect("TOML");
    assert_eq!(parsed["app"].as_str(), Some("shop"));
    assert_eq!(parsed["default_stage"].as_str(), Some("dev"));
    let stage = parsed["stage"]["dev"].as_table().expect("a stage");
    assert_eq!(stage["region"].as_str(), Some("eu-central-1"));
    assert_eq!(stage["architecture"].as_str(), Some("arm64"));
    assert!(!stage.contains_key("profile") && text.contains("\n# profile = \"default\"\n"), "{text}");
    assert!(!text.contains("{{"), "{text}");
}

#[test]
fn the_config_is_overwritten_only_by_force() {
    let dir = folder(&[("lzap.toml", "mine")]);
    let error = write_config(dir.path(), "new", false).expect_err("it is there");
    assert!(told(&error).contains("lzap init --force"), "{error}");
    assert_eq!(fs_err::read_to_string(dir.path().join("lzap.toml")).expect("a file"), "mine");
    let path = write_config(dir.path(), "new", true).expect("forced");
    assert_eq!(fs_err::read_to_string(path).expect("a file"), "new");
    assert_eq!(fs_err::read_dir(dir.path()).expect("the folder").count(), 1);
}
