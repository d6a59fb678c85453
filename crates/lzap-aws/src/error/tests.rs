//! What holds for every kind of error.

use std::error::Error as _;

use lzap_core::explain::{CommandContext, Explained as _};

use super::*;

const SECRET: &str = "hunter22";

fn cause(message: &str) -> Cause {
    Cause::from_entry("lambda:CreateFunction", "AnyException", message).1
}

/// One error of each kind, each with a cause and with the secret in every text.
fn errors_with_secret() -> impl Iterator<Item = AwsError> {
    AwsErrorKind::ALL.into_iter().map(|kind| {
        let subject = format!("function {SECRET}");
        AwsError::about(kind, subject, cause(&format!("Value '{{TOKEN={SECRET}}}' is not allowed")))
    })
}

#[test]
fn hiding_removes_environment_values_from_every_kind() {
    let command = CommandContext::new("deploy", Some("production"));
    for error in errors_with_secret() {
        let error = error.hiding(&[SECRET.to_owned()]);
        let source = error.source().expect("a cause").to_string();
        let texts = [error.to_string(), source, error.help(&command), format!("{error:?}")];
        for text in texts {
            assert!(!text.contains(SECRET), "{:?}: {text}", error.kind());
        }
    }
}

#[test]
fn the_cause_of_every_kind_survives_all_additions() {
    for error in errors_with_secret() {
        let kind = error.kind();
        let error = error
            .about_bucket("bucket")
            .at("http://127.0.0.1:4510", true, Some("shop"))
            .hiding(&[SECRET.to_owned()]);
        let source = error.source().unwrap_or_else(|| panic!("{kind:?} lost its cause")).to_string();
        assert_eq!(
            source, "AnyException from lambda:CreateFunction: Value '{TOKEN=(hidden)}' is not allowed",
            "{kind:?}"
        );
    }
}

#[test]
fn the_cause_names_operation_code_and_request_id() {
    for error in AwsError::examples() {
        match error.cause() {
            Some(cause) => {
                let text = cause.to_string();
                assert_eq!(
                    text,
                    "CODE from SERVICE:OPERATION (request ID): AWS'S MESSAGE",
                    "{:?}",
                    error.kind()
                );
            }
            None => {
                assert!(
                    matches!(error.kind(), AwsErrorKind::NoProfile | AwsErrorKind::NoRegion),
                    "{error:?}"
                );
            }
        }
    }
}

/// Two kinds are fixed by editing a file and need no command; each other help names the failed command.
#[test]
fn help_writes_out_the_failed_command() {
    let command = CommandContext::new("deploy", Some("production"));
    for error in AwsError::examples() {
        let help = error.help(&command);
        let names_stage = match error.kind() {
            AwsErrorKind::NoRegion | AwsErrorKind::BucketTaken => help.contains("[stage.production]"),
            AwsErrorKind::NothingToReserve => help.contains("[stage.production.workers]"),
            AwsErrorKind::NoProfile => help.contains("aws configure --profile NAME"),
            _ => help.contains("`lzap deploy production"),
        };
        assert!(names_stage, "{:?}: {help}", error.kind());
    }
}

#[test]
fn unreachable_help_depends_on_the_cloud() {
    let command = CommandContext::new("status", Some("local"));
    let error = AwsError::no_answer("sts:GetCallerIdentity", Duration::from_secs(20));
    let local = error.clone().at("http://127.0.0.1:4510", true, None);
    assert_eq!(local.to_string(), "http://127.0.0.1:4510 could not be reached");
    assert!(local.help(&command).contains("`lzap local start`, then `lzap status local`"));
    let aws = error.at("AWS in region eu-central-1", false, None);
    assert!(aws.help(&command).contains("AWS_ENDPOINT_URL"));
}

#[test]
fn a_bucket_is_taken_only_if_another_account_owns_it() {
    let denied = |message| AwsError::entry("s3:PutObject", "AccessDenied", message).about_bucket("bucket");
    assert_eq!(denied("Access Denied").kind(), AwsErrorKind::BucketTaken);
    let own = denied("User: x is not authorized to perform: s3:PutObject on resource: y");
    assert_eq!((own.kind(), own.to_string().as_str()), (AwsErrorKind::Denied, "AWS denies s3:PutObject"));
    let exists = AwsError::entry("s3:CreateBucket", "BucketAlreadyExists", "taken").about_bucket("bucket");
    assert_eq!(exists.to_string(), "the bucket `bucket` belongs to another AWS account");
}
