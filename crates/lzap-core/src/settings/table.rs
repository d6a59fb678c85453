//! The tables of `lzap.toml`: where a key may stand.

/// A table of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// The file itself.
    File,
    /// `[stage.NAME]`
    Stage,
    /// `[[stage.NAME.schedule]]`
    Schedule,
    /// `[stage.NAME.async]`
    Async,
    /// `[stage.NAME.workers]`
    Workers,
    /// `[[stage.NAME.role_statements]]`
    RoleStatements,
    /// `keep_warm = { … }`
    KeepWarm,
}

impl Table {
    /// Every table, in the order of the reference page.
    pub(crate) const ALL: [Self; 7] = [
        Self::File,
        Self::Stage,
        Self::Schedule,
        Self::Async,
        Self::Workers,
        Self::RoleStatements,
        Self::KeepWarm,
    ];

    /// The table as the file writes it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::File => "lzap.toml",
            Self::Stage => "[stage.NAME]",
            Self::Schedule => "[[stage.NAME.schedule]]",
            Self::Async => "[stage.NAME.async]",
            Self::Workers => "[stage.NAME.workers]",
            Self::RoleStatements => "[[stage.NAME.role_statements]]",
            Self::KeepWarm => "stage.NAME.keep_warm",
        }
    }

    /// The table's name among the definitions of the JSON Schema.
    pub(crate) fn definition(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Stage => "stage",
            Self::Schedule => "schedule",
            Self::Async => "async",
            Self::Workers => "workers",
            Self::RoleStatements => "role_statements",
            Self::KeepWarm => "keep_warm",
        }
    }

    /// The meaning of the table, for the schema and the reference page.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::File => "The app and its stages.",
            Self::Stage => {
                "The settings of one stage. A key that is left out comes from the stage that `extends` names, else it has \
                 its default."
            }
            Self::Schedule => {
                "A task that runs at set times. Each schedule has exactly one of `rate` and `cron`."
            }
            Self::Async => {
                "Asynchronous invocations: schedules, and tasks that the app starts with `spawn` or `job`. Without this table \
                 lzap leaves AWS's own settings as they are."
            }
            Self::Workers => {
                "A second function of the same artifact, which runs the chunks of maps. The empty table is enough to have it."
            }
            Self::RoleStatements => "A statement of the policy of the role that lzap creates.",
            Self::KeepWarm => "The interval of the keep-warm rule.",
        }
    }

    /// The key of a stage that holds the table, where its keys are settings by themselves.
    pub(crate) fn holder(self) -> Option<&'static str> {
        match self {
            Self::File | Self::Stage | Self::Schedule | Self::RoleStatements => None,
            Self::Async => Some("async"),
            Self::Workers => Some("workers"),
            Self::KeepWarm => Some("keep_warm"),
        }
    }
}
