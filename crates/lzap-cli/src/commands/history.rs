//! `lzap history`: the published versions, newest first; which is live, which were.
//!
//! Number, share of the traffic, time, commit, hash of the zip, author:
//! ```text
//!    8  live 90 %    2026-11-24T08:00:00Z  4f1c2a9+dirty  9b74c989  jane
//!    7  was live     2026-11-20T08:00:00Z  1d2e3f4        0a1b2c3d  jane
//! ```

use lzap_aws::Scope;
use lzap_core::history;
use lzap_core::ids::VersionNumber;
use lzap_core::names::sha256_hex;
use lzap_core::observed::Observed;
use lzap_core::release::Release;
use lzap_core::resource::alias::ObservedAlias;
use lzap_core::resource::version::ObservedVersion;
use serde_json::{Value, json};

use crate::cli::StageArgs;
use crate::context::{Context, Target};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::report;

/// Prints the published versions, newest first. Older ones are missing, since a deploy deletes versions
/// beyond `keep_versions`; it never deletes one that an alias holds.
pub(crate) async fn run(context: &Context, args: &StageArgs) -> Result<Exit, CliError> {
    let stage = args.stage.as_deref();
    let settings = context.load_config(stage)?.deployed_settings(context, stage)?;
    let target = Target::connect(context, &settings).await?;
    let observed = lzap_aws::observe(&target.clients, &target.names, &Scope::Versions).await?;
    if observed.function.is_none() {
        return Err(CliError::not_deployed(&target.names));
    }
    // The observed versions are oldest first.
    let rows: Vec<Row> = observed.versions.iter().rev().map(|version| Row::of(version, &observed)).collect();
    for row in &rows {
        context.printer.print_data(row.format_line());
    }
    let versions: Vec<Value> = rows.iter().map(Row::to_json).collect();
    context.printer.print_json(&report::add_fields(
        report::place_fields(&target.names),
        json!({ "versions": versions }),
    ));
    Ok(Exit::Done)
}

/// A version, as it is shown.
struct Row {
    /// AWS's number of the version, as text.
    number: VersionNumber,
    /// Commit, author and time, from the version's description.
    release: Release,
    /// The hash of the code in hexadecimal; empty if AWS's value can't be read.
    sha256: String,
    /// Its part in the traffic, by the alias.
    share: Share,
}

/// The share of a version in the traffic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Share {
    /// Named by the alias, with this percentage of the traffic.
    Live(u8),
    /// The canary, with this percentage of the traffic.
    Canary(u8),
    /// It was live before.
    Was,
    /// Never live, as far as the alias's history goes back.
    None,
}

impl Row {
    /// Joins the version with the alias. Without an alias no version is live.
    fn of(version: &ObservedVersion, observed: &Observed) -> Self {
        // A version that lzap didn't publish has its own time, and says what it likes.
        let foreign = || Release { time: version.published.clone(), ..Release::default() };
        Self {
            number: version.number.clone(),
            release: Release::parse(&version.description).unwrap_or_else(foreign),
            sha256: sha256_hex(&version.code_sha256).unwrap_or_default(),
            share: observed.alias.as_ref().map_or(Share::None, |alias| Share::of(&version.number, alias)),
        }
    }

    /// Formats the row as a line of columns.
    fn format_line(&self) -> String {
        let short: String = self.sha256.chars().take(8).collect();
        let commit = self.release.commit.as_deref().unwrap_or("-");
        let dirty = if self.release.dirty { "+dirty" } else { "" };
        let author = self.release.author.as_deref().unwrap_or("-");
        let row = format!(
            "{:>4}  {:<12} {:<20}  {:<14} {short}  {author}",
            self.number,
            self.share.text(),
            self.release.time,
            format!("{commit}{dirty}"),
        );
        format!("{}\n", row.trim_end())
    }

    /// Returns the row as JSON.
    fn to_json(&self) -> Value {
        json!({
            "version": self.number.as_str(),
            "commit": self.release.commit,
            "dirty": self.release.dirty,
            "author": self.release.author,
            "time": self.release.time,
            "sha256": self.sha256,
            "state": self.share.state(),
            "percent": self.share.percent(),
        })
    }
}

impl Share {
    /// The alias names its main version, and the canary with a share; the main version has the rest. Which
    /// versions were live before is in the alias's description.
    fn of(version: &VersionNumber, alias: &ObservedAlias) -> Self {
        let canary = alias.canary.as_ref();
        if let Some(canary) = canary.filter(|canary| canary.version == *version) {
            return Self::Canary(canary.percent);
        }
        if alias.version == *version {
            // AWS has no weight for the alias's own version: it gets what the canary leaves.
            return Self::Live(100 - canary.map_or(0, |canary| canary.percent));
        }
        let before = history::parse(&alias.description);
        if before.contains(version) { Self::Was } else { Self::None }
    }

    /// Returns the column of the text output.
    fn text(self) -> String {
        match self {
            Self::Live(100) => "live".to_owned(),
            Self::Live(percent) => format!("live {percent} %"),
            Self::Canary(percent) => format!("canary {percent} %"),
            Self::Was => "was live".to_owned(),
            Self::None => String::new(),
        }
    }

    /// Returns the word of the JSON document; its fields are part of the command line's contract.
    fn state(self) -> Option<&'static str> {
        match self {
            Self::Live(_) => Some("live"),
            Self::Canary(_) => Some("canary"),
            Self::Was => Some("was_live"),
            Self::None => None,
        }
    }

    /// Returns the share of the traffic in percent.
    fn percent(self) -> u8 {
        match self {
            Self::Live(percent) | Self::Canary(percent) => percent,
            Self::Was | Self::None => 0,
        }
    }
}
