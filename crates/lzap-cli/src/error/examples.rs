//! One error of each kind, for the reference. Words in capitals stand for names.

use std::io;
use std::path::PathBuf;

use lzap_core::config::ConfigErrorKind;

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
        examples.extend(ConfigErrorKind::ALL.into_iter().map(|kind| Self::Config {
            path: PathBuf::from("lzap.toml"),
            text: String::new(),
            problem: Box::new(kind.whole("PROBLEM", "the text to write instead")),
        }));
        examples.extend(UsageKind::ALL.into_iter().map(|kind| {
            let (problem, help) = kind.example();
            Self::usage(kind, problem, help)
        }));
        examples
    }
}
