//! What a stage of `cargo xtask test` is.

use lzap_testkit::shell::{Result, Tally};

/// What a stage needs, and how long it takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tier {
    /// Neither Python nor a network; a few minutes once everything is compiled.
    Quick,
    /// What `cargo xtask setup` installs.
    Full,
    /// As `Full`, for hours; never run unless named.
    Exhaustive,
}

impl Tier {
    pub(super) const ALL: [Self; 3] = [Self::Quick, Self::Full, Self::Exhaustive];

    /// The tier's word on the command line.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
            Self::Exhaustive => "exhaustive",
        }
    }
}

/// One step of a test run.
pub(super) struct Stage {
    pub(super) tier: Tier,
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) run: fn(&mut Tally) -> Result,
}

impl Stage {
    /// The command that runs this stage alone.
    pub(super) fn command(&self) -> String {
        let tier = if self.tier == Tier::Exhaustive { "exhaustive " } else { "" };
        format!("cargo xtask test {tier}{}", self.name)
    }
}
