//! `cargo xtask bench`: runs the benchmarks, which are a workspace of their own in `tests/bench`.

use lzap_testkit::shell::{Result, call, cargo};
use lzap_testkit::{target, workspace};

use crate::setup::{self, PackagePolicy, Scope};

/// Compiles the benchmarks with optimization and runs them with `arguments`.
pub(crate) fn run(arguments: &[String]) -> Result {
    setup::run(Scope::Everything, PackagePolicy::RootOnly)?;
    let manifest = workspace().join("tests/bench/Cargo.toml");
    let mut bench = cargo();
    bench.args(["run", "--quiet", "--release", "--locked", "--manifest-path"]).arg(manifest);
    // Beside the workspace's own artifacts, so that `cargo clean` removes both.
    bench.arg("--target-dir").arg(target().join("benches")).arg("--").args(arguments);
    call(&mut bench)
}
