//! Real builds of tiny crates. The static target comes through rustup the first time.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lzap_build::compile::{Binary, BuildEvent, CompileOptions, compile};
use lzap_build::project::Project;
use lzap_build::toolchain::Toolchain;
use lzap_build::{BuildError, elf};
use lzap_core::exit::Exit;
use lzap_core::explain::Explained as _;
use lzap_core::platform::{Architecture, Linker};

use crate::support::{MAIN, folder, manifest, project, told};

fn host() -> Architecture {
    Architecture::host().expect("the tests run where Lambda could")
}

fn options(linker: Linker) -> CompileOptions {
    CompileOptions { architecture: host(), linker, color: false }
}

/// Compiles with the toolchain of the project's folder.
async fn build_it(
    project: &Project,
    options: &CompileOptions,
    on_event: &mut (dyn FnMut(BuildEvent) + Send),
) -> Result<Binary, BuildError> {
    compile(project, &Toolchain::of(&project.root).await?, options, on_event).await
}

#[tokio::test]
async fn pure_rust_becomes_a_static_binary_that_runs() {
    let dir = folder(&[("Cargo.toml", &manifest("pure", "")), ("src/main.rs", MAIN)]);
    let mut events = Vec::new();
    let mut on_event = |event| events.push(event);
    let binary =
        build_it(&project(dir.path()), &options(Linker::Auto), &mut on_event).await.expect("it compiles");
    assert_eq!(binary.linker, Linker::RustLld);
    let report = elf::inspect(&binary.path).expect("an executable");
    assert!(report.statically_linked && report.needed.is_empty(), "{report:?}");
    elf::check(&report, host()).expect("Lambda can start it");
    let output = std::process::Command::new(&binary.path).output().expect("it starts");
    assert_eq!(output.stdout, b"hello\n");
    assert!(matches!(&events[0], BuildEvent::Linker { linker: Linker::RustLld, .. }), "{events:?}");
    let is_this = |event: &BuildEvent| matches!(event, BuildEvent::Compiling { name, .. } if name == "pure");
    assert!(events.iter().any(is_this), "{events:?}");
}

#[tokio::test]
async fn the_users_profile_and_flags_win() {
    // Any x86_64 machine of these years has SSE3, the baseline hasn't.
    let main = "fn main() {\n    println!(\"{} {} {}\", cfg!(debug_assertions), cfg!(mine), cfg!(target_feature = \"sse3\"));\n}\n";
    let dir = folder(&[
        ("Cargo.toml", &manifest("mine", "[profile.release]\ndebug-assertions = true\nstrip = false\n")),
        ("src/main.rs", main),
        (".cargo/config.toml", "[build]\nrustflags = [\"--cfg\", \"mine\", \"-Ctarget-cpu=native\"]\n"),
    ]);
    let mut lines = Vec::new();
    let mut on_event = |event| lines.push(event);
    let binary =
        build_it(&project(dir.path()), &options(Linker::Auto), &mut on_event).await.expect("it compiles");
    let output = std::process::Command::new(&binary.path).output().expect("it starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "true true false\n");
    let bytes = fs_err::read(&binary.path).expect("the binary");
    assert!(bytes.windows(7).any(|it| it == b".symtab"), "`strip = false` keeps the symbol table");
    let warned =
        |event: &BuildEvent| matches!(event, BuildEvent::Warning(text) if text.contains("target-cpu=native"));
    assert!(lines.iter().any(warned), "{lines:?}");
}

#[tokio::test]
async fn a_dependency_that_compiles_c_is_built_natively_at_home() {
    let dir = folder(&[
        ("Cargo.toml", &manifest("with-c", "[dependencies]\nthing-sys = { path = \"thing\" }\n")),
        ("src/main.rs", MAIN),
        ("thing/Cargo.toml", &manifest("thing-sys", "links = \"thing\"\n")),
        ("thing/src/lib.rs", ""),
        ("thing/build.rs", "fn main() {}"),
    ]);
    let binary =
        build_it(&project(dir.path()), &options(Linker::Auto), &mut |_| {}).await.expect("it compiles");
    // A host with a newer glibc than Lambda's goes on to zig by itself.
    if binary.linker == Linker::Native {
        let report = elf::inspect(&binary.path).expect("an executable");
        assert!(!report.statically_linked && report.glibc.is_some(), "{report:?}");
        elf::check(&report, host()).expect("Lambda can start it");
    }
}

#[tokio::test]
async fn a_compile_failure_carries_rustcs_words() {
    let dir =
        folder(&[("Cargo.toml", &manifest("bad", "")), ("src/main.rs", "fn main() {\n    nothing();\n}\n")]);
    let error =
        build_it(&project(dir.path()), &options(Linker::Auto), &mut |_| {}).await.expect_err("a bad name");
    assert_eq!(error.exit(), Exit::Build);
    let BuildError::CompileFailed { rendered, .. } = &error else { panic!("{error:?}") };
    assert!(rendered.starts_with("error[E0425]: cannot find function `nothing`"), "{rendered}");
    assert!(rendered.contains("--> src/main.rs:2:5"), "{rendered}");
    assert!(!rendered.contains("Building [") && !rendered.contains('\u{1b}'), "{rendered}");
    assert!(told(&error).contains("help: fix the errors above"), "{}", told(&error));
}

#[tokio::test]
async fn color_is_kept_when_asked_for() {
    let dir = folder(&[("Cargo.toml", &manifest("red", "")), ("src/main.rs", "fn main() { nothing() }\n")]);
    let options = CompileOptions { color: true, ..options(Linker::Auto) };
    let error = build_it(&project(dir.path()), &options, &mut |_| {}).await.expect_err("a bad name");
    assert!(
        matches!(&error, BuildError::CompileFailed { rendered, .. } if rendered.contains("\u{1b}[")),
        "{error:?}"
    );
}

#[tokio::test]
async fn native_for_another_architecture_is_refused_before_compiling() {
    let dir = folder(&[("Cargo.toml", &manifest("other", "")), ("src/main.rs", "not even Rust")]);
    let architecture = match host() {
        Architecture::Arm64 => Architecture::X86_64,
        Architecture::X86_64 => Architecture::Arm64,
    };
    let options = CompileOptions { architecture, ..options(Linker::Native) };
    let error = build_it(&project(dir.path()), &options, &mut |_| {}).await.expect_err("not native");
    assert!(matches!(error, BuildError::NotNative { .. }), "{error}");
}

/// The build script sleeps, so that there is something to end; it writes its process id first.
#[cfg(unix)]
#[tokio::test]
async fn dropping_a_build_ends_everything_that_it_started() {
    let build = "fn main() {\n    std::fs::write(\"pid\", std::process::id().to_string()).expect(\"the fixture is fine\");\n    \
                 std::thread::sleep(std::time::Duration::from_secs(120));\n}\n";
    let dir = folder(&[("Cargo.toml", &manifest("slow", "")), ("src/main.rs", MAIN), ("build.rs", build)]);
    let pid_file = dir.path().join("pid");
    let project = project(dir.path());
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let building = tokio::spawn(async move {
        let mut on_event = move |event| seen.lock().expect("no panic").push(event);
        build_it(&project, &options(Linker::Auto), &mut on_event).await
    });
    let started = Instant::now();
    while fs_err::read_to_string(&pid_file).is_ok_and(|it| it.is_empty()) || !pid_file.exists() {
        assert!(started.elapsed() < Duration::from_mins(1), "the build script never started: {events:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let pid: i32 = fs_err::read_to_string(&pid_file).expect("a pid").parse().expect("a number");
    let pid = rustix::process::Pid::from_raw(pid).expect("not zero");
    building.abort();
    let ended = Instant::now();
    while rustix::process::test_kill_process(pid).is_ok() {
        assert!(ended.elapsed() < Duration::from_secs(10), "the build script lives on");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
