//! A crate becomes a zip that Lambda runs; a template becomes a crate.
//!
//! In the order of a deploy: [`project::find_project`] asks cargo which package and binary are meant, [`compile::compile`] builds
//! it for the stage's architecture, [`elf::check`] says whether Lambda's runtime can start the result, and
//! [`archive::archive`] makes the zip: same input, same bytes. [`git::read_commit`] tells which source it was.
//! [`scaffold`] is the other direction: new crates and `lzap.toml` files from the templates in this program.
//!
//! Not here: anything of AWS (`lzap-aws`), and anything that prints or asks (`lzap-cli`); progress goes to a callback.
//!
//! # How a binary is linked
//! See [`lzap_core::platform::Linker`]. `auto` looks at the crates that end up in the binary:
//! - None of them compiles C: a static musl binary, linked by the `rust-lld` that comes with Rust. No C toolchain, no zig, and
//!   no glibc to match, for either architecture, from any host.
//! - One does: musl would need a C compiler for musl as well, so the binary links glibc. The native toolchain serves where host
//!   and stage agree and the result passes [`elf::check`]; else zig cross-compiles against glibc 2.34.
//!
//! # The profile
//! `release`, with these where your project doesn't say otherwise: `lto = "thin"`, `codegen-units = 1`, `strip = true`. The
//! optimization level stays 3: `opt-level = "s"` makes an app that computes half as fast, to save half a megabyte at most.
//! A `[profile.release]` in the manifest or in cargo's configuration, and `CARGO_PROFILE_RELEASE_*`, win key by key.

pub mod archive;
mod cargo;
pub mod compile;
mod dependencies;
pub mod elf;
mod error;
mod event;
pub mod git;
mod linker;
mod native;
mod openssl;
mod profile;
pub mod project;
pub mod scaffold;
pub mod survey;
mod templates;
pub mod toolchain;
mod zig;

pub use error::{BuildError, CargoSaid};
pub use zig::zig_wrapper;
