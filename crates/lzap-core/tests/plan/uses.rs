//! What an app uses beside HTTP: more permissions, the bucket, its rules.

use lzap_core::asynchronous::AsyncConfig;
use lzap_core::desired::{Desired, Stage};
use lzap_core::observed::Observed;
use lzap_core::plan::plan;
use lzap_core::resource::Operation;
use lzap_core::resource::bucket::BucketOperation;
use lzap_core::resource::bucket::BucketSetting;
use lzap_core::resource::function::FunctionOperation;
use lzap_core::settings::{Settings, Workers};
use lzap_core::uses::Uses;

use crate::{deployed, names, stage, stage_using};

const TASKS: Uses = Uses { tasks: true, map: false, workers: false };

#[test]
fn an_app_that_uses_tasks_may_do_more_and_knows_the_bucket() {
    let cloud = deployed(&stage(1, |_| ()), &Observed::nothing(names()));
    let wanted = stage_using(2, TASKS, |_| ());
    let policy = wanted.role.as_ref().expect("a role").policy.to_string();
    for part in [
        r#"["lambda:InvokeFunction"],"Resource":"arn:aws:lambda:eu-central-1:123456789012:function:shop-dev:*""#,
        r#""s3:PutObjectTagging"],"Resource":"arn:aws:s3:::lzap-123456789012-eu-central-1/shop/dev/jobs/*","Condition":{"StringEquals":{"s3:ResourceAccount":"123456789012"}}"#,
    ] {
        assert!(policy.contains(part), "no {part} in {policy}");
    }
    assert!(!policy.contains("spill"), "{policy}");
    assert_eq!(wanted.function.environment["LZAP_BUCKET"], "lzap-123456789012-eu-central-1");
    assert_eq!(wanted.function.environment["LZAP_ACCOUNT"], "123456789012");
    let after = deployed(&wanted, &cloud);
    assert_eq!(Uses::of_tags(&after.function.as_ref().expect("a function").tags), TASKS);
    // And back: what isn't used any more is taken away.
    let back = deployed(&stage(3, |_| ()), &after);
    let function = back.function.as_ref().expect("a function");
    assert!(!Uses::of_tags(&function.tags).any() && !function.config.environment.contains_key("LZAP_BUCKET"));
    assert_eq!(back.role.and_then(|role| role.policy), cloud.role.and_then(|role| role.policy));
}

/// The runtime crate tells an attempt that is tried again from the last by it; nothing changes where Lambda's own way is
/// the stage's.
#[test]
fn an_app_that_uses_tasks_knows_how_often_lambda_tries_again() {
    let retries = |uses, retries: Option<u32>| {
        let asynchronous =
            retries.map(|retries| AsyncConfig { retries, max_age_secs: 3600, on_failure: None });
        let stage = stage_using(1, uses, |settings| settings.asynchronous = asynchronous);
        stage.function.environment.get("LZAP_RETRIES").cloned()
    };
    assert_eq!(retries(TASKS, None), None);
    assert_eq!(retries(TASKS, Some(2)), None, "as Lambda does by itself");
    assert_eq!(retries(TASKS, Some(0)).as_deref(), Some("0"));
    assert_eq!(retries(Uses::default(), Some(0)), None, "there are no jobs");
    let with_workers = |settings: &mut Settings| {
        settings.workers = Some(Workers::default());
        settings.asynchronous = Some(AsyncConfig { retries: 1, max_age_secs: 3600, on_failure: None });
    };
    let workers = stage_using(1, Uses { map: true, ..TASKS }, with_workers).workers.expect("workers");
    assert_eq!(workers.function.environment["LZAP_RETRIES"], "1");
}

/// Only an app that needs them gets the rules of a bucket that has others; existing rules stay.
#[test]
fn payloads_and_records_expire_where_an_app_keeps_them() {
    let mut cloud = deployed(&stage(1, |_| ()), &Observed::nothing(names()));
    cloud.bucket.as_mut().expect("a bucket").missing = [BucketSetting::Expiry].into();
    let calls = |stage: Stage| -> Vec<Operation> {
        let plan = plan(&Desired::Stage(Box::new(stage)), &cloud).expect("a plan");
        plan.steps.into_iter().map(|step| step.operation).collect()
    };
    assert_eq!(calls(stage(1, |_| ())), []);
    let tasks = calls(stage_using(1, TASKS, |_| ()));
    let expiry = tasks
        .iter()
        .position(|call| *call == Operation::Bucket(BucketOperation::AddExpiry))
        .expect("the rules are added");
    let tag = tasks
        .iter()
        .position(|call| matches!(call, Operation::Function(FunctionOperation::Tag(_))))
        .expect("a tag");
    assert!(expiry < tag && !tasks.contains(&Operation::Bucket(BucketOperation::PutLifecycle)), "{tasks:#?}");
}
