//! `lzap tail`: against the embedded cloud, where functions write their logs, and against moto, where the test does.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::Method;
use lzap_testkit::{LocalCloud, Lzap, Moto, Outcome, send_request};
use serde_json::{Value, json};

use crate::stub::{self, Answer};
use crate::support::{REGION, Result, hello, settings};

const PATIENCE: Duration = Duration::from_mins(1);

/// stdout as the JSON lines that it must be.
fn lines(outcome: &Outcome) -> Vec<Value> {
    let parse = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON ({error}): {line}\n{outcome}"))
    };
    outcome.stdout.lines().map(parse).collect()
}

fn messages(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["message"].as_str()).collect()
}

/// `lzap tail local` of the hello app, everything of the last minutes.
fn tail(cloud: &LocalCloud, options: &[&str]) -> Result<Outcome> {
    let args = [&["tail", "local", "--no-follow", "--since", "10m"], options].concat();
    cloud.lzap().run(hello()?, &args)
}

/// A deployed hello app that was requested `paths.len()` times, and whose log has all of it.
fn requested(paths: &[&str]) -> Result<LocalCloud> {
    let cloud = LocalCloud::idle()?;
    let deployed =
        cloud.lzap().run(hello()?, &["deploy", "local", "--output", "json"])?.expect_success().json();
    let url = deployed["url"].as_str().unwrap_or_default().trim_end_matches('/').to_owned();
    for path in paths {
        send_request(&Method::GET, &format!("{url}{path}"), "text/plain", "")?;
    }
    // The last request's report is written after its answer was sent.
    for _ in 0..100 {
        let seen = tail(&cloud, &["--requests"])?.expect_success();
        if paths
            .iter()
            .all(|path| lines(&seen).iter().any(|it| it["path"] == *path && !it["billed_ms"].is_null()))
        {
            return Ok(cloud);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("the log lacks a request: {}", tail(&cloud, &[])?);
}

/// Piped, each event is one JSON line; the pattern is the cloud's work; requests are put together.
#[test]
fn the_log_of_a_function_is_read_in_every_way() -> Result {
    let cloud = requested(&["/first", "/second"])?;
    let all = tail(&cloud, &[])?.expect_success();
    let all = lines(&all);
    for kind in ["platform", "start", "log", "end", "report"] {
        assert!(all.iter().any(|it| it["type"] == kind), "no {kind} in {all:#?}");
    }
    assert!(all.is_sorted_by_key(|it| it["timestamp"].as_str().map(str::to_owned)), "{all:#?}");
    let access = all.iter().find(|it| it["fields"]["path"] == "/first").expect("the request's line");
    assert_eq!((&access["level"], &access["message"]), (&json!("INFO"), &json!("request")));
    assert_eq!((&access["target"], &access["fields"]["status"]), (&json!("lzap::access"), &json!(404)));
    let id = access["request_id"].as_str().expect("a request id");
    let report = all.iter().find(|it| it["type"] == "report" && it["request_id"] == id).expect("its report");
    assert!(report["billed_ms"].as_f64().is_some_and(|ms| ms >= 1.0), "{report:#}");
    assert_eq!(report["stream"], access["stream"]);

    for (filter, count) in [
        ("/first", 1),
        ("\"/first\"", 1),
        ("?/first ?/second", 2),
        ("lzap::access -/first -/", 0),
        (
            "{ $.path = \"/*\" && $.status = 404 && $.method = GET && $.path != \"/favicon*\" && $.path = *t }",
            1,
        ),
        ("nothing_like_it", 0),
    ] {
        let found = tail(&cloud, &["--filter", filter])?.expect_success();
        assert_eq!(lines(&found).len(), count, "{filter}\n{found}");
    }

    let requests = lines(&tail(&cloud, &["--requests"])?.expect_success());
    let second = requests.iter().find(|it| it["path"] == "/second").expect("the second request");
    assert_eq!((&second["method"], &second["status"]), (&json!("GET"), &json!(404)));
    for field in ["duration_ms", "billed_ms", "memory_mb", "max_memory_mb", "app_ms"] {
        assert!(second[field].is_number(), "{field} in {second:#}");
    }
    assert!(requests.iter().any(|it| it["cold_start"] == true && it["init_ms"].is_number()), "{requests:#?}");
    assert!(
        requests.iter().any(|it| it["path"].is_null()),
        "the deploy's probe is no HTTP request: {requests:#?}"
    );
    Ok(())
}

/// For people: no noise, no JSON, no color unless it is wanted.
#[test]
fn readable_lines_where_text_is_asked_for() -> Result {
    let cloud = requested(&["/first"])?;
    let plain = tail(&cloud, &["--output", "text"])?.expect_success().stdout;
    let line = plain.lines().find(|line| line.contains("GET /first")).unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert!(matches!(words[..], [_, _, "INFO", "GET", "/first", "404", "in", _, "ms"]), "{plain}");
    assert!(plain.contains(" done ") && plain.contains("billed"), "{plain}");
    assert!(
        !plain.contains("START RequestId") && !plain.contains('{') && !plain.contains('\u{1b}'),
        "{plain}"
    );
    let colored = tail(&cloud, &["--output", "text", "--color", "always"])?.expect_success().stdout;
    assert!(colored.contains('\u{1b}'), "{colored}");
    let table = tail(&cloud, &["--output", "text", "--requests"])?.expect_success().stdout;
    assert!(table.lines().next().unwrap_or_default().contains("duration"), "{table}");
    assert!(table.lines().any(|line| line.contains(" 404 ") && line.ends_with("GET /first")), "{table}");
    Ok(())
}

/// It waits for the log group, shows what comes, and Ctrl-C is its quiet end. A pipe that closes is one too.
#[test]
fn following_from_before_the_first_deploy() -> Result {
    let cloud = LocalCloud::start()?;
    let follower = cloud.lzap().spawn(hello()?, &["tail", "local"])?;
    follower.wait_until_printed("Waiting for the log group /aws/lambda/hello-local", PATIENCE)?;
    let deployed =
        cloud.lzap().run(hello()?, &["deploy", "local", "--output", "json"])?.expect_success().json();
    follower.wait_until_printed("Following /aws/lambda/hello-local", PATIENCE)?;
    let url = deployed["url"].as_str().unwrap_or_default().trim_end_matches('/').to_owned();
    send_request(&Method::GET, &format!("{url}/followed"), "text/plain", "")?;
    follower.wait_until_printed("/followed", PATIENCE)?;
    follower.interrupt()?;
    let outcome = follower.wait_for_exit(PATIENCE)?.expect_code(130);
    assert!(!outcome.stderr.contains("error"), "{outcome}");
    assert_eq!(outcome.stderr.lines().count(), 2, "one line each for waiting and following\n{outcome}");
    assert_eq!(lines(&outcome).iter().filter(|it| it["fields"]["path"] == "/followed").count(), 1);

    let started = std::time::Instant::now();
    let printed = cloud.lzap().run_script(hello()?, "lzap tail local --quiet --since 10m | head -1")?;
    assert_eq!(printed.lines().count(), 1, "{printed}");
    assert!(started.elapsed() < PATIENCE);
    Ok(())
}

#[test]
fn a_group_that_is_not_there_is_an_empty_log() -> Result {
    let cloud = LocalCloud::start()?;
    let outcome = tail(&cloud, &[])?.expect_success();
    assert!(outcome.stderr.contains("there is no log group /aws/lambda/hello-local yet"), "{outcome}");
    assert_eq!(outcome.stdout, "");
    Ok(())
}

/// What can't be meant ends before anything is called.
#[test]
fn bad_options_are_refused() -> Result {
    let lzap = Lzap::new()?;
    for (options, named) in [
        (&["--since", "yesterday"][..], "10m"),
        (&["--since", "10x"], "10m"),
        (&["--filter", "\"open"], "a quote is opened and not closed"),
        (&["--filter", "{ $.level = 1"], "`{` is opened"),
        (&["--filter", "x", "--requests"], "cannot be used with"),
    ] {
        let outcome = lzap.run(hello()?, &[&["tail", "local"], options].concat())?.expect_code(2);
        assert!(outcome.stderr.contains(named), "{options:?}\n{outcome}");
    }
    Ok(())
}

/// A pattern that only the cloud finds fault with is a wrong argument too.
#[test]
fn a_pattern_that_the_cloud_refuses_is_the_users() -> Result {
    let cloud = requested(&[])?;
    let outcome = tail(&cloud, &["--filter", "{ level = 1 }"])?.expect_code(2);
    assert!(outcome.stderr.contains("is not a filter pattern: Invalid filter pattern"), "{outcome}");
    Ok(())
}

/// A log in moto that the test writes itself.
struct Written {
    moto: Moto,
    lzap: Lzap,
    config: lzap_testkit::TempProject,
}

const GROUP: &str = "/aws/lambda/shop-dev";

impl Written {
    fn new() -> Result<Self> {
        let moto = Moto::start()?;
        let lzap = Lzap::with_endpoint(moto.url(), REGION)?;
        let config = settings(&format!("app = \"shop\"\n[stage.dev]\nregion = \"{REGION}\"\n"))?;
        let it = Self { moto, lzap, config };
        let made = it.aws(&[
            ("logs", "create_log_group", json!({"logGroupName": GROUP})),
            ("logs", "create_log_stream", json!({"logGroupName": GROUP, "logStreamName": "a"})),
            ("logs", "create_log_stream", json!({"logGroupName": GROUP, "logStreamName": "b"})),
        ])?;
        assert!(made.iter().all(|answer| answer["error"].is_null()), "{made:#?}");
        Ok(it)
    }

    fn aws(&self, calls: &[(&str, &str, Value)]) -> Result<Vec<Value>> {
        self.moto.call_aws(REGION, calls)
    }

    /// Writes `message` as if it had been written `secs` ago.
    fn write(&self, stream: &str, secs: u64, message: &str) -> Result {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = u64::try_from(now.as_millis()).unwrap_or(0) - secs * 1000;
        let event = json!([{"timestamp": at, "message": message}]);
        let call = json!({"logGroupName": GROUP, "logStreamName": stream, "logEvents": event});
        let answer = self.aws(&[("logs", "put_log_events", call)])?;
        assert!(answer[0]["error"].is_null(), "{answer:#?}");
        Ok(())
    }

    fn run(&self, options: &[&str]) -> Result<Outcome> {
        self.lzap.run(self.config.path(), &[&["tail", "dev"], options].concat())
    }
}

/// Events that appear late, with times before those that were shown, are shown; and nothing is shown twice.
#[test]
fn late_events_come_once_each() -> Result {
    let log = Written::new()?;
    log.write("a", 2, "first")?;
    let follower = log.lzap.spawn(log.config.path(), &["tail", "dev", "--since", "1m"])?;
    follower.wait_until_printed("first", PATIENCE)?;
    log.write("b", 0, "newest")?;
    follower.wait_until_printed("newest", PATIENCE)?;
    for (stream, secs, message) in [("a", 5, "five late"), ("b", 10, "ten late"), ("a", 1, "one late")] {
        log.write(stream, secs, message)?;
        follower.wait_until_printed(message, PATIENCE)?;
    }
    // Some rounds more read all of it again.
    std::thread::sleep(Duration::from_secs(4));
    follower.interrupt()?;
    let outcome = follower.wait_for_exit(PATIENCE)?.expect_code(130);
    let shown = lines(&outcome);
    assert_eq!(messages(&shown), ["first", "newest", "five late", "ten late", "one late"]);
    Ok(())
}

#[test]
fn since_decides_where_to_begin() -> Result {
    let log = Written::new()?;
    log.write("a", 3600, "an hour ago")?;
    log.write("b", 30, "just now")?;
    let shown = |options: &[&str]| -> Result<Vec<String>> {
        let outcome = log.run(&[&["--no-follow"], options].concat())?.expect_success();
        Ok(messages(&lines(&outcome)).into_iter().map(str::to_owned).collect())
    };
    assert_eq!(shown(&["--since", "1m"])?, ["just now"]);
    assert_eq!(shown(&["--since", "1h30m"])?, ["an hour ago", "just now"]);
    assert_eq!(shown(&["--since", "2020-01-01T00:00:00Z"])?, ["an hour ago", "just now"]);
    assert_eq!(shown(&["--since", "2h", "--filter", "hour"])?, ["an hour ago"]);
    assert_eq!(shown(&[])?, Vec::<String>::new(), "ten seconds, unless it is said otherwise");
    Ok(())
}

/// A throttle is waited out, and said with `-v`; an empty page with a token is not the end.
#[test]
fn throttles_and_empty_pages_are_no_end() -> Result {
    let mut calls = 0;
    let url = stub::serve(move |request| {
        if !request.contains("FilterLogEvents") {
            return Answer::identity();
        }
        calls += 1;
        match calls {
            // More often than the SDK itself tries.
            ..=7 => Answer::new(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#),
            8 => Answer::new(200, r#"{"events":[],"nextToken":"further"}"#),
            _ if request.contains("further") => Answer::new(
                200,
                r#"{"events":[{"eventId":"1","timestamp":9000000000000,"message":"at last"}]}"#,
            ),
            _ => Answer::new(200, r#"{"events":[]}"#),
        }
    })?;
    let lzap = Lzap::with_endpoint(&url, REGION)?;
    let config = settings(&format!("app = \"shop\"\n[stage.dev]\nregion = \"{REGION}\"\n"))?;
    let follower = lzap.spawn(config.path(), &["tail", "dev", "-v"])?;
    follower.wait_until_printed("at last", PATIENCE)?;
    follower.interrupt()?;
    let outcome = follower.wait_for_exit(PATIENCE)?.expect_code(130);
    assert!(outcome.stderr.contains("trying again: AWS is throttling requests"), "{outcome}");
    assert_eq!(messages(&lines(&outcome)), ["at last"]);
    Ok(())
}

/// The lines of one job are found by its id, whichever environment wrote them; a chunk has its number.
#[test]
fn a_jobs_lines_are_found_across_environments() -> Result {
    let cloud = LocalCloud::start()?;
    let (mine, other) = ("0123456789abcdef0123456789abcdef", "ffffffffffffffffffffffffffffffff");
    let group = "/aws/lambda/hello-local";
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let mut calls = vec![("logs", "create_log_group", json!({"logGroupName": group}))];
    let of =
        |job: &str, chunk: u32| json!({"level": "INFO", "message": "summed", "job": job, "chunk": chunk});
    let mut of_map = of("abcdefabcdefabcdefabcdefabcdefab", 3);
    of_map["of_job"] = json!(mine);
    for (stream, fields) in [("a", of(mine, 1)), ("b", of(mine, 2)), ("b", of(other, 1)), ("c", of_map)] {
        let message = fields.to_string();
        let events = json!([{"timestamp": now, "message": message}]);
        let place = json!({"logGroupName": group, "logStreamName": stream});
        let put = json!({"logGroupName": group, "logStreamName": stream, "logEvents": events});
        calls.extend([("logs", "create_log_stream", place), ("logs", "put_log_events", put)]);
    }
    cloud.call_aws("us-east-1", &calls)?;
    let tail = |options: &[&str]| tail(&cloud, options);
    let found = tail(&["--job", mine])?.expect_success();
    let chunks: Vec<Value> = lines(&found).iter().map(|line| line["fields"]["chunk"].clone()).collect();
    assert_eq!(chunks, [json!(1), json!(2), json!(3)], "{found}");
    let text = tail(&["--job", mine, "--output", "text"])?.expect_success();
    assert!(
        text.stdout.contains("#1       INFO  summed\n") && text.stdout.contains("#3       INFO  summed\n"),
        "{text}"
    );
    let wrong = tail(&["--job", "x\" || $.a = \"b"])?.expect_code(2);
    assert!(wrong.stderr.contains("is not the id of a job"), "{wrong}");
    Ok(())
}
