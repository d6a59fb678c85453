//! Tasks and maps through the embedded cloud: other processes, real invocations, S3.

use std::path::PathBuf;
use std::time::Duration;

use lzap_testkit::{LocalCloud, workspace};
use serde_json::{Value, json};

use super::{get, run, url_of};
use crate::support::{REGION, Result};

/// The app, deployed.
struct App {
    cloud: LocalCloud,
    url: String,
}

fn folder() -> PathBuf {
    workspace().join("tests/fixtures/map")
}

impl App {
    fn deployed() -> Result<Self> {
        let cloud = LocalCloud::idle()?;
        let report = run(&cloud, &folder(), &["deploy", "local"])?;
        Ok(Self { url: url_of(&report).to_owned(), cloud })
    }

    fn get(&self, path: &str) -> Result<Value> {
        let text = get(&format!("{}{path}", self.url.trim_end_matches('/')))?.text();
        serde_json::from_str(&text).map_err(|error| std::io::Error::other(format!("{path}: {error}: {text}")))
    }

    /// The keys in the bucket under the stage's prefix and `folder`.
    fn objects(&self, folder: &str) -> Result<Vec<Value>> {
        let buckets = self.cloud.call_aws(REGION, &[("s3", "list_buckets", json!({}))])?;
        let bucket = buckets[0]["Buckets"][0]["Name"].clone();
        let prefix = format!("map/local/{folder}");
        let listed = self
            .cloud
            .call_aws(REGION, &[("s3", "list_objects_v2", json!({"Bucket": bucket, "Prefix": prefix}))])?;
        Ok(listed[0]["Contents"].as_array().cloned().unwrap_or_default())
    }
}

#[test]
fn a_task_runs_in_another_environment_and_its_failures_are_typed() -> Result {
    let app = App::deployed()?;
    assert_eq!(app.get("/call/Ada")?, json!({"text": "Hello, Ada", "elsewhere": true}));
    assert_eq!(app.get("/call/nobody")?, json!({"kind": "failed", "message": "nobody is there"}));
    assert_eq!(
        app.get("/call/panic")?,
        json!({"kind": "panicked", "message": "panicked: a panic on purpose"})
    );
    assert_eq!(app.get("/deep/3")?, 3);
    assert!(app.get("/deep/9")?["message"].as_str().is_some_and(|text| text.contains("4 deep")));
    let probe = app
        .cloud
        .lzap()
        .run(&folder(), &["invoke", "local", "--raw", r#"{"lzap":{"v":1,"kind":"probe"}}"#])?;
    let probe = probe.expect_success();
    assert!(
        probe.stdout.contains(r#""tasks":["crash","deeper","greet","interrupted","nap","noise"]"#),
        "{probe}"
    );
    let called =
        app.cloud.lzap().run(&folder(), &["invoke", "local", "greet", "--data", "\"you\""])?.expect_success();
    assert!(called.stdout.contains("Hello, you"), "{called}");
    Ok(())
}

/// The SDK and TLS come in, and still nothing that compiles C: no toolchain but Rust's is needed.
#[test]
fn an_app_with_tasks_is_linked_without_c() -> Result {
    let cloud = LocalCloud::idle()?;
    let packaged = cloud.lzap().run(&folder(), &["package", "local"])?.expect_success();
    assert!(packaged.stderr.contains("rust-lld"), "{packaged}");
    Ok(())
}

#[test]
fn a_job_runs_behind_the_answer_and_is_found_by_its_id() -> Result {
    let app = App::deployed()?;
    assert_eq!(app.get("/spawn/Ada")?, "taken");
    let id = app.get("/job/Ada")?.as_str().unwrap_or_default().to_owned();
    let wait = ["invoke", "local", "--job", &id, "--wait", "--output", "json"];
    let done = app.cloud.lzap().run(&folder(), &wait)?.expect_success();
    assert!(done.stdout.contains("Hello, Ada"), "{done}");
    assert_eq!(app.get(&format!("/state/{id}"))?, json!({"done": "Hello, Ada"}));
    assert_eq!(app.objects("jobs/")?.len(), 1);

    let id = app.get("/job/nobody")?.as_str().unwrap_or_default().to_owned();
    let wait = ["invoke", "local", "--job", &id, "--wait"];
    let failed = app.cloud.lzap().run(&folder(), &wait)?.expect_code(1);
    for tried in ["attempt 1 of 3 failed: nobody is there", "attempt 2 of 3 failed: nobody is there"] {
        assert_eq!(failed.stderr.matches(tried).count(), 1, "{failed}");
    }
    assert!(failed.stderr.contains("failed after 3 attempts: nobody is there"), "{failed}");
    assert_eq!(app.get(&format!("/state/{id}"))?, json!({"failed": "nobody is there"}));
    Ok(())
}

/// The first failure is the last where the stage wants no retries: the deploy tells the function so.
#[test]
fn a_job_without_retries_ends_with_its_first_failure() -> Result {
    let app = App::deployed()?;
    let settings = crate::support::settings("[stage.local.async]\nretries = 0\n")?;
    let config = settings.path().join("lzap.toml").display().to_string();
    drop(run(&app.cloud, &folder(), &["deploy", "local", "--config", &config])?);
    let id = app.get("/job/nobody")?.as_str().unwrap_or_default().to_owned();
    let wait = ["invoke", "local", "--job", &id, "--wait"];
    let failed = app.cloud.lzap().run(&folder(), &wait)?.expect_code(1);
    assert!(
        failed.stderr.contains("failed: nobody is there") && !failed.stderr.contains("attempt"),
        "{failed}"
    );
    Ok(())
}

#[test]
fn a_map_uses_as_many_environments_as_it_may() -> Result {
    let app = App::deployed()?;
    let answer = app.get("/naps?items=320&ms=20&chunk=10&limit=8")?;
    assert_eq!(answer["right"], 320, "{answer:#}");
    let report = &answer["report"];
    let workers = report["workers"].as_u64().unwrap_or_default();
    assert!((2..=8).contains(&workers) && report["attempts"] == 32, "{answer:#}");
    assert!(answer["speed_up"].as_f64().is_some_and(|times| times > 2.0), "{answer:#}");
    let job = report["job"].as_str().unwrap_or_default();
    let log = ["tail", "local", "--since", "5m", "--no-follow", "--job", job];
    let log = app.cloud.lzap().run(&folder(), &log)?.expect_success();
    assert!(log.stdout.contains("chunk"), "{log}");
    Ok(())
}

/// A map runs to its end on the version that began it, whatever is deployed meanwhile.
///
/// The update may wait for another test's compilation and so end after the map: then both are repeated.
#[test]
fn update_during_a_map_leaves_the_map_on_its_version() -> Result {
    let app = App::deployed()?;
    for (memory_mb, version) in [(1024, "2"), (1025, "3"), (1026, "4"), (1027, "5")] {
        let url = format!("{}/naps?items=160&ms=100&chunk=4&limit=4", app.url.trim_end_matches('/'));
        let map = std::thread::spawn(move || get(&url).map(|answer| answer.text()));
        let settings = crate::support::settings(&format!("[stage.local]\nmemory_mb = {memory_mb}\n"))?;
        let config = settings.path().join("lzap.toml").display().to_string();
        let update = run(&app.cloud, &folder(), &["update", "local", "--config", &config])?;
        assert_eq!(update["function"]["version"], version, "{update:#}");
        let was_in_time = !map.is_finished();
        let answer: Value = serde_json::from_str(&map.join().expect("no panic")?)?;
        assert_eq!((&answer["right"], &answer["report"]["retries"]), (&json!(160), &json!(0)), "{answer:#}");
        if was_in_time {
            return Ok(());
        }
    }
    panic!("each of four updates ended after its map")
}

/// Lambda's next attempt goes on where the process died, and what was kept until then is gone with the job.
#[test]
fn a_job_that_is_killed_in_a_map_goes_on_from_there() -> Result {
    let app = App::deployed()?;
    let id = app.get("/interrupted/60")?.as_str().unwrap_or_default().to_owned();
    let wait = ["invoke", "local", "--job", &id, "--wait", "--output", "json"];
    let done = app.cloud.lzap().run(&folder(), &wait)?.expect_success();
    let done: Value = serde_json::from_str(&done.stdout)?;
    assert!(done["attempt"].as_u64().is_some_and(|attempt| attempt > 1), "{done:#}");
    assert!(done["result"][0].as_u64().is_some_and(|resumed| resumed > 0), "{done:#}");
    assert_eq!(done["result"][1], 60, "{done:#}");
    // The answer is there before the rest is tidied up.
    for _ in 0..50 {
        if app.objects("spill/")?.is_empty() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("left behind: {:#?}", app.objects("spill/")?);
}

/// An item that kills its worker is found, and the others have their results.
#[test]
fn a_poison_item_fails_alone() -> Result {
    let app = App::deployed()?;
    let answer = app.get("/crashes")?;
    assert_eq!(answer["failed"], json!([[13, "crashed"]]), "{answer:#}");
    Ok(())
}

#[test]
fn a_large_answer_goes_through_the_bucket_and_leaves_nothing_there() -> Result {
    let app = App::deployed()?;
    assert_eq!(app.get("/large/7000000")?, json!({"length": 7_000_000, "spilled": 1}));
    assert_eq!(app.objects("spill/")?, Vec::<Value>::new());
    Ok(())
}
