//! Mistakes in the arguments, by kind.
//!
//! Code and cause are fixed for a kind; problem and help are written where the mistake is found, with the
//! user's own words in them.

/// The kind of a mistake in the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UsageKind {
    /// clap refused them.
    Arguments,
    /// The folder of a new crate has no name.
    FolderName,
    /// `invoke` names no task.
    NoTask,
    /// `invoke` names a task beside `--raw` or `--job`.
    TooManyNames,
    /// `--data` or `--raw` is not JSON.
    NotJson,
    /// The event exceeds a limit of Lambda.
    EventTooLarge,
    /// The id has not the form of a job's id.
    NotAJobId,
    /// `--filter` is not a filter pattern.
    NotAPattern,
    /// `explain` names no error code.
    UnknownCode,
}

impl UsageKind {
    /// Every kind, for the reference.
    pub(super) const ALL: [Self; 9] = [
        Self::Arguments,
        Self::FolderName,
        Self::NoTask,
        Self::TooManyNames,
        Self::NotJson,
        Self::EventTooLarge,
        Self::NotAJobId,
        Self::NotAPattern,
        Self::UnknownCode,
    ];

    /// Returns the code and the likely cause.
    pub(super) fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Arguments => (
                "lzap::usage::arguments",
                "The command line has an unknown command or option, or a value of the wrong form.",
            ),
            Self::FolderName => (
                "lzap::usage::folder_name",
                "A new crate is named after its folder, and this one is the root of the file system.",
            ),
            Self::NoTask => ("lzap::usage::no_task", "`lzap invoke` calls a task, and none was named."),
            Self::TooManyNames => (
                "lzap::usage::too_many_names",
                "`--raw` and `--job` need no task, so `lzap invoke` takes only the stage beside them.",
            ),
            Self::NotJson => (
                "lzap::usage::not_json",
                "The value is not JSON, often because the shell removed its quotes.",
            ),
            Self::EventTooLarge => (
                "lzap::usage::event_too_large",
                "Lambda limits the size of an event, and limits it more for an asynchronous invocation.",
            ),
            Self::NotAJobId => {
                ("lzap::usage::not_a_job_id", "The value is not an id that lzap gives to jobs.")
            }
            Self::NotAPattern => (
                "lzap::usage::not_a_pattern",
                "CloudWatch Logs has its own syntax of filter patterns, and refuses this one.",
            ),
            Self::UnknownCode => (
                "lzap::usage::unknown_code",
                "`lzap explain` takes the code in the brackets of an error's first line.",
            ),
        }
    }

    /// Returns problem and help of an example, for the reference.
    pub(super) fn example(self) -> (&'static str, &'static str) {
        match self {
            Self::Arguments => ("unexpected argument 'OPTION' found", "type `lzap COMMAND --help`"),
            Self::FolderName => (
                "FOLDER has no name to give to the crate",
                "name a folder: `lzap init my-app --template hello`",
            ),
            Self::NoTask => ("no task is named", "type `lzap invoke [STAGE] TASK`, or `--raw`, or `--job`"),
            Self::TooManyNames => {
                ("`NAME` is one name too many", "with `--raw` or `--job`, name only the stage")
            }
            Self::NotJson => (
                "`--data` is not JSON: REASON",
                "write `'{\"days\": 30}'`; a text needs its own quotes: `'\"text\"'`; a file is `@FILE`, stdin is `-`",
            ),
            Self::EventTooLarge => (
                "the event has N bytes",
                "AWS allows LIMIT for an event: put the data into a bucket, and send its key",
            ),
            Self::NotAJobId => (
                "`ID` is not the id of a job",
                "an id is 32 hex digits, as the app got it when it sent the job",
            ),
            Self::NotAPattern => (
                "`--filter PATTERN` is not a filter pattern: REASON",
                "write words, \"a phrase\", ?any, -none, or { $.field = \"value\" }",
            ),
            Self::UnknownCode => ("there is no error code `CODE`", "type `lzap explain` for all codes"),
        }
    }
}
