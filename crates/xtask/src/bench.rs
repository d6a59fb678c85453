//! `cargo xtask bench`: compiles and runs the benchmarks.
//!
//! The benchmarks themselves, and the list of their names and options, are in `tests/bench`, a workspace of
//! its own.

use lzap_testkit::shell::{Result, call, cargo};
use lzap_testkit::{target, workspace};

use crate::setup::{self, PackagePolicy, Scope};

/// Installs what is missing, compiles the benchmarks with optimization, and runs them with `arguments`. The
/// first run compiles the AWS SDK in release mode, which takes minutes. Fails when a benchmark fails.
pub(crate) fn run(arguments: &[String]) -> Result {
    setup::run(Scope::Everything, PackagePolicy::RootOnly)?;
    let manifest = workspace().join("tests/bench/Cargo.toml");
    let mut bench = cargo();
    bench.args(["run", "--quiet", "--release", "--locked", "--manifest-path"]).arg(manifest);
    // In a folder of the workspace's own target folder, so that `cargo clean` removes both.
    bench.arg("--target-dir").arg(target().join("benches")).arg("--").args(arguments);
    call(&mut bench)
}
