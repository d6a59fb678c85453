//! Apps built for arm64, the default of AWS stages, and run: by QEMU where this machine is another.

use std::path::Path;
use std::time::Duration;

use fs_err as fs;
use hyper::Method;
use lzap_testkit::{LocalCloud, Lzap, Python, Response, TempProject, require_arm64, send_request, workspace};
use serde_json::{Value, json};

use crate::support::{HOST, REGION, Result, hello, new_app, settings, unzip};

/// The loader of every arm64 binary that links glibc.
const LOADER: &str = "/lib/ld-linux-aarch64.so.1";

/// A machine that can run arm64, with zig at hand.
fn cloud() -> Result<LocalCloud> {
    require_arm64()?;
    // Where the package `ziglang` is.
    let python = Python::ready()?.command("python3").get_program().to_string_lossy().into_owned();
    Ok(LocalCloud::on_machine(Lzap::new()?.as_shipped().env("CARGO_ZIGBUILD_PYTHON_PATH", &python)))
}

/// Deploys `app` to the embedded cloud as arm64, with more lines for the stage.
fn deploy(cloud: &LocalCloud, app: &Path, more: &str) -> Result<Value> {
    let name = app.file_name().unwrap_or_default().display();
    let text =
        format!("app = \"{name}\"\n[stage.local]\narchitecture = \"arm64\"\nkeep_warm = false\n{more}\n");
    let config = settings(&text)?;
    let file = config.path().join("lzap.toml").display().to_string();
    let args = ["deploy", "local", "--output", "json", "--config", &file];
    Ok(cloud.lzap().run(app, &args)?.expect_success().json())
}

fn send(method: &Method, deployed: &Value, path: &str, body: &str) -> Result<Response> {
    let url = deployed["url"].as_str().unwrap_or_default().trim_end_matches('/');
    send_request(method, &format!("{url}{path}"), "text/plain", body.to_owned())
}

/// All that the function and the platform logged.
fn log(cloud: &LocalCloud, function: &str) -> Result<String> {
    let group = json!({"logGroupName": format!("/aws/lambda/{function}")});
    let events = cloud.call_aws("us-east-1", &[("logs", "filter_log_events", group)])?;
    let lines = events[0]["events"].as_array().into_iter().flatten();
    Ok(lines.filter_map(|event| event["message"].as_str()).collect::<Vec<_>>().join("\n"))
}

/// The ids of the embedded cloud's worker processes.
fn workers(cloud: &LocalCloud) -> Result<Vec<String>> {
    fn find(folder: &Path, found: &mut Vec<String>) -> Result {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                find(&path, found)?;
            } else if path.ends_with("pid") {
                found.extend(fs::read_to_string(path)?.split(' ').next().map(str::to_owned));
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    find(&cloud.lzap().state_dir().join("lambda"), &mut found)?;
    Ok(found)
}

/// What the head of an ELF file says: whether it is for arm64, and which program loads it.
fn elf(bootstrap: &Path) -> Result<(bool, Option<String>)> {
    let file = fs::read(bootstrap)?;
    let number = |at: usize, bytes: usize| {
        file[at..at + bytes].iter().rev().fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    assert!(file.starts_with(b"\x7fELF\x02\x01"), "a 64-bit little-endian ELF file");
    let headers = (0..number(56, 2)).map(|index| number(32, 8) + index * number(54, 2));
    let loader = headers.into_iter().find(|at| number(*at, 4) == 3).map(|at| {
        let name = &file[number(at + 8, 8)..][..number(at + 32, 8)];
        String::from_utf8_lossy(name).trim_end_matches('\0').to_owned()
    });
    Ok((number(18, 2) == 183, loader))
}

fn elf_of(deployed: &Value, app: &Path, cloud: &LocalCloud) -> Result<(bool, Option<String>)> {
    let key = deployed["artifact"]["key"].as_str().unwrap_or_default();
    let bucket = deployed["artifact"]["bucket"].as_str().unwrap_or_default();
    let folder = TempProject::empty("unzipped")?;
    let copied =
        cloud.run_aws_cli(folder.path(), &["s3", "cp", &format!("s3://{bucket}/{key}"), "app.zip"])?;
    assert!(copied.status.success(), "{}: {}", app.display(), String::from_utf8_lossy(&copied.stderr));
    unzip(&folder.path().join("app.zip").display().to_string(), folder.path())?;
    elf(&folder.path().join("bootstrap"))
}

/// Both ways to link a pure Rust app: the artifact, its answer, and how the emulated process is kept.
#[test]
fn the_hello_app_is_built_both_ways_and_answers() -> Result {
    let cloud = cloud()?;
    for (linker, loader) in [("rust-lld", None), ("zig", Some(LOADER.to_owned()))] {
        let deployed = deploy(&cloud, hello()?, &format!("linker = \"{linker}\""))?;
        assert_eq!(deployed["artifact"]["architecture"], "arm64");
        assert_eq!(elf_of(&deployed, hello()?, &cloud)?, (true, loader), "{linker}");
        for _ in 0..2 {
            let answer = send(&Method::GET, &deployed, "/", "")?;
            assert_eq!((answer.status.as_u16(), answer.text().contains("Hello")), (200, true), "{linker}");
        }
    }
    let live = json!({"FunctionName": "hello-local", "Qualifier": "live"});
    let function = cloud.call_aws("us-east-1", &[("lambda", "get_function_configuration", live)])?;
    assert_eq!(function[0]["Architectures"], json!(["arm64"]));
    for pid in workers(&cloud)? {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        assert!(status.contains("State:\tT (stopped)"), "not frozen between invocations:\n{status}");
    }
    let log = log(&cloud, "hello-local")?;
    assert_eq!(log.contains("emulates arm64"), HOST != "arm64", "{log}");
    // QEMU alone has more than twice that.
    let used = log.split("Max Memory Used: ").skip(1).filter_map(|rest| rest.split(' ').next()?.parse().ok());
    assert!(used.max().is_some_and(|megabytes: u32| megabytes <= 8), "{log}");
    Ok(())
}

/// What an AWS stage gets when it says nothing about its architecture is what ran above, to the byte.
#[test]
fn the_default_artifact_is_a_static_arm64_binary() -> Result {
    let config = settings(&format!("app = \"hello\"\n[stage.dev]\nregion = \"{REGION}\"\n"))?;
    let file = config.path().join("lzap.toml").display().to_string();
    let args = ["package", "dev", "--output", "json", "--config", &file];
    let packaged = Lzap::new()?.as_shipped().run(hello()?, &args)?.expect_success().json();
    let folder = TempProject::empty("unzipped")?;
    unzip(packaged["artifact"]["path"].as_str().unwrap_or_default(), folder.path())?;
    assert_eq!(elf(&folder.path().join("bootstrap"))?, (true, None));
    let cloud = cloud()?;
    let deployed = deploy(&cloud, hello()?, "")?;
    assert_eq!(deployed["artifact"]["sha256"], packaged["artifact"]["sha256"]);
    Ok(())
}

/// A dependency that compiles C: zig links it where this machine is another, and the C code computes what it should.
#[test]
fn an_app_that_compiles_c_is_built_and_answers() -> Result {
    let cloud = cloud()?;
    let app = workspace().join("tests/fixtures/with-c");
    let deployed = deploy(&cloud, &app, "")?;
    assert_eq!(elf_of(&deployed, &app, &cloud)?, (true, Some(LOADER.to_owned())));
    let answer = send(&Method::PUT, &deployed, "/", "abc")?;
    // FIPS 180-2, appendix B.1.
    assert_eq!(answer.text(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    Ok(())
}

/// Limits hold under emulation: the function's memory, its time, and its end when the cloud stops.
#[test]
fn an_emulated_function_has_the_limits_of_any_other() -> Result {
    let cloud = cloud()?;
    let app = new_app("hello-limits")?;
    let routes = ".route(\"/eat\", get(eat)).route(\"/sleep\", get(sleep))";
    app.replace("src/main.rs", ".route(\"/\", get(index))", &format!(".route(\"/\", get(index)){routes}"))?;
    let source = app.read("src/main.rs")?;
    let handlers = "
async fn eat() -> String {
    let bytes = vec![1_u8; 200 << 20];
    std::thread::sleep(std::time::Duration::from_millis(500));
    bytes.len().to_string()
}

async fn sleep() {
    std::thread::sleep(std::time::Duration::from_secs(20));
}
";
    app.write("src/main.rs", &format!("{source}{handlers}"))?;
    let deployed = deploy(&cloud, app.path(), "memory_mb = 128\ntimeout_secs = 3")?;
    for (path, line) in [("/eat", "Runtime.OutOfMemory"), ("/sleep", "Task timed out after 3.00 seconds")] {
        assert_eq!(send(&Method::GET, &deployed, path, "")?.status.as_u16() / 100, 5, "{path}");
        let log = log(&cloud, "hello-limits-local")?;
        assert!(log.contains(line), "{log}");
        assert_eq!(send(&Method::GET, &deployed, "/", "")?.status, 200, "after {path}");
    }
    let workers = workers(&cloud)?;
    assert!(!workers.is_empty());
    drop(cloud.lzap().run(cloud.lzap().home(), &["local", "stop"])?.expect_success());
    std::thread::sleep(Duration::from_millis(200));
    for pid in workers {
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "worker {pid} outlives its cloud");
    }
    Ok(())
}
