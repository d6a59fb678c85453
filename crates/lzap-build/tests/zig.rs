//! A crate that compiles C, cross-compiled by zig. This test's program is the compiler wrapper too, so it has its own
//! `main`. Without zig on the machine it proves the error that says how to get it.

use std::path::Path;

use lzap_build::compile::{BuildEvent, CompileOptions, compile};
use lzap_build::project::{Selection, find_project};
use lzap_build::toolchain::Toolchain;
use lzap_build::{BuildError, elf, zig_wrapper};
use lzap_core::explain::{CommandContext, Explained as _};
use lzap_core::platform::{Architecture, Linker};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().collect();
    if let Some(done) = zig_wrapper(&args) {
        return Ok(done?);
    }
    // `cargo test` asks what there is to run.
    if args.iter().any(|arg| arg == "--list") {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    fixture(dir.path())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(cross_compile(dir.path()))
}

/// The build script does what the `cc` crate does: it asks `CC_<target>` and `AR_<target>`.
fn fixture(dir: &Path) -> std::io::Result<()> {
    let manifest = |name: &str, rest: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{rest}")
    };
    let build = r#"
use std::{env, path::Path, process::Command};
fn main() {
    let target = env::var("TARGET").expect("the fixture is fine").replace('-', "_");
    let out = env::var("OUT_DIR").expect("the fixture is fine");
    let (object, library) = (Path::new(&out).join("seven.o"), Path::new(&out).join("libseven.a"));
    let run = |tool: &str, args: &[&str]| {
        let tool = env::var(format!("{tool}_{target}")).expect("lzap sets it");
        assert!(Command::new(tool).args(args).status().expect("the fixture is fine").success());
    };
    run("CC", &["-c", "-O2", "seven.c", "-o", object.to_str().expect("the fixture is fine")]);
    run("AR", &["crs", library.to_str().expect("the fixture is fine"), object.to_str().expect("the fixture is fine")]);
    println!("cargo::rustc-link-search=native={out}");
    println!("cargo::rustc-link-lib=static=seven");
}
"#;
    let main = "unsafe extern \"C\" {\n    safe fn seven() -> i32;\n}\nfn main() {\n    println!(\"{}\", seven());\n}\n";
    let files = [
        ("Cargo.toml", manifest("app", "[build-dependencies]\ncc = { path = \"cc\" }\n")),
        ("build.rs", build.to_owned()),
        ("seven.c", "int seven(void) { return 7; }\n".to_owned()),
        ("src/main.rs", main.to_owned()),
        ("cc/Cargo.toml", manifest("cc", "")),
        ("cc/src/lib.rs", String::new()),
    ];
    for (name, text) in files {
        let path = dir.join(name);
        fs_err::create_dir_all(path.parent().unwrap_or(dir))?;
        fs_err::write(path, text)?;
    }
    Ok(())
}

async fn cross_compile(dir: &Path) -> Result<(), Failure> {
    let mut project = find_project(&Selection { dir, package: None, bin: None, features: &[] })?;
    project.target_dir = dir.join("target");
    assert_eq!(project.c_dependency.as_deref(), Some("app"), "its own build script uses `cc`");
    let host = Architecture::host().ok_or("the tests run where Lambda could")?;
    let other = if host == Architecture::Arm64 { Architecture::X86_64 } else { Architecture::Arm64 };
    let toolchain = Toolchain::of(dir).await?;
    for (architecture, linker) in [(other, Linker::Auto), (host, Linker::Zig)] {
        let options = CompileOptions { architecture, linker, color: false };
        let mut events: Vec<BuildEvent> = Vec::new();
        let built = compile(&project, &toolchain, &options, &mut |event| events.push(event)).await;
        if let Err(error @ BuildError::NoZig { .. }) = &built {
            let help = error.help(&CommandContext::new("package", Some("dev")));
            assert!(help.contains("pip install ziglang"), "{help}");
            // `cargo xtask test` brings zig along and says where it is: then it must be found.
            assert!(std::env::var_os("CARGO_ZIGBUILD_PYTHON_PATH").is_none(), "zig was not found: {error}");
            return Ok(());
        }
        let binary = built?;
        assert_eq!(binary.linker, Linker::Zig);
        let report = elf::inspect(&binary.path)?;
        elf::check(&report, architecture)?;
        assert!(report.glibc.is_some() && !report.statically_linked, "{report:?}");
        if architecture == host {
            let output = std::process::Command::new(&binary.path).output()?;
            assert_eq!(output.stdout, b"7\n");
        }
    }
    Ok(())
}
