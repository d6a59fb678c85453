//! A whole life of a stage, through the public interface, against moto; or, for work on another cloud, against whatever
//! listens at `LZAP_TEST_ENDPOINT`. They need Python, as each test target called `cloud`.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::net::TcpStream;
use std::path::Path;

use lzap_aws::{
    Applied, ApplyError, Clients, Cloud, LocalKey, Scope, Site, Touch, apply, identity, last_log_lines,
    observe, touch,
};
use lzap_core::desired::{Desired, Rollback, Stage, Undeploy};
use lzap_core::event::Event;
use lzap_core::ids::{RuleName, VersionNumber};
use lzap_core::names::{KEEP_WARM, Names, Part, RoleName, TAG_APP, TAG_STAGE, hex};
use lzap_core::plan::{Plan, plan};
use lzap_core::platform::Architecture;
use lzap_core::resource::Operation;
use lzap_core::resource::artifact::Artifact;
use lzap_core::resource::front::Front;
use lzap_core::resource::function::FunctionOperation;
use lzap_core::resource::function::{FunctionConfig, HANDLER, RUNTIME};
use lzap_core::resource::kinds::Kinds;
use lzap_core::resource::role::DesiredRole;
use lzap_core::resource::rule::DesiredRule;
use lzap_core::uses::Uses;
use lzap_testkit::Moto;
use lzap_wire::envelope::{Kind, Reply, event};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Everything that a deploy reads.
fn whole() -> Scope {
    Scope::Stage { uses: Uses::default(), kinds: Kinds::default() }
}

/// A function in nine lines: it answers everything as the runtime crate answers a probe.
const BOOTSTRAP: &str = r#"#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
  headers=$(mktemp)
  curl -sS -D "$headers" -o /dev/null "$api/next" || exit 1
  id=$(grep -i '^lambda-runtime-aws-request-id:' "$headers" | tr -d '\r' | cut -d' ' -f2)
  curl -sS -o /dev/null -X POST -d '{"lzap":{"v":1,"kind":"probe","runtime":"0.0.0"}}' "$api/$id/response"
done
"#;

struct World {
    endpoint: String,
    clients: Clients,
    names: Names,
    folder: tempfile::TempDir,
    /// Stops when the test ends.
    _moto: Option<Moto>,
}

impl World {
    /// Each test has a region of its own, for a cloud that several tests share: buckets and moto's queued answers belong
    /// to one.
    async fn new(app: &str, region: &str) -> Self {
        let (endpoint, moto) = if let Ok(endpoint) = std::env::var("LZAP_TEST_ENDPOINT") {
            (endpoint, None)
        } else {
            let started = tokio::task::spawn_blocking(Moto::start).await;
            let moto = started.expect("the thread ends").expect("moto starts");
            (moto.url().to_owned(), Some(moto))
        };
        // moto takes any key.
        let key = LocalKey { id: "test".to_owned(), secret: "test".to_owned() };
        let cloud = Cloud::Local { endpoint: endpoint.clone(), region: region.to_owned(), key };
        let clients = Clients::connect(&cloud).await.expect("the clients need no network");
        let place = identity(&clients).await.expect("the cloud says who calls");
        let names = Names {
            app: app.to_owned(),
            stage: "test".to_owned(),
            place,
            role: RoleName::default(),
            part: Part::App,
        };
        Self { endpoint, clients, names, folder: tempfile::tempdir().expect("a folder"), _moto: moto }
    }

    fn artifact(&self, comment: &str) -> Artifact {
        let bytes = zip(&format!("{BOOTSTRAP}# {comment}\n"));
        let path = self.folder.path().join(format!("{comment}.zip"));
        fs_err::write(&path, &bytes).expect("the zip can be written");
        let digest = Sha256::digest(&bytes);
        Artifact {
            path,
            sha256: hex(&digest),
            code_sha256: base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest),
            bytes: bytes.len() as u64,
        }
    }

    fn stage(&self, comment: &str) -> Stage {
        let names = &self.names;
        let tags = [(TAG_APP, &names.app), (TAG_STAGE, &names.stage)];
        let architecture = Architecture::host().expect("Lambda has this architecture");
        Stage {
            tags: tags.into_iter().map(|(key, value)| (key.to_owned(), value.clone())).collect(),
            artifact: self.artifact(comment),
            function: FunctionConfig {
                role_arn: names.role_arn(),
                runtime: RUNTIME.to_owned(),
                handler: HANDLER.to_owned(),
                architecture,
                memory_mb: 256,
                timeout_secs: 10,
                ephemeral_storage_mb: 512,
                environment: BTreeMap::from([("GREETING".to_owned(), "hello".to_owned())]),
                workers: None,
            },
            workers: None,
            version_description: format!("version {comment}"),
            role: Some(DesiredRole {
                path: "/".to_owned(),
                permissions_boundary: None,
                trust_policy: policy(
                    &json!({ "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole" }),
                ),
                policy: policy(
                    &json!({ "Action": ["logs:PutLogEvents"], "Resource": format!("{}:*", names.log_group_arn()) }),
                ),
            }),
            uses: Uses::default(),
            asynchronous: None,
            log_retention_days: 30,
            keep_versions: 10,
            health_path: None,
            canary: None,
            adopt: false,
            front: Front::HttpApi,
            keep_old_front: false,
            touch_path: None,
            rules: BTreeMap::from([(
                RuleName::new(KEEP_WARM),
                DesiredRule {
                    schedule: "rate(4 minutes)".to_owned(),
                    input: event(Kind::Warm).to_string(),
                    task: None,
                },
            )]),
            names: names.clone(),
        }
    }

    async fn plan(&self, desired: &Desired) -> Plan {
        let scope = match desired {
            Desired::Stage(_) => whole(),
            Desired::Version(_) | Desired::Canary(_) => Scope::Versions,
            Desired::Nothing(_) => Scope::Undeploy,
        };
        let observed = observe(&self.clients, &self.names, &scope).await.expect("the stage can be read");
        plan(desired, &observed).expect("a plan can be made")
    }

    /// Observes, plans and applies; every step must be told of once.
    async fn converge(&self, desired: &Desired) -> Applied {
        let plan = self.plan(desired).await;
        self.answer_probe();
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let applied = self.apply(&plan, &sender).await.expect("the plan can be carried out");
        drop(sender);
        let mut done = 0;
        while let Some(event) = receiver.recv().await {
            done += usize::from(matches!(event, Event::StepDone(_)));
        }
        assert_eq!(done, plan.steps.len());
        applied
    }

    async fn apply(&self, plan: &Plan, events: &mpsc::UnboundedSender<Event>) -> Result<Applied, ApplyError> {
        let stop = CancellationToken::new();
        let mut applied = Applied::default();
        let site = Site { clients: &self.clients, names: &self.names, events, stop: &stop };
        apply(site, plan, &mut applied).await.map(|()| applied)
    }

    /// moto runs no functions; it answers what was queued. Other clouds don't know the address, and run the function.
    fn answer_probe(&self) {
        post(&self.endpoint, "/moto-api/config", &json!({ "lambda": { "use_docker": false } }));
        let reply = Reply::ok(Kind::Probe, "0.0.0").to_value().to_string();
        post(
            &self.endpoint,
            "/moto-api/static/lambda-simple/response",
            &json!({ "results": [reply], "region": self.names.place.region }),
        );
    }
}

fn policy(statement: &Value) -> Value {
    let mut statement = statement.clone();
    statement["Effect"] = json!("Allow");
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

fn zip(bootstrap: &str) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    archive.start_file("bootstrap", options).expect("a zip in memory");
    archive.write_all(bootstrap.as_bytes()).expect("a zip in memory");
    archive.finish().expect("a zip in memory").into_inner()
}

fn post(endpoint: &str, path: &str, body: &Value) {
    let host = endpoint.trim_start_matches("http://").trim_end_matches('/');
    let body = body.to_string();
    let mut stream = TcpStream::connect(host).expect("the cloud listens");
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("the cloud reads");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
}

#[tokio::test]
async fn a_stage_lives_from_nothing_to_nothing() {
    let world = World::new("lifecycle", "eu-central-1").await;
    let first = Desired::Stage(Box::new(world.stage("one")));

    let applied = world.converge(&first).await;
    assert_eq!(applied.version(), Some(&VersionNumber::new("1")));
    let endpoint = applied.endpoint().expect("an API was made");
    assert!(endpoint.starts_with("http"), "{endpoint}");

    let before = world.clients.calls();
    let again = world.plan(&first).await;
    assert_eq!(again, Plan::default(), "an unchanged stage needs nothing");
    assert!(world.clients.calls() - before <= 16, "an unchanged stage takes few reads");

    let mut second = world.stage("two");
    second.function.environment.insert("GREETING".to_owned(), "welcome".to_owned());
    let second = Desired::Stage(Box::new(second));
    let update = world.plan(&second).await;
    assert!(
        update
            .steps
            .iter()
            .any(|step| matches!(step.operation, Operation::Function(FunctionOperation::UpdateCode { .. })))
    );
    assert_eq!(world.converge(&second).await.version(), Some(&VersionNumber::new("2")));
    assert!(world.plan(&second).await.is_empty());

    let applied = world.converge(&Desired::Version(Rollback::Previous)).await;
    assert_eq!(applied.version(), Some(&VersionNumber::new("1")));
    let observed = observe(&world.clients, &world.names, &whole()).await.expect("the stage can be read");
    assert_eq!(observed.alias.map(|alias| alias.version), Some(VersionNumber::new("1")));
    assert!(last_log_lines(&world.clients, &world.names, &VersionNumber::new("1"), 5).await.len() <= 5);

    world.converge(&Desired::Nothing(Undeploy::default())).await;
    let left = observe(&world.clients, &world.names, &Scope::Undeploy).await.expect("the stage can be read");
    assert_eq!(left.remains(), Vec::<String>::new());
}

#[tokio::test]
async fn a_version_that_does_not_answer_is_never_switched_to() {
    let world = World::new("noanswer", "us-east-1").await;
    let mut stage = world.stage("mute");
    let bytes = zip("#!/bin/sh\necho cannot start >&2\nexit 1\n");
    rewrite(&mut stage.artifact, &bytes);
    let desired = Desired::Stage(Box::new(stage));
    let plan = world.plan(&desired).await;
    post(&world.endpoint, "/moto-api/config", &json!({ "lambda": { "use_docker": false } }));
    let (sender, _receiver) = mpsc::unbounded_channel();
    let error = world.apply(&plan, &sender).await.expect_err("the probe fails");
    assert!(error.to_string().contains("traffic was not switched"), "{error}");
    let observed = observe(&world.clients, &world.names, &whole()).await.expect("the stage can be read");
    assert_eq!(observed.alias, None);
    world.converge(&Desired::Nothing(Undeploy::default())).await;
}

fn rewrite(artifact: &mut Artifact, bytes: &[u8]) {
    let write = |path: &Path| fs_err::write(path, bytes).expect("the zip can be written");
    write(&artifact.path);
    let digest = Sha256::digest(bytes);
    artifact.sha256 = hex(&digest);
    artifact.code_sha256 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest);
    artifact.bytes = bytes.len() as u64;
}

#[tokio::test]
async fn the_cloud_itself_can_be_touched() {
    let world = World::new("touch", "eu-west-1").await;
    assert!(matches!(touch(&world.clients, &world.endpoint, "/").await, Touch::Answered(_)));
    let closed_port = touch(&world.clients, "http://127.0.0.1:1", "/").await;
    assert!(matches!(closed_port, Touch::Unreachable(_)), "{closed_port:?}");
}
