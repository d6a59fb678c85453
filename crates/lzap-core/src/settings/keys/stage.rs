//! The keys of `[stage.NAME]` but for those about the role.

use std::collections::BTreeMap;

use lzap_wire::limits;

use super::nested::EVERY_MINS;
use crate::config::KeepWarm;
use crate::platform::{Architecture, Include, Linker};
use crate::resource::front::Front;
use crate::schedule::Schedule;
use crate::settings::key::DefaultValue::{Described, Fixed};
use crate::settings::key::Limit::{Note, OneOf, Pattern, Range, Size};
use crate::settings::key::{Declaration, Key, declare};
use crate::settings::table::Table;
use crate::settings::value::{AsyncTable, Variables, WorkersTable};

pub(crate) type TextMap = BTreeMap<String, String>;

const URL_PATH: &str = r"^/\S*$";
const URL_PATH_HELP: &str = "write it as in a URL, with a `/` in front";
/// The size of environment variables as Lambda measures it: names and values as a JSON text.
pub(crate) fn json_bytes(variables: &TextMap) -> usize {
    serde_json::to_string(variables).map_or(0, |text| text.len())
}

/// lzap puts up to this many tags of its own on a resource.
const OWN_TAGS: usize = 8;

const LAMBDA_QUOTAS: &str = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html";

declare! {
    const STAGE_KEYS;

    EXTENDS: Option<String> = Key {
        table: Table::Stage,
        name: "extends",
        text: "Another stage, whose settings this one starts from. Tables are merged key by key, lists are replaced.",
        unit: "",
        default: Described("no stage", || None),
        limits: &[],
        page: "",
    };
    REGION: Option<String> = Key {
        table: Table::Stage,
        name: "region",
        text: "The AWS region. The flag `--region` comes before this key, and this key before `AWS_REGION`: a stage belongs to \
               a region, and a CI job's environment must not move it.",
        unit: "",
        default: Described("`AWS_REGION`, else the profile's", || None),
        limits: &[Pattern {
            regex: "^[a-z0-9-]+$",
            is: "the name of a region",
            help: "write it as AWS does, such as `eu-central-1`",
        }],
        page: "https://docs.aws.amazon.com/general/latest/gr/lambda-service.html",
    };
    PROFILE: Option<String> = Key {
        table: Table::Stage,
        name: "profile",
        text: "The profile in the AWS config files. The flag `--profile` and `AWS_PROFILE` come before this key: a profile's \
               name belongs to a machine. Credentials in the environment come before any profile.",
        unit: "",
        default: Described("`default`", || None),
        limits: &[],
        page: "https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html",
    };
    ARCHITECTURE: Architecture = Key {
        table: Table::Stage,
        name: "architecture",
        text: "The processor architecture. In the stage `local` the default is this machine's.",
        unit: "",
        default: Fixed(|| Architecture::Arm64),
        limits: &[],
        page: "https://docs.aws.amazon.com/lambda/latest/dg/foundation-arch.html",
    };
    MEMORY_MB: u32 = Key {
        table: Table::Stage,
        name: "memory_mb",
        text: "The memory of the function. The share of a processor grows with it: 1769 MB come with one.",
        unit: "MB",
        default: Fixed(|| 512),
        limits: &[Range(limits::MEMORY_MB)],
        page: LAMBDA_QUOTAS,
    };
    TIMEOUT_SECS: u32 = Key {
        table: Table::Stage,
        name: "timeout_secs",
        text: "The time that an invocation may take. More than an HTTP API waits is for tasks.",
        unit: "seconds",
        default: Fixed(|| limits::HTTP_API_TIMEOUT_SECS),
        limits: &[
            Range(limits::TIMEOUT_SECS),
            Note(|| format!("an HTTP API waits {} seconds", limits::HTTP_API_TIMEOUT_SECS)),
        ],
        page: LAMBDA_QUOTAS,
    };
    EPHEMERAL_STORAGE_MB: u32 = Key {
        table: Table::Stage,
        name: "ephemeral_storage_mb",
        text: "The size of the folder `/tmp`.",
        unit: "MB",
        default: Fixed(|| *limits::EPHEMERAL_STORAGE_MB.start()),
        limits: &[Range(limits::EPHEMERAL_STORAGE_MB)],
        page: LAMBDA_QUOTAS,
    };
    KEEP_WARM: KeepWarm = Key {
        table: Table::Stage,
        name: "keep_warm",
        text: "Invoke the function at an interval, so that an execution environment stays warm: `true`, `false`, or a table \
               with the interval.",
        unit: "",
        default: Fixed(|| KeepWarm::Every(EVERY_MINS.default())),
        limits: &[],
        page: "",
    };
    SCHEDULES: Vec<Schedule> = Key {
        table: Table::Stage,
        name: "schedule",
        text: "Tasks that run at set times. A stage that has any schedule takes over none from the stage that it extends.",
        unit: "",
        default: Described("none", Vec::new),
        limits: &[Size { max: limits::SCHEDULES, of: "schedules", measure: Vec::len }],
        page: "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html",
    };
    ASYNC: Option<AsyncTable> = Key {
        table: Table::Stage,
        name: "async",
        text: "Settings for asynchronous invocations: retries, maximum event age and failure destination.",
        unit: "",
        default: Described("AWS's own settings", || None),
        limits: &[],
        page: "https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html",
    };
    WORKERS: Option<WorkersTable> = Key {
        table: Table::Stage,
        name: "workers",
        text: "A second function of the same artifact, for the chunks of maps.",
        unit: "",
        default: Described("none: the function invokes itself", || None),
        limits: &[],
        page: "",
    };
    ENVIRONMENT: Variables = Key {
        table: Table::Stage,
        name: "environment",
        text: "Environment variables of the function.",
        unit: "",
        default: Described("none", Variables::default),
        limits: &[Size {
            max: limits::ENVIRONMENT_BYTES,
            of: "bytes as JSON text, with lzap's own variables",
            measure: |it| json_bytes(&it.0),
        }],
        page: "https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html",
    };
    LOG_RETENTION_DAYS: u16 = Key {
        table: Table::Stage,
        name: "log_retention_days",
        text: "The time for which logs are kept.",
        unit: "days",
        default: Fixed(|| 30),
        limits: &[OneOf(limits::LOG_RETENTION_DAYS)],
        page: "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html",
    };
    INCLUDE: Vec<Include> = Key {
        table: Table::Stage,
        name: "include",
        text: "Files and folders that go into the zip beside the binary: `\"path\"` or `\"path:path/in/the/zip\"`.",
        unit: "",
        default: Described("none", Vec::new),
        limits: &[],
        page: "",
    };
    FEATURES: Vec<String> = Key {
        table: Table::Stage,
        name: "features",
        text: "Cargo features to build with, in addition to the default ones.",
        unit: "",
        default: Described("none", Vec::new),
        limits: &[],
        page: "",
    };
    LINKER: Linker = Key {
        table: Table::Stage,
        name: "linker",
        text: "How the binary is linked.",
        unit: "",
        default: Fixed(|| Linker::Auto),
        limits: &[],
        page: "",
    };
    FRONT: Front = Key {
        table: Table::Stage,
        name: "front",
        text: "What turns HTTP requests into invocations. When it changes, the new front is created and requested before the \
               old one is deleted; `lzap deploy --keep-old-front` keeps both.",
        unit: "",
        default: Fixed(Front::default),
        limits: &[],
        page: "https://docs.aws.amazon.com/lambda/latest/dg/furls-http-invoke-decision.html",
    };
    TOUCH_PATH: String = Key {
        table: Table::Stage,
        name: "touch_path",
        text: "The path that is requested once after a deploy. An answer of 5xx fails the deploy.",
        unit: "",
        default: Fixed(|| "/".to_owned()),
        limits: &[Pattern { regex: URL_PATH, is: "a path", help: URL_PATH_HELP }],
        page: "",
    };
    HEALTH_PATH: Option<String> = Key {
        table: Table::Stage,
        name: "health_path",
        text: "A path that a new version must answer with 2xx or 3xx before it gets traffic.",
        unit: "",
        default: Described("none: the version must start", || None),
        limits: &[Pattern { regex: URL_PATH, is: "a path", help: URL_PATH_HELP }],
        page: "",
    };
    KEEP_VERSIONS: u32 = Key {
        table: Table::Stage,
        name: "keep_versions",
        text: "Published versions that are kept for a rollback.",
        unit: "versions",
        default: Fixed(|| 10),
        limits: &[Range(1..=u32::MAX), Note(|| "AWS limits the size of all code in a region".to_owned())],
        page: LAMBDA_QUOTAS,
    };
    TAGS: TextMap = Key {
        table: Table::Stage,
        name: "tags",
        text: "Tags on every resource of the stage that can have tags, in addition to lzap's own.",
        unit: "",
        default: Described("none", TextMap::new),
        limits: &[
            Size { max: limits::TAGS - OWN_TAGS, of: "tags", measure: TextMap::len },
            Note(|| format!("keys of 1 to {} characters", limits::TAG_KEY_CHARS)),
            Note(|| format!("values of at most {} characters", limits::TAG_VALUE_CHARS)),
        ],
        page: "https://docs.aws.amazon.com/tag-editor/latest/userguide/reference.html",
    };
}
