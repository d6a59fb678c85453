//! One error of each kind, for the reference. Words in capitals stand for names.

use std::io;
use std::path::PathBuf;

use lzap_core::check::check;
use lzap_core::config::{self, ConfigError, ConfigErrorKind};
use lzap_core::settings::{self, Overrides};

use super::{CliError, UsageKind};

impl CliError {
    /// Returns one error of each kind that wraps no error of another crate.
    pub(super) fn examples() -> Vec<Self> {
        let stage = || "STAGE".to_owned();
        let mut examples = vec![
            Self::NoConfig { dir: PathBuf::from("FOLDER") },
            Self::Unreadable { path: PathBuf::from("FILE"), source: io::ErrorKind::PermissionDenied.into() },
            Self::NoRuntime { package: "PACKAGE".to_owned(), lines: "LINES".to_owned() },
            Self::NeedsYes { what: "undeploy deletes all resources of the stage" },
            Self::Declined,
            Self::Terminal("REASON".to_owned()),
            Self::Argument { argument: "--data @FILE".to_owned(), source: io::ErrorKind::NotFound.into() },
            Self::Touch { url: "URL".to_owned(), status: 502, stage: stage(), log: Vec::new() },
            Self::Locked { holder: "HOLDER".to_owned(), stage: stage() },
            Self::LockLost { stage: stage() },
            Self::Left { left: vec!["RESOURCE".to_owned()], stage: stage() },
            Self::Interrupted { resume: None },
            Self::Io {
                what: "could not write the log".to_owned(),
                source: io::ErrorKind::StorageFull.into(),
            },
        ];
        examples.extend(ConfigErrorKind::ALL.into_iter().filter_map(|kind| {
            let text = wrong_config(kind);
            let problem = Box::new(read_config(text).err()?);
            Some(Self::Config { path: PathBuf::from("lzap.toml"), text: text.to_owned(), problem })
        }));
        examples.extend(UsageKind::ALL.into_iter().map(|kind| {
            let (problem, help) = kind.example();
            Self::usage(kind, problem, help)
        }));
        examples
    }
}

/// Returns an `lzap.toml` with a mistake of this kind.
fn wrong_config(kind: ConfigErrorKind) -> &'static str {
    match kind {
        ConfigErrorKind::Syntax => "[stage.dev]\nregion = eu-central-1\n",
        ConfigErrorKind::UnknownKey => "[stage.dev]\nregion = \"eu-central-1\"\nmemroy_mb = 512\n",
        ConfigErrorKind::MissingKey => {
            "[stage.dev]\nregion = \"eu-central-1\"\n[[stage.dev.schedule]]\nrate = \"1 hour\"\n"
        }
        ConfigErrorKind::WrongType => "[stage.dev]\nregion = \"eu-central-1\"\nmemory_mb = \"512\"\n",
        ConfigErrorKind::OutOfRange => "[stage.dev]\nregion = \"eu-central-1\"\nmemory_mb = 64\n",
        ConfigErrorKind::InvalidValue => "[stage.dev]\nregion = \"Frankfurt\"\n",
        ConfigErrorKind::Conflict => {
            "[stage.dev]\nregion = \"eu-central-1\"\nrole_arn = \"arn:aws:iam::123456789012:role/app\"\nrole_path = \"/team/\"\n"
        }
        ConfigErrorKind::Stage => "[stage.dev]\nextends = \"base\"\nregion = \"eu-central-1\"\n",
    }
}

fn read_config(text: &str) -> Result<(), ConfigError> {
    let config = config::parse(text)?;
    let overrides =
        Overrides { package: "app".to_owned(), stage: Some("dev".to_owned()), ..Overrides::default() };
    let settings = settings::resolve(&config, &overrides)?;
    check(&config, &settings).map(drop)
}
