//! The apps that the tests deploy.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use fs_err as fs;
use lzap_testkit::{Lzap, Python, TempProject, target, workspace};
use serde_json::Value;

pub(crate) type Result<T = ()> = io::Result<T>;

/// The region of tests that need one.
pub(crate) const REGION: &str = "eu-central-1";

/// This machine's architecture, so that one compiled hello app serves both clouds.
pub(crate) const HOST: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };

/// The hello app as `lzap init` makes it. Tests only read it, so that it is compiled once for all of them; what they
/// want to set, they set in a configuration file of their own.
pub(crate) fn hello() -> Result<&'static Path> {
    static HELLO: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    let made = HELLO.get_or_init(|| make_hello().map_err(|error| error.to_string()));
    made.as_deref().map_err(|error| io::Error::other(error.clone()))
}

fn make_hello() -> Result<PathBuf> {
    let (home, _lock) = shared_apps()?;
    let fresh = new_app("hello")?;
    let shared = home.join("hello");
    for path in ["Cargo.toml", "Cargo.lock", "src/main.rs"] {
        // The lock file comes with the first build where the template has none.
        let Ok(text) = fresh.read(path) else { continue };
        write_if_changed(&shared.join(path), &text)?;
    }
    Ok(shared)
}

/// The folder of the apps that tests have in common, and the right to write to it until the file is closed.
fn shared_apps() -> Result<(PathBuf, fs::File)> {
    let home = target().join("test-apps");
    fs::create_dir_all(&home)?;
    let lock = fs::File::create(home.join("lock"))?;
    lock.file().lock()?;
    Ok((home, lock))
}

/// An untouched file needs no new build.
fn write_if_changed(path: &Path, text: &str) -> Result {
    if fs::read_to_string(path).ok().as_deref() != Some(text) {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        fs::write(path, text)?;
    }
    Ok(())
}

/// The reference app without its release profile, whose optimization takes minutes. Tests only read it.
pub(crate) fn csv_group_sum() -> Result<PathBuf> {
    let (home, _lock) = shared_apps()?;
    let (example, shared) = (workspace().join("examples/csv-group-sum"), home.join("csv-group-sum"));
    for folder in [".", "src", "assets", "benches", "group-sum", "group-sum/src"] {
        for entry in fs::read_dir(example.join(folder))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let text = fs::read_to_string(entry.path())?;
                let is_manifest = entry.file_name() == "Cargo.toml";
                let text = if is_manifest { without_profile(&text) } else { text };
                write_if_changed(&shared.join(folder).join(entry.file_name()), &text)?;
            }
        }
    }
    Ok(shared)
}

/// An example's manifest without its `[profile]` tables, for another place.
fn without_profile(manifest: &str) -> String {
    let mut in_profile = false;
    let kept = manifest.lines().filter(|line| {
        if line.starts_with('[') {
            in_profile = line.starts_with("[profile.");
        }
        !in_profile
    });
    let crates = workspace().join("crates").display().to_string();
    kept.collect::<Vec<_>>().join("\n").replace("../../crates", &crates)
}

/// A hello app of the test's own, called `name`, for tests that change the source.
pub(crate) fn new_app(name: &str) -> Result<TempProject> {
    let project = TempProject::empty(name)?;
    drop(Lzap::new()?.run(project.path(), &["init", "--template", "hello", "--yes"])?.expect_success());
    Ok(project)
}

/// An app that may have workers, compiled and packed in no time: a copy of [`tasks`], outside of any repository.
pub(crate) fn new_app_with_workers() -> Result<TempProject> {
    let read = |file: &str| fs::read_to_string(tasks().join(file));
    let manifest = read("Cargo.toml")?.replace("\"tasks\"]", "\"map\"]");
    let files = [
        ("Cargo.toml", manifest),
        ("Cargo.lock", read("Cargo.lock")?),
        ("src/main.rs", read("src/main.rs")?),
        ("lzap/Cargo.toml", read("lzap/Cargo.toml")?),
        ("lzap/src/lib.rs", read("lzap/src/lib.rs")?),
    ];
    TempProject::with_files("tasks-by-hand", &files.each_ref().map(|(name, text)| (*name, text.as_str())))
}

/// The changes in a deploy's report, each as `action resource name`.
pub(crate) fn changes(report: &Value) -> Vec<String> {
    let changes = report["changes"].as_array().into_iter().flatten();
    let word = |change: &Value, key: &str| change[key].as_str().unwrap_or_default().to_owned();
    changes.map(|it| ["action", "resource", "name"].map(|key| word(it, key)).join(" ")).collect()
}

/// An app with tasks that speaks the envelopes by hand; see its own source.
pub(crate) fn tasks() -> PathBuf {
    workspace().join("tests/fixtures/tasks")
}

/// The tasks of that app.
pub(crate) const TASKS: &[&str] = &["cleanup", "die", "echo", "fail", "nap"];

/// A configuration file in a folder of its own.
pub(crate) fn settings(text: &str) -> Result<TempProject> {
    TempProject::with_files("settings", &[("lzap.toml", text)])
}

/// Takes a zip apart with Python's own reader, keeping the modes.
const UNZIP: &str = "
import os, sys, zipfile
for info in zipfile.ZipFile(sys.argv[1]).infolist():
    path = os.path.join(sys.argv[2], info.filename)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, 'wb').write(zipfile.ZipFile(sys.argv[1]).read(info))
    os.chmod(path, info.external_attr >> 16)
";

/// Unpacks `zip` into `folder`.
pub(crate) fn unzip(zip: &str, folder: &Path) -> Result {
    let status = Python::ready()?.command("python").args(["-c", UNZIP, zip]).arg(folder).status()?;
    assert!(status.success(), "cannot unzip {zip}");
    Ok(())
}
