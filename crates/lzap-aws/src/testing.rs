//! Test helpers: clients whose cloud is a list of answers.
//!
//! Only what AWS says is replaced: the SDK serializes, signs, parses and repeats as it does for users.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use lzap_core::names::{Names, Part, Place, RoleName};
use lzap_core::plan::{Plan, Step};
use lzap_core::resource::{Operation, function};
use lzap_core::step::{Action, ResourceId, StepId, Target};

use crate::clients::Clients;

/// An answer of the cloud: status and body. In the REST-JSON protocol the error code goes into a header:
/// `CODE|BODY`.
pub(crate) type Answer = (u16, &'static str);

/// The requests in the order in which they came: method, URL, body, separated by blanks.
pub(crate) type Requests = Arc<Mutex<Vec<String>>>;

/// Clients of one service and region share the SDK's budget of retries: each test has a region, and so a budget, of its
/// own.
static REGIONS: AtomicUsize = AtomicUsize::new(0);

/// Returns clients that get `answers` in turn, the last one for ever; and the requests that they send.
pub(crate) fn answering(answers: &[Answer]) -> (Clients, Requests) {
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    let answers = Mutex::new(VecDeque::from(answers.to_vec()));
    let http = infallible_client_fn(move |request: http::Request<SdkBody>| {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        seen.lock().expect("no test panics here").push(format!(
            "{} {} {body}",
            request.method(),
            request.uri()
        ));
        let mut answers = answers.lock().expect("no test panics here");
        let (status, body) = match answers.len() {
            1 => answers.front().copied(),
            _ => answers.pop_front(),
        }
        .expect("an answer is left");
        let response = http::Response::builder().status(status).header("x-amzn-requestid", "4f1c");
        // REST-JSON names the error in a header, the other protocols in the body.
        let response = match body.split_once('|') {
            Some((code, rest)) => response.header("x-amzn-errortype", code).body(SdkBody::from(rest)),
            None => response.body(SdkBody::from(body)),
        };
        response.expect("a response")
    });
    let region = format!("test-region-{}", REGIONS.fetch_add(1, Ordering::Relaxed));
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys("id", "secret", None)))
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .http_client(http)
        .build();
    (Clients::new(&config, None, false), requests)
}

/// Returns the names that the tests use: app `shop`, stage `dev`.
pub(crate) fn names() -> Names {
    Names {
        app: "shop".to_owned(),
        stage: "dev".to_owned(),
        place: Place {
            partition: "aws".to_owned(),
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
        },
        role: RoleName::default(),
        part: Part::App,
    }
}

/// Returns a plan of these operations, each after the one before, as if all were about one resource.
pub(crate) fn plan_of(operations: Vec<Operation>) -> Plan {
    let resource = ResourceId { kind: function::KIND, name: "shop-dev".to_owned() };
    let step = |(id, operation): (usize, Operation)| Step {
        target: Target { resource: resource.clone(), action: Action::Update },
        part: Part::App,
        operation,
        fields: Vec::new(),
        after: id.checked_sub(1).map(StepId).into_iter().collect(),
    };
    Plan { steps: operations.into_iter().enumerate().map(step).collect() }
}
