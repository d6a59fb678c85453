//! A Flask app of five lines, packaged by Zappa, run by AWS's own runtime for Python.

use fs_err as fs;
use lzap_testkit::{Python, target};
use serde_json::json;

use super::Form;
use crate::deploy::ZAPPA_APP;
use crate::peer::Peer;
use lzap_testkit::shell::{Failure, Result, quiet_output};

const REQUIREMENTS: &str = "zappa==0.63.0\nflask==3.1.2\nsetuptools==80.9.0\nawslambdaric==3.1.1\n";

const UNZIP: &str = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";

/// The package's handler under `python -m awslambdaric`.
pub(super) fn form() -> Result<Form> {
    let peer = Peer::new("zappa-runtime", REQUIREMENTS)?;
    let settings = json!({"dev": {
        "app_function": "app.app",
        // Lambda's Python runtime already includes these packages, its own client among them.
        "exclude": ["boto3", "dateutil", "botocore", "s3transfer", "concurrent", "awslambdaric", "snapshot_restore_py"],
        "aws_region": crate::REGION,
        "project_name": "hello",
        "runtime": format!("python{}", peer.python_version()?),
        "s3_bucket": "unused",
    }});
    peer.write("zappa_settings.json", &settings.to_string())?;
    peer.write("app.py", ZAPPA_APP)?;
    quiet_output(&mut peer.command("zappa", &["package", "dev", "--output", "package.zip"]))?;
    let zip = peer.project.join("package.zip");
    let folder = target().join("bench/runtime/zappa");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    quiet_output(peer.python.command("python").args(["-c", UNZIP]).arg(&zip).arg(&folder))?;
    let python = Python::command(&peer.python, "python").get_program().to_owned();
    let headers = json!({"Host": "localhost"});
    Ok(Form {
        name: "Zappa's handler, Flask",
        command: vec![python, "-m".into(), "awslambdaric".into(), "handler.lambda_handler".into()],
        event: json!({
            "resource": "/", "path": "/", "httpMethod": "GET", "headers": headers,
            "multiValueHeaders": {"Host": ["localhost"]}, "queryStringParameters": null,
            "multiValueQueryStringParameters": null, "pathParameters": null, "stageVariables": null, "body": "",
            "isBase64Encoded": false,
            "requestContext": {"resourcePath": "/", "httpMethod": "GET", "path": "/", "stage": "dev", "identity":
                {"sourceIp": "127.0.0.1"}, "requestId": "1", "apiId": "1"},
        }),
        zip_bytes: Some(fs::metadata(&zip).map_err(|error| Failure::new(error.to_string()))?.len()),
        folder,
        best: None,
        is_rust_app: false,
        instructions: None,
    })
}
