//! `lzap package`: the zip and nothing else.

use fs_err as fs;
use lzap_testkit::{Lzap, Python};
use serde_json::Value;

use crate::support::{HOST, Result, hello, new_app, settings};

const LIST: &str = "
import json, sys, zipfile
zip = zipfile.ZipFile(sys.argv[1])
print(json.dumps([[i.filename, oct(i.external_attr >> 16 & 0o777), list(i.date_time)] for i in zip.infolist()]))
";

#[test]
fn the_same_source_gives_the_same_bytes() -> Result {
    let settings = settings(&format!(
        "app = \"hello\"\n[stage.dev]\nregion = \"us-east-1\"\narchitecture = \"{HOST}\"\n"
    ))?;
    let config = settings.path().join("lzap.toml").display().to_string();
    let package = || -> Result<(Value, Vec<u8>)> {
        let args = ["package", "dev", "--output", "json", "--config", &config];
        let report = Lzap::new()?.as_shipped().run(hello()?, &args)?.expect_success().json();
        let bytes = fs::read(report["artifact"]["path"].as_str().unwrap_or_default())?;
        Ok((report, bytes))
    };
    let (first, bytes) = package()?;
    let (second, again) = package()?;
    assert_eq!(first["artifact"], second["artifact"]);
    assert!(bytes == again, "two zips of one source differ");
    assert_eq!(first["artifact"]["bytes"], bytes.len());
    assert!(bytes.len() < 3_000_000, "a hello app's zip has {} bytes", bytes.len());

    let path = first["artifact"]["path"].as_str().unwrap_or_default();
    let listed = Python::ready()?.command("python").args(["-c", LIST, path]).output()?;
    let entries: Value = serde_json::from_slice(&listed.stdout)?;
    assert_eq!(entries[0][0], "bootstrap");
    assert_eq!(entries[0][1], "0o755");
    assert_eq!(entries.as_array().map(Vec::len), Some(1));

    let text =
        Lzap::new()?.as_shipped().run(hello()?, &["package", "dev", "--config", &config])?.expect_success();
    for part in [path, first["artifact"]["sha256"].as_str().unwrap_or_default()] {
        assert!(text.stdout.contains(part), "{text}");
    }
    Ok(())
}

/// With `-v` the compiler's lines come as it writes them, so the error doesn't repeat them.
#[test]
fn a_compile_error_is_printed_once() -> Result {
    let app = new_app("hello-once")?;
    app.write("src/main.rs", "fn main() {\n    nothing_of_the_kind();\n}\n")?;
    let lzap = Lzap::new()?;
    for args in [&["package", "local"][..], &["package", "local", "-v"]] {
        let outcome = lzap.run(app.path(), args)?.expect_code(4);
        assert_eq!(outcome.stderr.matches("cannot find function").count(), 1, "{outcome}");
    }
    Ok(())
}
