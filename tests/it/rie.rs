//! The artifact under AWS's own Runtime Interface Emulator.

use std::path::Path;

use fs_err as fs;
use lzap_testkit::{Lzap, Rie, TempProject};
use serde_json::{Value, json};

use crate::support::{HOST, REGION, Result, hello, settings, unzip};

fn http_event(method: &str, path: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "abc.execute-api.eu-central-1.amazonaws.com", "accept": "*/*"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc",
            "domainName": "abc.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "abc",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test"},
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "10/Mar/2026:05:16:23 +0000",
            "timeEpoch": 1_773_119_783_000_u64
        },
        "isBase64Encoded": false
    })
}

fn package_and_unzip(folder: &Path) -> Result {
    let settings = settings(&format!(
        "app = \"hello\"\n[stage.dev]\nregion = \"{REGION}\"\narchitecture = \"{HOST}\"\n"
    ))?;
    let config = settings.path().join("lzap.toml");
    let args = ["package", "dev", "--output", "json", "--config"].map(str::to_owned);
    let args: Vec<String> = args.into_iter().chain([config.display().to_string()]).collect();
    let report = Lzap::new()?.as_shipped().run(hello()?, &args)?.expect_success().json();
    unzip(report["artifact"]["path"].as_str().unwrap_or_default(), folder)
}

#[test]
fn the_zip_answers_http_events_pings_and_probes() -> Result {
    let folder = TempProject::empty("unzipped")?;
    package_and_unzip(folder.path())?;
    let bootstrap = folder.path().join("bootstrap");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&bootstrap)?.permissions());
    assert_eq!(mode & 0o777, 0o755);
    let rie = Rie::start(&bootstrap, "hello-dev")?;

    let answer = rie.invoke(&http_event("GET", "/"))?;
    assert_eq!(answer["statusCode"], 200, "{answer:#}");
    assert!(answer["body"].as_str().unwrap_or_default().contains("Hello"), "{answer:#}");
    let missing = rie.invoke(&http_event("GET", "/nowhere"))?;
    assert_eq!(missing["statusCode"], 404, "{missing:#}");
    for kind in ["warm", "probe"] {
        let answer = rie.invoke(&json!({"lzap": {"v": 1, "kind": kind}}))?;
        assert_eq!((&answer["lzap"]["v"], &answer["lzap"]["kind"]), (&json!(1), &json!(kind)), "{answer:#}");
    }
    let unknown = rie.invoke(&json!({"lzap": {"v": 99, "kind": "dance"}}))?;
    assert!(unknown["errorMessage"].as_str().unwrap_or_default().contains("99"), "{unknown:#}");
    Ok(())
}
