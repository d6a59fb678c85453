//! Every key of `lzap.toml`, each declared once.
//!
//! The parser, the checks, the JSON Schema, `lzap config` and the page `docs/reference/config.md` come from these
//! declarations. A new key needs its declaration, a field of [`super::Settings`] with the line of [`super::resolve`] that
//! fills it, and what uses the field.

mod file;
mod nested;
mod role;
mod stage;

pub(crate) use file::*;
pub(crate) use nested::*;
pub(crate) use role::*;
pub(crate) use stage::*;

use super::key::Declaration;

/// Every key, in the order of the reference page.
pub(crate) fn all() -> impl Iterator<Item = &'static dyn Declaration> {
    [FILE_KEYS, STAGE_KEYS, ROLE_KEYS, NESTED_KEYS].into_iter().flatten().copied()
}
