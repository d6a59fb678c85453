//! Which package and which binary, and what their dependencies say.

use lzap_build::BuildError;
use lzap_build::project::{Selection, find_project, lines_to_add};
use lzap_core::exit::Exit;
use lzap_core::explain::Explained as _;

use crate::support::{MAIN, find, folder, manifest, told};

#[test]
fn a_plain_crate_is_found_from_a_folder_below() {
    let dir = folder(&[("Cargo.toml", &manifest("shop", "")), ("src/main.rs", MAIN), ("src/a/mod.rs", "")]);
    let project = find(&dir.path().join("src/a")).expect("the crate above");
    assert_eq!(
        (project.package.as_str(), project.bin.as_str(), project.version.as_str()),
        ("shop", "shop", "1.2.3")
    );
    assert_eq!(project.root.canonicalize().ok(), dir.path().canonicalize().ok());
    assert_eq!((project.lzap, project.framework, project.c_dependency), (None, None, None));
}

#[test]
fn no_manifest_is_told_with_the_command_that_makes_one() {
    let dir = folder(&[]);
    let error = find(dir.path()).expect_err("an empty folder");
    assert!(told(&error).contains("lzap init --template hello"), "{error}");
}

#[test]
fn several_binaries_are_listed_and_one_can_be_named() {
    let files = [("src/bin/one.rs", MAIN), ("src/bin/two.rs", MAIN), ("Cargo.toml", &manifest("shop", ""))];
    let dir = folder(&files);
    let error = find(dir.path()).expect_err("two binaries");
    assert_eq!(error.exit(), Exit::Usage);
    insta::assert_snapshot!(told(&error), @r#"
    package `shop` has several binaries: one, two
    help: write which one is the app into lzap.toml: `bin = "one"`
    "#);
    let named =
        |bin| find_project(&Selection { dir: dir.path(), package: None, bin: Some(bin), features: &[] });
    assert_eq!(named("two").expect("it is there").bin, "two");
    let error = named("three").expect_err("it isn't");
    assert!(matches!(error, BuildError::UnknownBinary { .. }), "{error}");
}

#[test]
fn default_run_decides_between_binaries() {
    let dir = folder(&[
        ("Cargo.toml", &manifest("shop", "default-run = \"two\"\n")),
        ("src/bin/one.rs", MAIN),
        ("src/bin/two.rs", MAIN),
    ]);
    assert_eq!(find(dir.path()).expect("cargo's own choice").bin, "two");
}

#[test]
fn a_library_has_nothing_to_start() {
    let dir = folder(&[("Cargo.toml", &manifest("shop", "")), ("src/lib.rs", "")]);
    let error = find(dir.path()).expect_err("no binary");
    assert!(matches!(error, BuildError::NoBinary { .. }), "{error}");
}

#[test]
fn a_workspace_needs_to_know_the_package() {
    let dir = folder(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"api\", \"web\", \"common\"]\n"),
        ("api/Cargo.toml", &manifest("api", "")),
        ("api/src/main.rs", MAIN),
        ("web/Cargo.toml", &manifest("web", "")),
        ("web/src/main.rs", MAIN),
        ("common/Cargo.toml", &manifest("common", "")),
        ("common/src/lib.rs", ""),
    ]);
    let error = find(dir.path()).expect_err("two packages with a binary");
    assert!(
        matches!(&error, BuildError::SeveralPackages { packages, .. } if *packages == ["api", "web"]),
        "{error}"
    );
    let named = |package| {
        find_project(&Selection { dir: dir.path(), package: Some(package), bin: None, features: &[] })
    };
    assert_eq!(named("web").expect("it is there").package, "web");
    assert!(matches!(named("nope"), Err(BuildError::UnknownPackage { .. })));
    let inside = find(&dir.path().join("api")).expect("the folder says which");
    assert_eq!(inside.package, "api");
    assert_eq!(inside.workspace_root.canonicalize().ok(), dir.path().canonicalize().ok());
}

#[test]
fn the_only_package_with_a_binary_is_meant() {
    let dir = folder(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"api\", \"common\"]\n"),
        ("api/Cargo.toml", &manifest("api", "")),
        ("api/src/main.rs", MAIN),
        ("common/Cargo.toml", &manifest("common", "")),
        ("common/src/lib.rs", ""),
    ]);
    assert_eq!(find(dir.path()).expect("one choice").package, "api");
}

#[test]
fn a_broken_manifest_is_told_in_cargos_words() {
    let dir = folder(&[("Cargo.toml", "[package]\nname = 7\n")]);
    let error = find(dir.path()).expect_err("no string");
    assert!(told(&error).contains("invalid type: integer"), "{}", told(&error));
    assert_eq!(error.exit(), Exit::Usage);
}

/// `app` depends on crates in the folders beside it.
fn app(dependencies: &str, others: &[(&str, &str)]) -> tempfile::TempDir {
    let manifest = manifest("app", &format!("[features]\nextra = []\n[dependencies]\n{dependencies}"));
    let mut files = vec![("Cargo.toml", manifest.as_str()), ("src/main.rs", MAIN)];
    files.extend_from_slice(others);
    folder(&files)
}

#[test]
fn the_runtime_crate_is_told_with_its_features() {
    let lzap = manifest("lzap", "[features]\ndefault = []\ntasks = []\nmap = [\"tasks\"]\n");
    let dir = app(
        "lzap = { path = \"lzap\", features = [\"tasks\"] }\n",
        &[("lzap/Cargo.toml", &lzap), ("lzap/src/lib.rs", "")],
    );
    let found = find(dir.path()).expect("a project").lzap.expect("it depends on lzap");
    assert_eq!(found.version, "1.2.3");
    assert_eq!(found.features, ["default", "tasks"].map(str::to_owned).into());
}

#[test]
fn features_of_the_selection_decide_what_is_in_the_binary() {
    let axum = manifest("axum", "");
    let dir = app(
        "axum = { path = \"axum\", optional = true }\n",
        &[("axum/Cargo.toml", &axum), ("axum/src/lib.rs", "")],
    );
    assert_eq!(find(dir.path()).expect("a project").framework, None);
    let features = ["axum".to_owned()];
    let with = find_project(&Selection { dir: dir.path(), package: None, bin: None, features: &features });
    assert_eq!(with.expect("a project").framework, Some("axum"));
}

#[test]
fn c_counts_behind_a_dependency_but_not_behind_a_macro() {
    let cc = manifest("cc", "");
    let native = manifest("native-thing", "[build-dependencies]\ncc = { path = \"../cc\" }\n");
    let between = manifest("between", "[dependencies]\nnative-thing = { path = \"../native\" }\n");
    let macros = manifest(
        "macros",
        "[lib]\nproc-macro = true\n[dependencies]\nnative-thing = { path = \"../native\" }\n",
    );
    let others = [
        ("cc/Cargo.toml", cc.as_str()),
        ("cc/src/lib.rs", ""),
        ("native/Cargo.toml", &native),
        ("native/src/lib.rs", ""),
        ("native/build.rs", "fn main() {}"),
        ("between/Cargo.toml", &between),
        ("between/src/lib.rs", ""),
        ("macros/Cargo.toml", &macros),
        ("macros/src/lib.rs", ""),
    ];
    let with = |dependencies| find(app(dependencies, &others).path()).expect("a project").c_dependency;
    assert_eq!(with("between = { path = \"between\" }\n").as_deref(), Some("native-thing"));
    assert_eq!(with("macros = { path = \"macros\" }\n"), None);
    assert_eq!(with("[dev-dependencies]\nbetween = { path = \"between\" }\n"), None);
    assert_eq!(with("[target.'cfg(windows)'.dependencies]\nbetween = { path = \"between\" }\n"), None);
}

#[test]
fn links_alone_is_no_c() {
    let rayon = manifest("rayon-core", "links = \"rayon-core\"\n");
    let zlib = manifest("zlib-sys", "links = \"z\"\n");
    let others = [
        ("rayon/Cargo.toml", rayon.as_str()),
        ("rayon/src/lib.rs", ""),
        ("rayon/build.rs", "fn main() {}"),
        ("zlib/Cargo.toml", &zlib),
        ("zlib/src/lib.rs", ""),
        ("zlib/build.rs", "fn main() {}"),
    ];
    let with = |dependencies| find(app(dependencies, &others).path()).expect("a project").c_dependency;
    assert_eq!(with("rayon-core = { path = \"rayon\" }\n"), None);
    assert_eq!(with("zlib-sys = { path = \"zlib\" }\n").as_deref(), Some("zlib-sys"));
}

#[test]
fn who_brings_openssl_in_is_told_how_to_do_without() {
    let openssl = manifest("openssl-sys", "");
    let between = manifest("native-tls", "[dependencies]\nopenssl-sys = { path = \"../openssl\" }\n");
    let reqwest = |version: &str| {
        let text = manifest("reqwest", "[dependencies]\nnative-tls = { path = \"../between\" }\n");
        text.replace("1.2.3", version)
    };
    let advice = |version: &str| {
        let reqwest = reqwest(version);
        let others = [
            ("openssl/Cargo.toml", openssl.as_str()),
            ("openssl/src/lib.rs", ""),
            ("between/Cargo.toml", &between),
            ("between/src/lib.rs", ""),
            ("reqwest/Cargo.toml", &reqwest),
            ("reqwest/src/lib.rs", ""),
        ];
        find(app("reqwest = { path = \"reqwest\" }\n", &others).path()).expect("a project").without_openssl
    };
    let old = advice("0.12.24").expect("it links OpenSSL");
    assert!(
        old.starts_with("`reqwest` links OpenSSL") && old.contains("features = [\"rustls-tls\"]"),
        "{old}"
    );
    assert!(advice("0.13.5").expect("it links OpenSSL").contains("take `native-tls` out"));
}

#[test]
fn the_lines_to_add_name_the_source_file_and_the_dependency() {
    let dir = folder(&[("Cargo.toml", &manifest("shop", "")), ("src/main.rs", MAIN)]);
    let lines = lines_to_add(&find(dir.path()).expect("a project"));
    for part in ["[dependencies]\n", "lzap = ", "src/main.rs", "lzap::App::new(router).run().await"] {
        assert!(lines.contains(part), "{part} in {lines}");
    }
}

#[test]
fn lines_to_add_leave_out_existing_ones_and_name_the_framework() {
    let (axum, tokio, rocket) = (manifest("axum", ""), manifest("tokio", ""), manifest("rocket", ""));
    let others = [
        ("axum/Cargo.toml", axum.as_str()),
        ("axum/src/lib.rs", ""),
        ("tokio/Cargo.toml", &tokio),
        ("tokio/src/lib.rs", ""),
        ("rocket/Cargo.toml", &rocket),
        ("rocket/src/lib.rs", ""),
    ];
    let lines = |dependencies| lines_to_add(&find(app(dependencies, &others).path()).expect("a project"));
    let axum = lines("axum = { path = \"axum\" }\ntokio = { path = \"tokio\" }\n");
    assert!(!axum.contains("axum = ") && !axum.contains("tokio = ") && axum.contains("lzap = "), "{axum}");
    let rocket = lines("rocket = { path = \"rocket\" }\n");
    assert!(rocket.contains("rocket brings its own server") && rocket.contains("axum = "), "{rocket}");
}
