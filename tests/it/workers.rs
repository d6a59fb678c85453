//! `[stage.NAME.workers]`: a second function for the chunks of maps, in both clouds; and in the embedded one, maps that
//! go there.

use lzap_testkit::{LocalCloud, workspace};
use serde_json::{Value, json};

use crate::clouds::{Cloud, MotoCloud};
use crate::local::{get, url_of};
use crate::support::{Result, changes};

/// An app that maps, and what its stage says of its workers.
struct World<C>(C);

impl<C: Cloud> World<C> {
    fn run(&self, command: &str, options: &[&str], workers: &str) -> Result<lzap_testkit::Outcome> {
        // The workers answer a probe too.
        self.0.expect_probe()?;
        self.0.expect_probe()?;
        let workers = workers.replace("[workers]", &format!("[stage.{}.workers]", C::STAGE));
        let settings = format!("keep_warm = false\n{workers}");
        self.0.run_in(&workspace().join("tests/fixtures/map"), command, options, &settings)
    }

    /// The answer to a deploy, and its changes, each as `action resource name`.
    fn deploy(&self, workers: &str) -> Result<(Value, Vec<String>)> {
        let report = self.run("deploy", &["--yes"], workers)?.expect_success().json();
        let changes = changes(&report);
        Ok((report, changes))
    }

    /// What Lambda says of the workers.
    fn workers(&self) -> Result<Value> {
        let name = json!({"FunctionName": format!("hello-{}-workers", C::STAGE)});
        Ok(self.0.aws(&[("lambda", "get_function", name)])?.swap_remove(0))
    }

    /// The app's variable that names them, as its live version has it.
    fn called(&self) -> Result<Value> {
        let name = json!({"FunctionName": format!("hello-{}", C::STAGE), "Qualifier": "live"});
        let live = self.0.aws(&[("lambda", "get_function_configuration", name)])?.swap_remove(0);
        Ok(live["Environment"]["Variables"]["LZAP_WORKERS"].clone())
    }
}

const SMALL: &str = "[workers]\nmemory_mb = 256\nconcurrency = 4\n";

fn workers_come_change_and_go<C: Cloud>(cloud: C) -> Result {
    let stage = C::STAGE;
    let world = World(cloud);
    let (_, first) = world.deploy(SMALL)?;
    for line in [
        format!("create workers hello-{stage}-workers"),
        format!("create log group /aws/lambda/hello-{stage}-workers"),
    ] {
        assert!(first.contains(&line), "{first:?}");
    }
    let workers = world.workers()?;
    assert_eq!(workers["Configuration"]["MemorySize"], 256, "{workers:#}");
    assert_eq!(workers["Concurrency"]["ReservedConcurrentExecutions"], 4, "{workers:#}");
    assert_eq!(world.called()?, format!("hello-{stage}-workers:1"));
    assert_eq!(world.deploy(SMALL)?.1, Vec::<String>::new());
    let status = world.run("status", &[], SMALL)?.expect_success().json();
    assert_eq!(status["workers"]["memory_mb"], 256, "{status:#}");
    assert_eq!(status["drift"], json!([]), "{status:#}");

    // What is reserved is the function's, its memory a version's.
    let (_, more) = world.deploy(&SMALL.replace('4', "5"))?;
    assert_eq!(more, [format!("update workers hello-{stage}-workers")]);
    let (_, bigger) = world.deploy("[workers]\nmemory_mb = 512\nconcurrency = 5\n")?;
    assert!(bigger.contains(&"update alias live".to_owned()), "{bigger:?}");
    assert_eq!(world.called()?, format!("hello-{stage}-workers:2"));

    let (_, gone) = world.deploy("")?;
    assert!(gone.contains(&format!("delete workers hello-{stage}-workers")), "{gone:?}");
    assert_eq!(world.called()?, Value::Null);
    let gone = world.workers()?;
    assert!(gone["error"].to_string().contains("ResourceNotFound"), "{gone:#}");
    // And an undeploy takes them along.
    drop(world.deploy(SMALL)?);
    drop(world.run("undeploy", &["--yes"], SMALL)?.expect_success());
    let left = world
        .0
        .aws(&[("lambda", "list_functions", json!({})), ("logs", "describe_log_groups", json!({}))])?;
    assert_eq!((&left[0]["Functions"], &left[1]["logGroups"]), (&json!([]), &json!([])), "{left:#?}");
    Ok(())
}

#[test]
fn workers_come_change_and_go_in_moto() -> Result {
    workers_come_change_and_go(MotoCloud::start()?)
}

#[test]
fn workers_come_change_and_go_in_the_embedded_cloud() -> Result {
    workers_come_change_and_go(LocalCloud::idle()?)
}

/// AWS keeps 100 of an account's concurrency for functions that reserve nothing. What was made stays, and is finished.
#[test]
fn a_reservation_that_the_account_cannot_hold_says_so() -> Result {
    let world = World(LocalCloud::idle()?);
    let refused = world.run("deploy", &[], "[workers]\nconcurrency = 901\n")?.expect_code(5).json();
    assert_eq!(refused["error"]["code"], "lzap::aws::concurrency", "{refused:#}");
    let (_, rest) = world.deploy("[workers]\nconcurrency = 900\n")?;
    assert!(rest.contains(&"update workers hello-local-workers".to_owned()), "{rest:?}");
    Ok(())
}

/// Chunks are computed by the workers, `tail` shows both logs, and a version whose workers are gone still maps.
#[test]
fn maps_go_to_the_workers_as_long_as_they_are_there() -> Result {
    let world = World(LocalCloud::idle()?);
    let (deployed, _) = world.deploy(SMALL)?;
    let url = url_of(&deployed).trim_end_matches('/').to_owned();
    let naps = || -> Result<Value> {
        let answer = get(&format!("{url}/naps?items=320&ms=20&chunk=10&limit=8"))?.text();
        Ok(serde_json::from_str(&answer)?)
    };
    let answer = naps()?;
    let report = &answer["report"];
    assert_eq!(answer["right"], 320, "{answer:#}");
    assert!((1..=4).contains(&report["workers"].as_u64().unwrap_or_default()), "reserved: {answer:#}");
    // Refused beyond what is reserved, it goes on with that, without a pause for each refusal.
    assert!(answer["speed_up"].as_f64().is_some_and(|times| times > 2.0), "{answer:#}");
    let job = report["job"].as_str().unwrap_or_default();
    let tail = ["--since", "5m", "--no-follow", "--job", job];
    let log = world.run("tail", &tail, SMALL)?.expect_success();
    assert!(log.stdout.contains("chunk"), "{log}");
    let only_the_app = world.run("tail", &tail, "")?.expect_success();
    assert!(!only_the_app.stdout.contains("\"chunk\""), "they log to their own group: {only_the_app}");

    drop(world.deploy("")?);
    drop(world.run("rollback", &[], "")?.expect_success());
    let answer = naps()?;
    assert_eq!(answer["right"], 320, "the older version still maps, on itself: {answer:#}");
    Ok(())
}
