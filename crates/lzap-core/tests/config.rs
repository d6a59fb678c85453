//! `lzap.toml`: what is read, what is refused, and where the finger points.

use lzap_core::check::{check, check_uses};
use lzap_core::config::{Config, ConfigError, KeepWarm, parse};
use lzap_core::platform::Architecture;
use lzap_core::role::RoleSetting;
use lzap_core::settings::{Origin, Overrides, Settings, resolve};
use lzap_core::uses::Uses;

fn settings(text: &str, stage: Option<&str>) -> Result<Settings, ConfigError> {
    let config = parse(text)?;
    let overrides = Overrides {
        package: "shop".to_owned(),
        stage: stage.map(str::to_owned),
        host: Some(Architecture::X86_64),
        ..Overrides::default()
    };
    let settings = resolve(&config, &overrides)?;
    check(&config, &settings)?;
    Ok(settings)
}

/// The error of `text`: message, help, and the text that it points at.
fn error(text: &str) -> (String, String, String) {
    let error = settings(text, None).expect_err("it is wrong");
    let at = error.span.map(|span| text[span].to_owned()).unwrap_or_default();
    (error.message, error.help, at)
}

#[test]
fn a_stage_without_settings_has_the_defaults() {
    let settings = settings("[stage.dev]\n", None).expect("fine");
    assert_eq!(
        (settings.app.as_str(), settings.stage.as_str(), settings.architecture, settings.memory_mb),
        ("shop", "dev", Architecture::Arm64, 512)
    );
    assert_eq!((settings.timeout_secs, settings.keep_warm), (30, KeepWarm::Every(4)));
}

#[test]
fn extends_merges_table_by_table_and_says_where_from() {
    let text = r#"
        default_stage = "production"
        [stage.dev]
        memory_mb = 256
        environment = { RUST_LOG = "info", MODE = "dev" }
        [stage.production]
        extends = "dev"
        timeout_secs = 10
        environment = { MODE = "production" }
    "#;
    let settings = settings(text, None).expect("fine");
    assert_eq!((settings.memory_mb, settings.timeout_secs), (256, 10));
    assert_eq!(settings.environment["RUST_LOG"], "info");
    assert_eq!(settings.environment["MODE"], "production");
    assert_eq!(settings.origin("memory_mb"), Some(&Origin::File("[stage.dev]".to_owned())));
    assert_eq!(settings.origin("timeout_secs"), Some(&Origin::File("[stage.production]".to_owned())));
    let shown = format!("{:?}", settings.listing);
    assert!(shown.contains("RUST_LOG=…") && !shown.contains("\"production\"}"), "{shown}");
}

#[test]
fn local_exists_everywhere_and_is_this_machine() {
    let settings = settings("[stage.dev]\nregion = \"eu-central-1\"\n", Some("local")).expect("fine");
    assert_eq!(
        (settings.architecture, settings.is_local(), settings.region),
        (Architecture::X86_64, true, None)
    );
    assert!(
        resolve(&Config::default(), &Overrides { stage: Some("local".to_owned()), ..Overrides::default() })
            .is_ok()
    );
}

/// Another architecture is emulated, where the user asks for it; what the stage extends asks for AWS.
#[test]
fn local_has_another_architecture_only_by_its_own_word() {
    let dev = "[stage.dev]\narchitecture = \"arm64\"\n[stage.local]\nextends = \"dev\"\n";
    let inherited = settings(dev, Some("local")).expect("fine");
    assert_eq!(
        (inherited.architecture, inherited.origin("architecture")),
        (Architecture::X86_64, Some(&Origin::Host))
    );
    let own = settings(&format!("{dev}architecture = \"arm64\"\n"), Some("local")).expect("fine");
    assert_eq!(own.architecture, Architecture::Arm64);
    assert_eq!(own.origin("architecture"), Some(&Origin::File("[stage.local]".to_owned())));
}

#[test]
fn local_is_never_the_only_stage() {
    let (message, help, _) = error("[stage.local]\n");
    assert_eq!(message, "no stage is configured");
    assert!(help.contains("[stage.dev]"), "{help}");
}

#[test]
fn mistakes_point_at_their_place_and_name_what_was_meant() {
    for (text, message, help, at) in [
        (
            "[stage.dev]\nmemory_mbs = 5\n",
            "unknown key `memory_mbs`",
            "did you mean `memory_mb`?",
            "memory_mbs",
        ),
        ("[stage.dev]\nmemory_mb = 5\n", "memory_mb = 5 is out of range", "allowed: 128 to 10240 MB", "5"),
        (
            "[stage.dev]\ntimeout_secs = 901\n",
            "timeout_secs = 901 is out of range",
            "allowed: 1 to 900 seconds",
            "901",
        ),
        (
            "default_stage = \"prod\"\n[stage.production]\n",
            "there is no stage `prod`",
            "did you mean `production`?",
            "\"prod\"",
        ),
        ("[stage.dev]\nextends = \"dex\"\n", "there is no stage `dex`", "did you mean `dev`?", "\"dex\""),
        (
            "[stage.dev]\nextends = \"dev\"\n",
            "stage `dev` extends itself, by way of `dev`",
            "take one `extends` out of the loop",
            "\"dev\"",
        ),
        (
            "[stage.dev]\nenvironment = { AWS_REGION = \"x\" }\n",
            "`AWS_REGION` is set by Lambda itself",
            "take it out, or give it another name",
            "AWS_REGION",
        ),
        (
            "app = \"my shop\"\n[stage.dev]\n",
            "app = \"my shop\" is not the name of an app",
            "write a letter or a digit, then letters, digits, `-` and `_`: it becomes a part of AWS names",
            "\"my shop\"",
        ),
        (
            "[stage.dev]\ninclude = [\"../secret\"]\n",
            "`../secret` doesn't name a place in the zip",
            "write `path`, or `path:path/in/the/zip`, relative and without `..`",
            "\"../secret\"",
        ),
        (
            "[stage.dev]\ntags = { \"AWS:x\" = \"y\" }\n",
            "`AWS:x` can't be the key of a tag",
            "1 to 128 letters, digits, blanks and `_.:/=+-@`; `aws:` and `lzap:` are taken",
            "\"AWS:x\"",
        ),
        (
            "[stage.dev]\ntags = { team = \"a&b\" }\n",
            "the value of the tag `team` has a `&`",
            "AWS allows letters, digits, blanks and `_.:/=+-@`",
            "\"a&b\"",
        ),
    ] {
        assert_eq!(error(text), (message.to_owned(), help.to_owned(), at.to_owned()), "{text}");
    }
}

#[test]
fn the_role_can_be_an_existing_one_or_one_to_be_made() {
    let existing = settings("[stage.dev]\nrole_arn = \"arn:aws:iam::123456789012:role/team/shop\"\n", None);
    let existing = existing.expect("fine").role;
    assert_eq!(existing, RoleSetting::Existing("arn:aws:iam::123456789012:role/team/shop".to_owned()));
    let text = r#"
        [stage.dev]
        role_path = "/team/"
        role_permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
        [[stage.dev.role_statements]]
        actions = ["s3:GetObject", "s3:PutObject"]
        resources = ["arn:aws:s3:::uploads/*"]
        conditions = { StringEquals = { "aws:RequestedRegion" = "eu-central-1", "aws:x" = ["a", "b"] } }
    "#;
    let made = settings(text, None).expect("fine");
    let shown = format!("{:?}", made.listing);
    assert!(
        shown.contains("s3:GetObject, s3:PutObject on arn:aws:s3:::uploads/* under conditions"),
        "{shown}"
    );
    let RoleSetting::Made(made) = made.role else { panic!("a role to be made") };
    assert_eq!(made.path, "/team/");
    assert_eq!(made.statements[0].conditions["StringEquals"]["aws:x"], ["a", "b"]);
}

#[test]
fn mistakes_about_the_role_point_at_their_place() {
    let arn = "role_arn = \"arn:aws:iam::123456789012:role/shop\"";
    for (lines, message, at) in [
        (
            format!("{arn}\nrole_path = \"/team/\""),
            "`role_path` and `role_arn` exclude each other",
            "\"/team/\"",
        ),
        (format!("role_statements = []\n{arn}"), "`role_statements` and `role_arn` exclude each other", "[]"),
        ("role_arn = \"shop\"".to_owned(), "role_arn = \"shop\" is not the ARN of a role", "\"shop\""),
        (
            "role_arn = \"arn:aws:iam::123456789012:user/ci\"".to_owned(),
            "role_arn = \"arn:aws:iam::123456789012:user/ci\" is not the ARN of a role",
            "\"arn:aws:iam::123456789012:user/ci\"",
        ),
        ("role_path = \"/team\"".to_owned(), "role_path = \"/team\" is not an IAM path", "\"/team\""),
        ("role_path = \"team/\"".to_owned(), "role_path = \"team/\" is not an IAM path", "\"team/\""),
        ("role_path = \"//\"".to_owned(), "role_path = \"//\" is not an IAM path", "\"//\""),
        (
            "role_permissions_boundary = \"bound\"".to_owned(),
            "role_permissions_boundary = \"bound\" is not the ARN of a policy",
            "\"bound\"",
        ),
        (
            "role_statements = [{ actions = [\"GetObject\"], resources = [\"*\"] }]".to_owned(),
            "`GetObject` is not an action of IAM",
            "\"GetObject\"",
        ),
        (
            "role_statements = [{ actions = [\"s3:GetObject\"], resources = [\"uploads\"] }]".to_owned(),
            "`uploads` is not an ARN",
            "\"uploads\"",
        ),
        ("role_statements = [{ actions = [], resources = [\"*\"] }]".to_owned(), "actions is empty", "[]"),
    ] {
        let (found, _, pointed) = error(&format!("[stage.dev]\n{lines}\n"));
        assert_eq!((found.as_str(), pointed.as_str()), (message, at), "{lines}");
    }
    let unknown = error("[stage.dev]\nrole_statements = [{ action = [], resources = [] }]\n");
    assert_eq!(unknown.1, "did you mean `actions`?");
    let many = "\"arn:aws:s3:::uploads/*\", ".repeat(500);
    let (long, help, _) = error(&format!(
        "[stage.dev]\nrole_statements = [{{ actions = [\"s3:GetObject\"], resources = [{many}] }}]\n"
    ));
    assert!(long.starts_with("role_statements has ") && help.contains("10240"), "{long} {help}");
}

#[test]
fn a_statement_that_allows_more_than_is_needed_is_a_warning() {
    let warnings = |actions: &str, resources: &str| {
        let text = format!(
            "[stage.dev]\nrole_statements = [{{ actions = [{actions}], resources = [{resources}] }}]\n"
        );
        let config = parse(&text).expect("TOML");
        let settings = resolve(&config, &Overrides { package: "shop".to_owned(), ..Overrides::default() });
        check(&config, &settings.expect("fine")).expect("no error").len()
    };
    assert_eq!(warnings("\"s3:GetObject\"", "\"arn:aws:s3:::uploads/*\""), 0);
    assert_eq!(warnings("\"s3:GetObject\"", "\"*\""), 1);
    assert_eq!(warnings("\"s3:*\"", "\"arn:aws:s3:::uploads/*\""), 1);
    assert_eq!(warnings("\"*\"", "\"*\""), 2);
}

#[test]
fn wrong_types_and_broken_toml_are_errors_with_a_place() {
    for (text, at) in
        [("[stage.dev]\nmemory_mb = \"big\"\n", "\"big\""), ("[stage.dev]\nkeep_warm = 4\n", "4")]
    {
        let (message, _, pointed) = error(text);
        assert!(message.starts_with("expected "), "{message}");
        assert_eq!(pointed, at);
    }
    assert!(parse("[stage.dev\n").expect_err("broken").span.is_some());
}

#[test]
fn two_stages_and_no_default_is_an_error_that_lists_them() {
    let (message, help, _) = error("[stage.a]\n[stage.b]\n");
    assert_eq!(message, "there are several stages (a, b) and none is the default");
    assert!(help.contains("default_stage"), "{help}");
}

#[test]
fn keep_warm_is_a_switch_or_a_table() {
    for (value, expected) in
        [("false", KeepWarm::Off), ("true", KeepWarm::Every(4)), ("{ every_mins = 1 }", KeepWarm::Every(1))]
    {
        let settings = settings(&format!("[stage.dev]\nkeep_warm = {value}\n"), None).expect("fine");
        assert_eq!(settings.keep_warm, expected);
    }
}

#[test]
fn every_key_is_in_the_schema_with_a_description() {
    let schema = lzap_core::settings::schema();
    let stage = &schema["$defs"]["stage"]["properties"];
    let keys = stage.as_object().expect("properties");
    assert!(keys.len() >= 15, "{keys:?}");
    for (key, property) in keys {
        assert!(property["description"].as_str().is_some_and(|text| text.len() > 20), "{key}: {property}");
    }
}

#[test]
fn a_schedule_is_a_task_and_a_time() {
    let text = r#"
        [stage.dev]
        [[stage.dev.schedule]]
        task = "cleanup"
        rate = "1 hours"
        input = { days = 30, since = 2026-01-02, deep = [{ x = 1.5 }] }
        [[stage.dev.schedule]]
        task = "cleanup"
        name = "nightly"
        cron = "0  3 * * ? *"
    "#;
    let schedules = settings(text, None).expect("fine").schedules;
    let [first, second] = schedules.as_slice() else { panic!("two: {schedules:?}") };
    assert_eq!((first.name.as_str(), first.expression.as_str()), ("cleanup", "rate(1 hour)"));
    let input = serde_json::json!({"days": 30, "since": "2026-01-02", "deep": [{"x": 1.5}]});
    assert_eq!(first.input, input);
    assert_eq!((second.name.as_str(), second.expression.as_str()), ("nightly", "cron(0 3 * * ? *)"));
    assert_eq!(second.input, serde_json::Value::Null);
}

/// A list isn't merged: who could say which of the other stage's schedules are meant?
#[test]
fn a_stage_that_has_schedules_has_all_of_them() {
    let schedule = |stage: &str, task: &str| {
        format!("[[stage.{stage}.schedule]]\ntask = \"{task}\"\nrate = \"1 day\"\n")
    };
    let base = schedule("base", "cleanup");
    let tasks = |text: &str| -> Vec<String> {
        let schedules = settings(text, Some("dev")).expect("fine").schedules;
        schedules.into_iter().map(|schedule| schedule.task).collect()
    };
    assert_eq!(tasks(&format!("{base}[stage.dev]\nextends = \"base\"\n")), ["cleanup"]);
    let own = format!("{base}[stage.dev]\nextends = \"base\"\n{}", schedule("dev", "report"));
    assert_eq!(tasks(&own), ["report"]);
    let none = format!("{base}[stage.dev]\nextends = \"base\"\nschedule = []\n");
    assert_eq!(tasks(&none), Vec::<String>::new());
}

#[test]
fn mistakes_about_schedules_point_at_their_place() {
    let long = "a".repeat(60);
    for (lines, message, at) in [
        ("rate = \"1 week\"", "`1 week` is not a rate", "\"1 week\""),
        ("cron = \"0 3 * * * *\"", "`0 3 * * * *` is not a cron", "\"0 3 * * * *\""),
        ("", "the schedule of `cleanup` has no time", "\"cleanup\""),
        (
            "rate = \"1 day\"\ncron = \"0 3 * * ? *\"",
            "the schedule of `cleanup` has a `rate` and a `cron`",
            "\"0 3 * * ? *\"",
        ),
        ("rate = \"1 day\"\nname = \"a.b\"", "`a.b` can't be the name of this schedule", "\"a.b\""),
        (
            "rate = \"1 day\"\nname = \"keep-warm\"",
            "`keep-warm` can't be the name of this schedule",
            "\"keep-warm\"",
        ),
        (
            "rate = \"1 day\"\n[[stage.dev.schedule]]\ntask = \"other\"\nname = \"cleanup\"\nrate = \"1 day\"",
            "`cleanup` can't be the name of this schedule",
            "\"cleanup\"",
        ),
        (
            &format!("rate = \"1 day\"\nname = \"{long}\""),
            &format!("the rule's name `shop-dev-{long}` has 69 characters"),
            &format!("\"{long}\""),
        ),
    ] {
        let text = format!("[[stage.dev.schedule]]\ntask = \"cleanup\"\n{lines}\n");
        let (found, _, pointed) = error(&text);
        assert_eq!((found.as_str(), pointed.as_str()), (message, at), "{lines}");
    }
    let text = "x".repeat(8200);
    let large = format!("[[stage.dev.schedule]]\ntask = \"cleanup\"\nrate = \"1 day\"\ninput = \"{text}\"\n");
    let (message, _, at) = error(&large);
    assert!(message.starts_with("the input has 8") && at.len() == 8202, "{message}");
    let many = "[[stage.dev.schedule]]\ntask = \"a\"\nrate = \"1 day\"\n".repeat(41);
    assert!(error(&many).0.contains("schedule has 41 schedules"));
    let unknown = error("[[stage.dev.schedule]]\ntask = \"a\"\nevery = \"1 day\"\n");
    assert!(unknown.1.contains("rate"), "{unknown:?}");
}

#[test]
fn async_settings_merge_key_by_key() {
    let text = "[stage.base.async]\nretries = 0\non_failure = \"arn:aws:sqs:eu-central-1:123456789012:dead\"\n\
                [stage.dev]\nextends = \"base\"\n[stage.dev.async]\nmax_age_secs = 60\n";
    let config = settings(text, Some("dev")).expect("fine").asynchronous.expect("set");
    assert_eq!((config.retries, config.max_age_secs), (0, 60));
    assert!(config.on_failure.is_some_and(|arn| arn.ends_with(":dead")));
    assert_eq!(settings("[stage.dev]\n", None).expect("fine").asynchronous, None);
    for (line, message, at) in [
        ("retries = 3", "async.retries = 3 is out of range", "3"),
        ("max_age_secs = 59", "async.max_age_secs = 59 is out of range", "59"),
        ("on_failure = \"dead\"", "async.on_failure = \"dead\" is not the ARN of a destination", "\"dead\""),
    ] {
        let (found, _, pointed) = error(&format!("[stage.dev.async]\n{line}\n"));
        assert_eq!((found.as_str(), pointed.as_str()), (message, at));
    }
}

/// Lambda measures the variables as a JSON text, lzap's own among them.
#[test]
fn the_environment_is_measured_as_lambda_does() {
    let checked = |variables: &str, uses: Uses| {
        let text = format!(
            "app = \"shop\"\n[stage.dev]\nregion = \"eu-central-1\"\n[stage.dev.environment]\n{variables}"
        );
        let config = parse(&text).expect("a config");
        let settings = resolve(&config, &Overrides::default())?;
        check(&config, &settings)?;
        check_uses(&config, &settings, uses)
    };
    let many: Vec<String> = (0..100).map(|n| format!("VAR_{n:02} = \"{}\"\n", "x".repeat(34))).collect();
    assert!(
        checked(&many.concat(), Uses::default()).is_err(),
        "4,000 bytes of names and values, and more as JSON"
    );
    // `{"BIG":"…","LZAP_APP":"shop","LZAP_STAGE":"dev"}` has 47 bytes beside the value.
    let big = |bytes: usize| format!("BIG = \"{}\"\n", "x".repeat(bytes));
    assert_eq!(checked(&big(4096 - 47), Uses::default()), Ok(()));
    let error = checked(&big(4096 - 46), Uses::default()).expect_err("a byte too many");
    assert_eq!(error.message, "the environment variables have 4097 bytes as JSON, 37 of them lzap's own");
    assert!(error.span.is_some(), "{error:?}");
    // A quote takes two bytes in JSON.
    assert!(checked(&format!("BIG = '{}'\n", "\"".repeat(2100)), Uses::default()).is_err());
    // What an app with tasks gets is known once its crate was read.
    let uses = Uses::of_features(["tasks"]);
    assert!(checked(&big(4096 - 47), uses).is_err());
    assert_eq!(checked(&big(3900), uses), Ok(()));
}

/// IAM measures the whole policy of the role.
#[test]
fn the_roles_policy_is_measured_with_lzaps_own_statements() {
    let checked = |bucket_chars: usize, uses: Uses| {
        let bucket = "b".repeat(bucket_chars);
        let text = format!(
            "app = \"shop\"\n[stage.dev]\nregion = \"eu-central-1\"\n[[stage.dev.role_statements]]\n\
             actions = [\"s3:GetObject\"]\nresources = [\"arn:aws:s3:::{bucket}\"]\n"
        );
        let config = parse(&text).expect("a config");
        let settings = resolve(&config, &Overrides::default())?;
        check(&config, &settings)?;
        check_uses(&config, &settings, uses)
    };
    assert_eq!(checked(9_900, Uses::default()), Ok(()));
    // The statement alone fits: 10,150 characters and 90 around them.
    let error = checked(10_150, Uses::default()).expect_err("lzap's own statement doesn't fit any more");
    assert!(error.message.contains("lzap's own statements included"), "{error:?}");
    assert!(error.span.is_some());
    // An app with tasks needs more of its own.
    assert!(checked(9_900, Uses::of_features(["tasks"])).is_err());
}
