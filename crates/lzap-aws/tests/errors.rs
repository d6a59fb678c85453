//! The error texts when AWS can't be reached at all: one clear line, the cause, the command that fixes it.
//!
//! Environments belong to a process, so each case runs this very binary again with an environment of its own.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use lzap_aws::{AwsError, Clients, Cloud, LocalKey, identity};
use lzap_core::explain::{CommandContext, Explained as _};

/// Says that this process is a case, and what its settings are: `REGION PROFILE`, with `-` for none.
const CASE: &str = "LZAP_TEST_CASE";

/// Does nothing when run as a test.
#[tokio::test]
async fn case() {
    let Ok(settings) = std::env::var(CASE) else { return };
    let mut settings = settings.split(' ').map(|word| (word != "-").then(|| word.to_owned()));
    let cloud = Cloud::Aws { region: settings.next().flatten(), profile: settings.next().flatten() };
    let error = ask(&cloud).await.expect_err("the port is closed");
    std::io::stdout().write_all(render(&error).as_bytes()).expect("the parent reads");
}

async fn ask(cloud: &Cloud) -> Result<(), AwsError> {
    let clients = Clients::connect(cloud).await?;
    identity(&clients).await.map(drop)
}

fn render(error: &AwsError) -> String {
    let mut text = format!("error: {error}\n");
    let _ = writeln!(text, "code: {}", error.code());
    if let Some(cause) = std::error::Error::source(error) {
        let _ = writeln!(text, "cause: {cause}");
    }
    let _ = writeln!(text, "help: {}", error.help(&CommandContext::new("deploy", Some("dev"))));
    text
}

/// The error text of a process with nothing but `environment` and the AWS configuration `config`.
fn told(settings: &str, config: &str, environment: &[(&str, &str)]) -> String {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("config");
    fs_err::write(&file, config).expect("the folder is writable");
    let program = std::env::current_exe().expect("this test has a path");
    let output = child(&program, home.path())
        .env(CASE, settings)
        .env("AWS_CONFIG_FILE", &file)
        .envs(environment.iter().copied())
        .output()
        .expect("this test can be run");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn child(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["case", "--exact", "--nocapture"]).env_clear().env("HOME", home);
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_SHARED_CREDENTIALS_FILE", home.join("none"));
    command
}

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "hunter22")];

#[test]
fn no_region() {
    let told = told("- -", "", &KEYS);
    assert!(told.contains("error: no AWS region is set"), "{told}");
    assert!(told.contains("AWS_REGION"), "{told}");
}

#[test]
fn the_profile_names_the_region() {
    let config = "[profile shop]\nregion = eu-central-1\n";
    let told = told("- shop", config, &[]);
    assert!(told.contains("error: no usable AWS credentials were found"), "{told}");
    assert!(told.contains("sts:GetCallerIdentity"), "{told}");
    assert!(told.contains("aws configure"), "{told}");
}

#[test]
fn a_missing_profile_is_named_with_those_that_exist() {
    let config = "[profile shop]\nregion = eu-central-1\n[default]\nregion = eu-west-1\n";
    for settings in ["- shpo", "eu-central-1 shpo"] {
        let told = told(settings, config, &[]);
        assert!(told.contains("error: the AWS profile `shpo` does not exist"), "{told}");
        assert!(told.contains("these exist: default, shop"), "{told}");
    }
    let told = told("eu-central-1 -", config, &[("AWS_PROFILE", "shpo")]);
    assert!(told.contains("error: the AWS profile `shpo` does not exist"), "{told}");
}

#[test]
fn an_expired_sign_on_names_the_command_that_renews_it() {
    let config = "[profile shop]\nregion = eu-central-1\nsso_session = corp\nsso_account_id = 123456789012\n\
                  sso_role_name = dev\n[sso-session corp]\nsso_region = eu-central-1\n\
                  sso_start_url = https://corp.example/start\n";
    let told = told("- shop", config, &[]);
    assert!(told.contains("error: the AWS credentials have expired"), "{told}");
    assert!(told.contains("aws sso login --profile shop"), "{told}");
}

#[test]
fn credentials_of_the_environment_need_no_profile() {
    let mut environment = KEYS.to_vec();
    environment.push(("AWS_ENDPOINT_URL", "http://127.0.0.1:1"));
    let told = told("eu-central-1 missing", "", &environment);
    assert!(told.contains("error: http://127.0.0.1:1 could not be reached"), "{told}");
    assert!(told.contains("AWS_ENDPOINT_URL"), "{told}");
    assert!(!told.contains("hunter22"), "{told}");
}

#[tokio::test]
async fn the_embedded_cloud_is_not_running() {
    let key = LocalKey { id: "id".to_owned(), secret: "secret".to_owned() };
    let cloud =
        Cloud::Local { endpoint: "http://127.0.0.1:1".to_owned(), region: "us-east-1".to_owned(), key };
    let error = ask(&cloud).await.expect_err("the port is closed");
    assert_eq!(error.to_string(), "http://127.0.0.1:1 could not be reached");
    assert!(render(&error).contains("lzap local start"), "{}", render(&error));
}
