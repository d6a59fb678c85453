//! The types of a test run: a stage and its tier. The stages themselves are in `stages.rs`.

use lzap_testkit::shell::{Result, Tally};

/// The requirements of a stage, and roughly its duration.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tier {
    /// Neither Python nor a network; a few minutes once everything is compiled.
    Quick,
    /// Everything that `cargo xtask setup` installs; up to half an hour for the whole tier.
    Full,
    /// The prerequisites of `Full`, for hours. A run without arguments leaves this tier out.
    Exhaustive,
}

impl Tier {
    /// In the order in which help and errors list them.
    pub(super) const ALL: [Self; 3] = [Self::Quick, Self::Full, Self::Exhaustive];

    /// The tier's name on the command line.
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
    /// The name on the command line. Two stages may share it if one of them is exhaustive.
    pub(super) name: &'static str,
    /// The claim that the stage checks, as `cargo xtask test` prints it.
    pub(super) about: &'static str,
    /// Runs the checks and adds the results of libtest to the tally.
    pub(super) run: fn(&mut Tally) -> Result,
}

impl Stage {
    /// Returns the command that runs this stage alone, for the message of a failure.
    pub(super) fn command(&self) -> String {
        let tier = if self.tier == Tier::Exhaustive { "exhaustive " } else { "" };
        format!("cargo xtask test {tier}{}", self.name)
    }
}
