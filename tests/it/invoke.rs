//! `lzap invoke`: tasks, events and jobs, against an app that speaks the envelopes by hand.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lzap_testkit::{LocalCloud, Outcome, TempProject};
use serde_json::{Value, json};

use crate::clouds::{Cloud, MotoCloud};
use crate::support::{REGION, Result, tasks};

/// The app, deployed to an embedded cloud.
struct App(LocalCloud);

impl App {
    fn deployed() -> Result<Self> {
        let app = Self(LocalCloud::idle()?);
        drop(app.0.lzap().run(&tasks(), &["deploy", "local", "-q"])?.expect_success());
        Ok(app)
    }

    fn invoke(&self, args: &[&str]) -> Result<Outcome> {
        self.0.lzap().run(&tasks(), &[&["invoke", "local"], args].concat())
    }

    fn json(&self, args: &[&str]) -> Result<Outcome> {
        self.invoke(&[args, &["--output", "json"]].concat())
    }

    /// Lines of the function's log with `text` in them, once there are any.
    fn logged(&self, text: &str) -> Result<String> {
        for _ in 0..40 {
            let tail = ["tail", "local", "--since", "5m", "--no-follow"];
            let log = self.0.lzap().run(&tasks(), &tail)?.expect_success().stdout;
            let lines: Vec<&str> = log.lines().filter(|line| line.contains(text)).collect();
            if !lines.is_empty() {
                return Ok(lines.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(250));
        }
        Ok(String::new())
    }
}

/// What was called can't be called off, and typed again it is called again: neither is hidden.
#[test]
fn ctrl_c_says_that_the_task_runs_on() -> Result {
    let app = App::deployed()?;
    let waiting = app.0.lzap().spawn(&tasks(), &["invoke", "local", "nap", "--data", "{\"ms\": 15000}"])?;
    std::thread::sleep(Duration::from_secs(2));
    waiting.interrupt()?;
    let ended = waiting.wait_for_exit(Duration::from_secs(10))?.expect_code(130);
    assert!(ended.stderr.contains("runs to its end"), "{ended}");
    Ok(())
}

#[test]
fn a_task_is_called_and_its_result_is_on_stdout() -> Result {
    let app = App::deployed()?;
    let done = app.invoke(&["cleanup", "--data", r#"{"days": 30}"#])?.expect_success();
    let result: Value = serde_json::from_str(&done.stdout)?;
    assert_eq!(result, json!({"removed": 7, "given": {"days": 30}}), "{done}");
    let document = app.json(&["echo", "--data", "[1, \"ä\"]"])?.expect_success().json();
    assert_eq!((&document["task"], &document["result"]), (&json!("echo"), &json!([1, "ä"])));
    assert_eq!((&document["stage"], &document["version"]), (&json!("local"), &json!("1")));
    assert_eq!(document["request_id"].as_str().map(str::len), Some(36), "{document:#}");

    let nothing = app.invoke(&["echo"])?.expect_success();
    assert_eq!(nothing.stdout, "null\n");
    let files = TempProject::with_files("data", &[("rows.json", "{\"rows\": [1, 2]}")])?;
    let file = format!("@{}", files.path().join("rows.json").display());
    let from_file = app.json(&["echo", "--data", &file])?.expect_success().json();
    assert_eq!(from_file["result"], json!({"rows": [1, 2]}));

    let quiet = app.invoke(&["echo", "--data", "1"])?.expect_success();
    assert!(!quiet.stderr.contains("REPORT"), "{quiet}");
    let logs = app.invoke(&["echo", "--data", "1", "--logs"])?.expect_success();
    assert!(logs.stderr.contains("REPORT RequestId") && logs.stdout == "1\n", "{logs}");
    let version = app.json(&["echo", "--data", "1", "--version", "1"])?.expect_success().json();
    assert_eq!(version["version"], "1");
    let missing = app.json(&["echo", "--version", "77"])?.expect_code(1).json();
    assert_eq!(missing["error"]["code"], "lzap::invoke::no_version", "{missing:#}");
    Ok(())
}

#[test]
fn data_comes_from_stdin_too() -> Result {
    let app = App::deployed()?;
    let folder = tasks();
    let script = format!(
        "echo '{{\"from\": \"stdin\"}}' | lzap invoke local echo --data - --project {} 2>/dev/null",
        folder.display()
    );
    let said = app.0.lzap().run_script(app.0.lzap().home(), &script)?;
    assert_eq!(serde_json::from_str::<Value>(&said)?, json!({"from": "stdin"}), "{said}");
    Ok(())
}

/// Each way to fail has its code, and says what next; the exit code is 1.
#[test]
fn failures_say_why_and_what_next() -> Result {
    let app = App::deployed()?;
    let failed = app.json(&["fail"])?.expect_code(1).json();
    assert_eq!(failed["error"]["code"], "lzap::task::failed", "{failed:#}");
    assert_eq!(failed["error"]["message"], "task `fail` failed: the table is locked");
    assert!(failed["error"]["log"].to_string().contains("REPORT"), "{failed:#}");

    let unknown = app.json(&["claenup"])?.expect_code(1).json();
    assert_eq!(unknown["error"]["code"], "lzap::task::unknown_task", "{unknown:#}");
    let help = unknown["error"]["help"].as_str().unwrap_or_default();
    assert!(help.starts_with("did you mean `cleanup`?"), "{help}");

    let dead = app.invoke(&["die"])?.expect_code(1);
    assert!(dead.stderr.contains("lzap::invoke::function_error"), "{dead}");
    assert!(dead.stderr.contains("Runtime.ExitError") && dead.stderr.contains("REPORT RequestId"), "{dead}");

    let no_json = app.json(&["echo", "--data", "{days: 1}"])?.expect_code(2).json();
    assert!(no_json["error"]["message"].to_string().contains("is not JSON"), "{no_json:#}");
    let no_file = app.json(&["echo", "--data", "@/nowhere"])?.expect_code(2).json();
    assert!(
        no_file["error"]["message"].to_string().contains("could not read `--data @/nowhere`"),
        "{no_file:#}"
    );
    let nobody = app.0.lzap().run(&tasks(), &["invoke"])?.expect_code(2);
    assert!(nobody.stderr.contains("no task is named"), "{nobody}");
    drop(app.invoke(&["echo", "--data", "1", "--raw", "{}"])?.expect_code(2));
    let gone = LocalCloud::idle()?;
    let none = gone.lzap().run(&tasks(), &["invoke", "local", "echo"])?.expect_code(2);
    assert!(none.stderr.contains("lzap deploy local"), "{none}");
    Ok(())
}

#[test]
fn an_event_is_sent_as_it_is_and_its_answer_printed_so() -> Result {
    let app = App::deployed()?;
    let probe = app.invoke(&["--raw", r#"{"lzap":{"v":1,"kind":"probe"}}"#])?.expect_success();
    assert!(probe.stdout.contains(r#""tasks":["cleanup","die","echo","fail","nap"]"#), "{probe}");
    let http = app.json(&["--raw", r#"{"requestContext":{"http":{}}}"#])?.expect_success().json();
    assert_eq!(http["payload"]["statusCode"], 200, "{http:#}");
    let refused = app.json(&["--raw", r#"{"source": "aws.s3"}"#])?.expect_code(1).json();
    assert!(refused["error"]["message"].to_string().contains("nobody handles"), "{refused:#}");
    Ok(())
}

/// Nobody waits, the request's id is what one gets, and the log has what became of it.
#[test]
fn a_spawned_task_runs_by_itself() -> Result {
    let app = App::deployed()?;
    let sent = app.invoke(&["cleanup", "--spawn", "--data", "{\"mark\": 4711}"])?.expect_success();
    let id = sent.stdout.trim();
    assert_eq!(id.len(), 36, "{sent}");
    let event = app.logged("4711")?;
    assert!(event.contains("spawn"), "{event}");
    let of_it = app.logged(id)?;
    assert!(of_it.contains(id), "{}", app.logged("RequestId")?);
    Ok(())
}

const ID: &str = "0123456789abcdef0123456789abcdef";

/// A job's record, as the runtime crate writes it; here a test does.
fn jobs<C: Cloud + Sync>(cloud: &C, bucket: &str) -> Result {
    let put = |state: Value| -> Result {
        let mut record = json!({"v": 1, "job": ID, "task": "cleanup", "attempt": 1, "queued_ms": now_ms()});
        let fields = state.as_object().cloned().unwrap_or_default();
        record.as_object_mut().expect("an object").extend(fields);
        let key = format!("hello/{}/jobs/{ID}.json", C::STAGE);
        let object = json!({"Bucket": bucket, "Key": key, "Body": record.to_string()});
        let answer = cloud.aws(&[("s3", "put_object", object)])?;
        assert!(answer[0]["error"].is_null(), "{answer:#?}");
        Ok(())
    };
    let look = |options: &[&str]| cloud.run_in(&tasks(), "invoke", &[&["--job", ID], options].concat(), "");
    let none = look(&[])?.expect_code(1).json();
    assert_eq!(none["error"]["code"], "lzap::job::none", "{none:#}");
    put(json!({"state": "running", "started_ms": 6}))?;
    assert_eq!(look(&[])?.expect_success().json()["state"], "running");
    let locked = json!({"code": "failed", "message": "the table is locked"});
    put(json!({"state": "retrying", "error": locked}))?;
    let tried = look(&[])?.expect_success();
    assert!(
        tried.stderr.contains("attempt 1 of 3 failed: the table is locked; Lambda tries again"),
        "{tried}"
    );
    let tried = tried.json();
    assert_eq!(
        (&tried["state"], &tried["error"], &tried["attempts"]),
        (&json!("retrying"), &locked, &json!(3))
    );
    let waiting = std::thread::scope(|scope| -> Result<Outcome> {
        let waiting = scope.spawn(|| look(&["--wait"]));
        std::thread::sleep(Duration::from_secs(3));
        put(
            json!({"state": "done", "attempt": 2, "started_ms": 6, "ended_ms": 9, "result": {"removed": 7}}),
        )?;
        Ok(waiting.join().expect("no panic")?.expect_success())
    })?;
    assert_eq!(waiting.stderr.matches("attempt 1 of 3 failed").count(), 1, "once: {waiting}");
    let waiting = waiting.json();
    assert_eq!((&waiting["state"], &waiting["result"]), (&json!("done"), &json!({"removed": 7})));
    put(
        json!({"state": "failed", "attempt": 3, "error": {"code": "panicked", "message": "index out of bounds"}}),
    )?;
    let failed = look(&["--wait"])?.expect_code(1).json();
    assert_eq!(failed["error"]["code"], "lzap::task::panicked", "{failed:#}");
    assert!(failed["error"]["message"].to_string().contains("after 3 attempts: index out"), "{failed:#}");
    // Nobody was left to write that it failed.
    put(json!({"state": "running", "attempt": 3, "deadline_ms": now_ms() - 60_000}))?;
    let killed = look(&["--wait"])?.expect_code(1).json();
    assert_eq!(killed["error"]["code"], "lzap::task::crashed", "{killed:#}");
    assert!(
        killed["error"]["message"]
            .to_string()
            .contains("after 3 attempts: Lambda killed the process of its last"),
        "{killed:#}"
    );
    let help = killed["error"]["help"].as_str().unwrap_or_default();
    assert!(
        help.contains("`timeout_secs` or `memory_mb`") && help.contains(&format!("--job {ID}")),
        "{help}"
    );
    put(json!({"state": "retrying", "queued_ms": 5, "error": locked}))?;
    assert_eq!(look(&["--wait"])?.expect_code(1).json()["error"]["code"], "lzap::task::timed_out");
    Ok(())
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

#[test]
fn a_job_is_read_and_waited_for() -> Result {
    let moto = MotoCloud::start()?;
    let bucket = format!("lzap-{}-{REGION}", lzap_testkit::ACCOUNT);
    drop(moto.deploy("deploy", "")?);
    jobs(&moto, &bucket)?;
    let local = LocalCloud::start()?;
    drop(local.deploy("deploy", "")?);
    let buckets = &local.call_aws("us-east-1", &[("s3", "list_buckets", json!({}))])?[0]["Buckets"];
    jobs(&local, buckets[0]["Name"].as_str().unwrap_or_default())?;
    // An app's own objects are no reason to plan anew, and go with the stage.
    let again = local.run("deploy", &[], "")?.expect_success().json();
    assert_eq!(again["changes"], json!([]), "{again:#}");
    drop(local.run("undeploy", &["--yes"], "")?.expect_success());
    assert_eq!(crate::commands::inventory(&local)?, Vec::<String>::new());
    Ok(())
}

/// What moto hears is what AWS would: function, alias, invocation type, payload.
#[test]
fn a_call_is_as_aws_wants_it() -> Result {
    let cloud = MotoCloud::start()?;
    drop(cloud.deploy("deploy", "")?);
    let answer = json!({"lzap": {"v": 1, "kind": "task", "runtime": "0.1.0"}, "data": [1, 2]});
    cloud.moto.queue_answers(REGION, &[answer])?;
    let folder = tasks();
    let called = cloud.run_in(&folder, "invoke", &["sum", "--data", "[1]"], "")?.expect_success().json();
    assert_eq!(called["result"], json!([1, 2]));
    let old = json!({"statusCode": 200});
    cloud.moto.queue_answers(REGION, &[old])?;
    let old = cloud.run_in(&folder, "invoke", &["sum"], "")?.expect_code(1).json();
    assert_eq!(old["error"]["code"], "lzap::invoke::no_reply", "{old:#}");
    Ok(())
}
