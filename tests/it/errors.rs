//! The gallery: what a user sees when something is wrong. Each entry says what, why and what to type next, and has the
//! documented exit code; the snapshots hold the very words.

use std::ffi::OsStr;
use std::fs::Permissions;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use fs_err as fs;
use lzap_testkit::{Lzap, Outcome, TempProject, redact};

use crate::support::{HOST, Result, hello, new_app, new_app_with_workers, settings};

const MANIFEST: &str = "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n";
const MAIN: &str = "fn main() {}\n";
const ROLE_CONFLICT: &str = "[stage.dev]\nregion = \"eu-central-1\"\nrole_arn = \"arn:aws:iam::123456789012:role/app\"\n\
                             role_permissions_boundary = \"arn:aws:iam::123456789012:policy/boundary\"\n";

/// Compares with the snapshot `name`; every error names what to do next.
#[track_caller]
fn gallery(name: &str, outcome: &Outcome) {
    assert!(outcome.stderr.contains("help: "), "an error without help\n{outcome}");
    insta::with_settings!({filters => redact::snapshot_filters(), omit_expression => true, prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, outcome.transcript());
    });
}

/// A crate with `lzap.toml`, which no command compiles.
fn shop(config: &str) -> Result<TempProject> {
    TempProject::with_files("shop", &[("Cargo.toml", MANIFEST), ("src/main.rs", MAIN), ("lzap.toml", config)])
}

#[test]
fn no_credentials() -> Result {
    let settings = settings(&format!(
        "app = \"hello\"\n[stage.dev]\nregion = \"eu-central-1\"\narchitecture = \"{HOST}\"\n"
    ))?;
    let config = settings.path().join("lzap.toml").display().to_string();
    let project = hello()?.display().to_string();
    let args = ["status", "dev", "--project", &project, "--config", &config];
    gallery("no_credentials", &Lzap::new()?.run(settings.path(), &args)?.expect_code(5));
    Ok(())
}

#[test]
fn no_region() -> Result {
    let project = shop("[stage.dev]\narchitecture = \"arm64\"\n")?;
    gallery("no_region", &Lzap::new()?.run(project.path(), &["status", "dev"])?.expect_code(2));
    Ok(())
}

#[test]
fn unknown_stage() -> Result {
    let project = shop("[stage.dev]\nregion = \"eu-central-1\"\n[stage.production]\nextends = \"dev\"\n")?;
    gallery("unknown_stage", &Lzap::new()?.run(project.path(), &["deploy", "prodution"])?.expect_code(2));
    Ok(())
}

#[test]
fn broken_configuration() -> Result {
    for (name, text) in [
        ("config_misspelt_key", "[stage.dev]\nregion = \"eu-central-1\"\nmemory_bm = 512\n"),
        ("config_wrong_type", "[stage.dev]\nregion = \"eu-central-1\"\nmemory_mb = \"much\"\n"),
        ("config_out_of_range", "[stage.dev]\nregion = \"eu-central-1\"\ntimeout_secs = 1000\n"),
        ("config_role_conflict", ROLE_CONFLICT),
        ("config_role_path", "[stage.dev]\nregion = \"eu-central-1\"\nrole_path = \"team\"\n"),
        ("config_no_toml", "[stage.dev\nregion = \"eu-central-1\"\n"),
        ("config_extends_loop", "[stage.a]\nextends = \"b\"\n[stage.b]\nextends = \"a\"\n"),
    ] {
        let project = shop(text)?;
        let stage = if name == "config_extends_loop" { "a" } else { "dev" };
        let outcome = Lzap::new()?.run(project.path(), &["deploy", stage])?.expect_code(2);
        assert!(outcome.stderr.contains('^'), "no caret\n{outcome}");
        gallery(name, &outcome);
    }
    Ok(())
}

#[test]
fn no_configuration() -> Result {
    let project = TempProject::with_files("shop", &[("Cargo.toml", MANIFEST), ("src/main.rs", MAIN)])?;
    gallery("no_configuration", &Lzap::new()?.run(project.path(), &["deploy"])?.expect_code(2));
    Ok(())
}

#[test]
fn no_crate() -> Result {
    let project = TempProject::empty("nothing")?;
    gallery("no_crate", &Lzap::new()?.run(project.path(), &["deploy", "local"])?.expect_code(2));
    Ok(())
}

#[test]
fn crate_without_lzap() -> Result {
    let project = shop("")?;
    gallery("crate_without_lzap", &Lzap::new()?.run(project.path(), &["deploy", "local"])?.expect_code(2));
    Ok(())
}

#[test]
fn build_failure() -> Result {
    let app = new_app("hello-broken")?;
    app.write("src/main.rs", "fn main() {\n    let x: u8 = \"text\";\n}\n")?;
    let outcome = Lzap::new()?.run(app.path(), &["package", "local"])?.expect_code(4);
    assert!(outcome.stderr.contains("mismatched types"), "rustc's own words are shown\n{outcome}");
    gallery("build_failure", &outcome);
    Ok(())
}

#[test]
fn two_binaries() -> Result {
    let app = new_app("hello-twice")?;
    app.write("src/bin/other.rs", MAIN)?;
    gallery("two_binaries", &Lzap::new()?.run(app.path(), &["package", "local"])?.expect_code(2));
    Ok(())
}

/// A machine with this one's cargo and rustc, but neither rustup nor zig nor a standard library for Lambda's targets;
/// `tools` are scripts, by name.
fn bare_machine(tools: &[(&str, &str)]) -> Result<(Lzap, TempProject)> {
    let machine = TempProject::empty("machine")?;
    let sysroot = machine.path().join("rust");
    let host = format!("rust/lib/rustlib/{}-unknown-linux-gnu/bin/rust-lld", std::env::consts::ARCH);
    machine.write(&host, "")?;
    let real = |tool: &str| format!("{}/bin/{tool}", real_sysroot().display());
    let rustc = format!(
        "case \"$*\" in \"--print sysroot\") echo {};; *) exec {} \"$@\";; esac",
        sysroot.display(),
        real("rustc")
    );
    let cargo = format!("exec {} \"$@\"", real("cargo"));
    for (name, script) in [("rustc", rustc.as_str()), ("cargo", &cargo)].iter().chain(tools) {
        let path = format!("bin/{name}");
        machine.write(&path, &format!("#!/bin/sh\n{script}\n"))?;
        fs::set_permissions(machine.path().join(path), Permissions::from_mode(0o755))?;
    }
    let bin = machine.path().join("bin");
    let tool = |name: &str| bin.join(name).display().to_string();
    let lzap = Lzap::new()?
        .env("PATH", &bin.display().to_string())
        .env("CARGO", &tool("cargo"))
        .env("RUSTC", &tool("rustc"))
        .env("CARGO_ZIGBUILD_PYTHON_PATH", &tool("python3"));
    Ok((lzap, machine))
}

fn real_sysroot() -> PathBuf {
    let output = Command::new("rustc").args(["--print", "sysroot"]).env("RUSTUP_AUTO_INSTALL", "0").output();
    let output = output.expect("the tests were compiled with it");
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
}

/// `lzap package` of the hello app for arm64, with `more` in the stage, on a bare machine with `tools`.
fn package_on_bare_machine(more: &str, tools: &[(&str, &str)]) -> Result<Outcome> {
    let settings = settings(&format!("app = \"hello\"\n[stage.dev]\nregion = \"eu-central-1\"\n{more}\n"))?;
    let config = settings.path().join("lzap.toml").display().to_string();
    let (lzap, _machine) = bare_machine(tools)?;
    lzap.run(hello()?, &["package", "dev", "--config", &config])
}

/// What the build needs and the machine lacks: nothing is compiled, and one command mends it.
#[test]
fn no_standard_library_for_the_target() -> Result {
    gallery("no_target", &package_on_bare_machine("", &[])?.expect_code(4));
    let offline = ("rustup", "echo 'error: could not download file' >&2; exit 1");
    gallery("target_add", &package_on_bare_machine("", &[offline])?.expect_code(4));
    Ok(())
}

#[test]
fn no_zig() -> Result {
    gallery("no_zig", &package_on_bare_machine("linker = \"zig\"", &[])?.expect_code(4));
    Ok(())
}

#[test]
fn openssl_is_not_cross_compiled() -> Result {
    // Nothing but this app's own crates is compiled before the error.
    let app = new_app_with_workers()?;
    let script = "fn main() { panic!(\"Could not find directory of OpenSSL installation\"); }\n";
    let openssl =
        "[package]\nname = \"openssl-sys\"\nversion = \"0.9.0\"\nedition = \"2024\"\nlinks = \"openssl\"\n";
    let reqwest = "[package]\nname = \"reqwest\"\nversion = \"0.12.0\"\nedition = \"2024\"\n[dependencies]\n";
    app.write("openssl/Cargo.toml", openssl)?;
    app.write("openssl/build.rs", script)?;
    app.write("openssl/src/lib.rs", "")?;
    app.write("reqwest/Cargo.toml", &format!("{reqwest}openssl-sys = {{ path = \"../openssl\" }}\n"))?;
    app.write("reqwest/src/lib.rs", "")?;
    app.replace("Cargo.toml", "[dependencies]\n", "[dependencies]\nreqwest = { path = \"reqwest\" }\n")?;
    let outcome = Lzap::new()?.run(app.path(), &["package", "local"])?.expect_code(4);
    assert!(outcome.stderr.contains("features = [\"rustls-tls\"]"), "{outcome}");
    Ok(())
}

/// The embedded cloud takes another port, and remembers it.
#[test]
fn port_in_use() -> Result {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = taken.local_addr()?.port();
    let lzap = Lzap::new()?;
    let start = |args: &[&str]| -> Result<serde_json::Value> {
        let args = [&["local", "start", "--output", "json"], args].concat();
        Ok(lzap.run(lzap.home(), &args)?.expect_success().json())
    };
    let first = start(&["--port", &port.to_string()])?;
    assert!(first["port"].is_number() && first["port"] != port, "{first:#}");
    drop(lzap.run(lzap.home(), &["local", "stop"])?.expect_success());
    let second = start(&[])?;
    drop(lzap.run(lzap.home(), &["local", "stop"])?.expect_success());
    assert_eq!(second["port"], first["port"]);
    Ok(())
}

#[test]
fn cloud_not_running() -> Result {
    let lzap = Lzap::new()?;
    let status = lzap.run(lzap.home(), &["local", "status"])?.expect_success();
    assert!(status.stdout.contains("lzap local start"), "{status}");
    let stopped = lzap.run(lzap.home(), &["local", "stop"])?.expect_success();
    assert!(stopped.stderr.contains("not running"), "{stopped}");
    Ok(())
}

#[test]
fn aws_unreachable() -> Result {
    let project = shop("app = \"shop\"\n[stage.dev]\nregion = \"eu-central-1\"\n")?;
    let lzap = Lzap::with_endpoint("http://127.0.0.1:9", "eu-central-1")?;
    gallery("aws_unreachable", &lzap.run(project.path(), &["status", "dev"])?.expect_code(5));
    Ok(())
}

#[test]
fn no_terminal_to_ask_on() -> Result {
    let lzap = Lzap::new()?;
    gallery("no_terminal", &lzap.run(lzap.home(), &["local", "reset"])?.expect_code(2));
    Ok(())
}

#[test]
fn misspelt_command() -> Result {
    let lzap = Lzap::new()?;
    let outcome = lzap.run(lzap.home(), &["delpoy"])?.expect_code(2);
    assert!(outcome.stderr.contains("'deploy'"), "the nearest command is named\n{outcome}");
    Ok(())
}

/// Ctrl-C in the middle of a build: exit 130, and what to do next.
#[test]
fn interrupted() -> Result {
    let app = new_app("hello-interrupted")?;
    // A build script that waits makes the build long enough to be met in the middle.
    app.write("build.rs", "fn main() { std::thread::sleep(std::time::Duration::from_secs(120)); }\n")?;
    let lzap = Lzap::new()?;
    let running = lzap.spawn(app.path(), &["package", "local"])?;
    std::thread::sleep(Duration::from_secs(4));
    running.interrupt()?;
    let outcome = running.wait_for_exit(Duration::from_secs(30))?.expect_code(130);
    gallery("interrupted", &outcome);
    Ok(())
}

/// With `--output json` a failure is one JSON document, with the same exit code.
#[test]
fn failures_as_json() -> Result {
    let project = shop("[stage.dev]\nmemory_bm = 512\n")?;
    let outcome = Lzap::new()?.run(project.path(), &["deploy", "dev", "--output", "json"])?.expect_code(2);
    let error = &outcome.json()["error"];
    assert_eq!(error["code"], "lzap::config::unknown_key");
    for part in ["message", "help"] {
        assert!(error[part].as_str().is_some_and(|text| !text.is_empty()), "{error:#}");
    }
    Ok(())
}

/// An error of the arguments is JSON only with the option: a stage or a task can have the name too.
#[test]
fn usage_errors_are_json_only_with_the_output_option() -> Result {
    let lzap = Lzap::new()?;
    let text = lzap.run(lzap.home(), &["deploy", "json", "--canray", "10"])?.expect_code(2);
    assert_eq!(text.stdout, "", "{text}");
    assert!(text.stderr.contains("'--canary'"), "the nearest option is named\n{text}");
    for args in [
        ["deploy", "dev", "--canray", "--output", "json"],
        ["--output=json", "-v", "-v", "deploy", "--canray"],
    ] {
        let json = lzap.run(lzap.home(), &args)?.expect_code(2).json();
        assert_eq!(json["error"]["code"], "lzap::usage::arguments", "{json:#}");
        assert_eq!(json["error"]["help"], "type `lzap deploy --help`", "{json:#}");
    }
    Ok(())
}

#[test]
fn an_argument_behind_a_task_is_given_with_data() -> Result {
    let lzap = Lzap::new()?;
    let outcome = lzap.run(lzap.home(), &["invoke", "local", "tidy", "5"])?.expect_code(2);
    assert!(outcome.stderr.contains("tip: the argument of a task is given with `--data 5`"), "{outcome}");
    Ok(())
}

#[test]
fn an_argument_that_is_not_utf_8_is_refused() -> Result {
    let lzap = Lzap::new()?;
    let args = [OsStr::new("deploy"), OsStr::from_bytes(b"d\xffv")];
    let outcome = lzap.run(lzap.home(), &args)?.expect_code(2);
    assert!(outcome.stderr.contains("invalid UTF-8"), "{outcome}");
    Ok(())
}

#[test]
fn explain_prints_the_page_of_a_code_and_names_the_nearest() -> Result {
    let lzap = Lzap::new()?;
    let page = lzap.run(lzap.home(), &["explain", "lzap::aws::denied"])?.expect_success();
    for part in ["lzap::aws::denied (exit code 5)", "Why: ", "What to do: ", "`lzap policy STAGE`"] {
        assert!(page.stdout.contains(part), "{part}\n{page}");
    }
    let page =
        lzap.run(lzap.home(), &["explain", "aws::denied", "--output", "json"])?.expect_success().json();
    assert_eq!((&page["code"], &page["exit_code"]), (&"lzap::aws::denied".into(), &5.into()), "{page:#}");
    let unknown = lzap.run(lzap.home(), &["explain", "lzap::aws::deneid"])?.expect_code(2);
    assert!(unknown.stderr.contains("did you mean `lzap explain lzap::aws::denied`?"), "{unknown}");
    let list = lzap.run(lzap.home(), &["explain"])?.expect_success();
    assert!(list.stdout.lines().any(|line| line.starts_with("lzap::config::missing ")), "{list}");
    Ok(())
}
