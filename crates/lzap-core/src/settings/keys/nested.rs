//! The keys of the tables within a stage.

use lzap_wire::limits;
use serde_json::Value;

use crate::asynchronous::{DEFAULT_RETRIES, DESTINATION};
use crate::settings::key::DefaultValue::{Described, Fixed};
use crate::settings::key::Limit::{EditorPattern, Note, Pattern, Range, Required};
use crate::settings::key::{Declaration, Key, declare};
use crate::settings::table::Table;

const EVENT_INVOKE_CONFIG: &str =
    "https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html";
const SCHEDULE_PATTERN: &str =
    "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html";

declare! {
    const NESTED_KEYS;

    SCHEDULE_TASK: String = Key {
        table: Table::Schedule,
        name: "task",
        text: "The task's name. A deploy stops before the new version gets traffic when that version has no such task.",
        unit: "",
        default: Described("required", String::new),
        limits: &[Required],
        page: "",
    };
    SCHEDULE_NAME: Option<String> = Key {
        table: Table::Schedule,
        name: "name",
        text: "The end of the rule's name, `{app}-{stage}-{name}`.",
        unit: "",
        default: Described("the task's name", || None),
        limits: &[
            EditorPattern("^[A-Za-z0-9_-]+$"),
            Note(|| format!("at most {} characters in the rule's name", limits::RULE_NAME_CHARS)),
        ],
        page: "https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html",
    };
    SCHEDULE_RATE: Option<String> = Key {
        table: Table::Schedule,
        name: "rate",
        text: "The interval: a whole number from 1, and `minutes`, `hours` or `days`.",
        unit: "",
        default: Described("none", || None),
        limits: &[EditorPattern("^[1-9][0-9]* (minute|hour|day)s?$")],
        page: SCHEDULE_PATTERN,
    };
    SCHEDULE_CRON: Option<String> = Key {
        table: Table::Schedule,
        name: "cron",
        text: "The times in UTC: minutes, hours, day of month, month, day of week, year. One of the two days is `?`.",
        unit: "",
        default: Described("none", || None),
        limits: &[EditorPattern(r"^\S+ \S+ \S+ \S+ \S+ \S+$")],
        page: SCHEDULE_PATTERN,
    };
    SCHEDULE_INPUT: Value = Key {
        table: Table::Schedule,
        name: "input",
        text: "The task's argument, which is sent as JSON.",
        unit: "",
        default: Fixed(|| Value::Null),
        limits: &[Note(|| format!("at most {} bytes as JSON", limits::RULE_INPUT_BYTES))],
        page: "https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html",
    };

    ASYNC_RETRIES: u32 = Key {
        table: Table::Async,
        name: "retries",
        text: "The maximum retry attempts of an invocation that failed.",
        unit: "attempts",
        default: Fixed(|| DEFAULT_RETRIES),
        limits: &[Range(0..=limits::ASYNC_RETRIES)],
        page: EVENT_INVOKE_CONFIG,
    };
    ASYNC_MAX_AGE_SECS: u32 = Key {
        table: Table::Async,
        name: "max_age_secs",
        text: "The maximum age of an event: the time for which it is kept while it can't be processed.",
        unit: "seconds",
        default: Fixed(|| *limits::ASYNC_MAX_AGE_SECS.end()),
        limits: &[Range(limits::ASYNC_MAX_AGE_SECS)],
        page: EVENT_INVOKE_CONFIG,
    };
    ASYNC_ON_FAILURE: Option<String> = Key {
        table: Table::Async,
        name: "on_failure",
        text: "The ARN of the failure destination, which gets a record of each event that Lambda gives up: an SQS queue, an SNS \
               topic, an EventBridge bus or a Lambda function.",
        unit: "",
        default: Described("none", || None),
        limits: &[Pattern {
            regex: DESTINATION,
            is: "the ARN of a destination",
            help: "write the ARN of an SQS queue, an SNS topic, an EventBridge bus or a Lambda function",
        }],
        page: "https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html",
    };

    WORKERS_MEMORY_MB: Option<u32> = Key {
        table: Table::Workers,
        name: "memory_mb",
        text: "The memory of the worker function.",
        unit: "MB",
        default: Described("the stage's `memory_mb`", || None),
        limits: &[Range(limits::MEMORY_MB)],
        page: "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",
    };
    WORKERS_CONCURRENCY: Option<u32> = Key {
        table: Table::Workers,
        name: "concurrency",
        text: "The reserved concurrency of the worker function: the most workers that run at the same time. The account's other \
               functions can't use it.",
        unit: "workers",
        default: Described("none reserved: as many as the account has available", || None),
        limits: &[
            Range(1..=u32::MAX),
            Note(|| format!("the account keeps {} unreserved", limits::UNRESERVED_CONCURRENCY)),
        ],
        page: "https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html",
    };

    EVERY_MINS: u32 = Key {
        table: Table::KeepWarm,
        name: "every_mins",
        text: "The interval of the keep-warm rule. The default keeps an idle execution environment alive.",
        unit: "minutes",
        default: Fixed(|| 4),
        limits: &[Range(1..=24 * 60)],
        page: SCHEDULE_PATTERN,
    };
}
