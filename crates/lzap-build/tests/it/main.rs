//! From a folder to a zip, and from a template to a crate, on small real crates.

mod archive;
mod compile;
mod elf;
mod git;
mod project;
mod scaffold;
mod support;
