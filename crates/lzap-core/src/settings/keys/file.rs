//! The keys of the file itself.

use crate::settings::key::DefaultValue::Described;
use crate::settings::key::Limit::Pattern;
use crate::settings::key::{Declaration, Key, declare};
use crate::settings::table::Table;
use crate::settings::value::StageTables;

/// The name of an app or a stage: a part of the names of functions, roles, rules and objects.
pub(crate) const NAME: &str = r"^[A-Za-z0-9][A-Za-z0-9_-]*$";
/// The help text for an invalid [`NAME`].
pub(crate) const NAME_HELP: &str =
    "write a letter or a digit, then letters, digits, `-` and `_`: it becomes a part of AWS names";

declare! {
    const FILE_KEYS;

    APP: Option<String> = Key {
        table: Table::File,
        name: "app",
        text: "The app's name, a part of the name of everything that lzap creates.",
        unit: "",
        default: Described("the Cargo package's name", || None),
        limits: &[Pattern { regex: NAME, is: "the name of an app", help: NAME_HELP }],
        page: "",
    };
    DEFAULT_STAGE: Option<String> = Key {
        table: Table::File,
        name: "default_stage",
        text: "The stage of a command that names none.",
        unit: "",
        default: Described("the only stage", || None),
        limits: &[],
        page: "",
    };
    PACKAGE: Option<String> = Key {
        table: Table::File,
        name: "package",
        text: "The Cargo package to deploy, in a workspace with several.",
        unit: "",
        default: Described("the package of this folder", || None),
        limits: &[],
        page: "",
    };
    BIN: Option<String> = Key {
        table: Table::File,
        name: "bin",
        text: "The binary to deploy, in a package with several.",
        unit: "",
        default: Described("the only binary", || None),
        limits: &[],
        page: "",
    };
    STAGE: StageTables = Key {
        table: Table::File,
        name: "stage",
        text: "The stages by name. The stage `local`, the embedded cloud, exists without a table.",
        unit: "",
        default: Described("`local` alone", || StageTables),
        limits: &[],
        page: "",
    };
}
