//! Checks the dependencies of the workspace's crates against the table in this file. A crate exists to forbid
//! dependencies: the table is what `ARCHITECTURE.md` describes. The modules within a crate are checked in
//! `cycles.rs`.

use lzap_testkit::shell::Result;

use crate::packages::{Package, read_packages};

/// The dependencies that a crate may have on the workspace, and must not have on other crates.
struct Layer {
    name: &'static str,
    /// Crates of the workspace that it may use.
    internal: &'static [&'static str],
    /// Crates from registries that it must not use. A name that ends with `-` forbids all crates that begin
    /// with it.
    forbidden: &'static [&'static str],
}

/// The parser of command lines, which only `lzap-cli` and the tools of tests may use.
const COMMAND_LINE: &str = "clap";

/// Every crate of the workspace. A crate that is missing here fails the check, so that a new one must be
/// placed.
const LAYERS: &[Layer] = &[
    Layer {
        name: "lzap-wire",
        internal: &[],
        forbidden: &["tokio", "aws-", "axum", "hyper", COMMAND_LINE, "fs-err"],
    },
    Layer {
        name: "lzap-core",
        internal: &["lzap-wire"],
        forbidden: &[
            "tokio",
            "fs-err",
            "aws-",
            "hyper",
            "axum",
            "winterbaume-",
            COMMAND_LINE,
            "rustix",
            "tempfile",
        ],
    },
    Layer {
        name: "lzap-build",
        internal: &["lzap-core", "lzap-wire"],
        forbidden: &["aws-", "winterbaume-", COMMAND_LINE, "inquire", "indicatif", "anstream"],
    },
    Layer {
        name: "lzap-aws",
        internal: &["lzap-core", "lzap-wire"],
        forbidden: &["winterbaume-", COMMAND_LINE, "inquire", "indicatif", "anstream"],
    },
    Layer {
        name: "lzap-local",
        internal: &["lzap-wire"],
        forbidden: &["aws-sdk-", "aws-config", COMMAND_LINE, "inquire", "indicatif", "anstream"],
    },
    Layer {
        name: "lzap",
        internal: &[
            "lzap-http",
            "lzap-invocation",
            "lzap-macros",
            "lzap-map",
            "lzap-map-scheduler",
            "lzap-tasks",
            "lzap-tls",
            "lzap-wire",
        ],
        forbidden: &["aws-", "winterbaume-", COMMAND_LINE, "fs-err"],
    },
    Layer {
        name: "lzap-invocation",
        internal: &[],
        forbidden: &["aws-", "axum", "hyper", "serde", "lambda_runtime"],
    },
    Layer {
        name: "lzap-http",
        internal: &["lzap-invocation", "lzap-wire"],
        forbidden: &["aws-", "winterbaume-", COMMAND_LINE, "fs-err"],
    },
    Layer {
        name: "lzap-tasks",
        internal: &["lzap-client", "lzap-invocation", "lzap-wire"],
        forbidden: &["aws-", "axum", "hyper", "lambda_http", "lambda_runtime", "postcard", COMMAND_LINE],
    },
    Layer {
        name: "lzap-map-scheduler",
        internal: &["lzap-wire"],
        forbidden: &[
            "tokio",
            "futures-",
            "http",
            "hyper",
            "axum",
            "aws-",
            "lambda_",
            "tracing",
            COMMAND_LINE,
        ],
    },
    Layer {
        name: "lzap-map",
        internal: &["lzap-client", "lzap-invocation", "lzap-map-scheduler", "lzap-tasks", "lzap-wire"],
        forbidden: &["aws-", "axum", "hyper", "lambda_http", "lambda_runtime", COMMAND_LINE],
    },
    Layer {
        name: "lzap-client",
        internal: &["lzap-wire", "lzap-tls"],
        forbidden: &["aws-sdk-", "aws-config", "winterbaume-", COMMAND_LINE, "fs-err", "ring", "aws-lc-rs"],
    },
    Layer { name: "lzap-macros", internal: &[], forbidden: &["tokio", "aws-"] },
    Layer {
        name: "lzap-cli",
        internal: &["lzap-core", "lzap-build", "lzap-aws", "lzap-local", "lzap-wire"],
        forbidden: &["aws-sdk-", "winterbaume-"],
    },
    Layer { name: "lzap-tls", internal: &[], forbidden: &["aws-", "tokio", COMMAND_LINE] },
    Layer { name: "lzap-sim", internal: &["lzap-core"], forbidden: &["aws-", "tokio", COMMAND_LINE] },
    Layer { name: "lzap-testkit", internal: &[], forbidden: &["aws-", "winterbaume-"] },
    Layer { name: "xtask", internal: &["lzap-testkit"], forbidden: &["aws-", "winterbaume-"] },
    Layer { name: "lzap-tests", internal: &[], forbidden: &["winterbaume-"] },
];

/// Crates of the workspace that the tests of every crate may use. The runtime crate is among them because the
/// embedded cloud's tests run a real app.
const ALLOWED_FOR_TESTS: &[&str] = &["lzap-testkit", "lzap-sim", "lzap-wire", "lzap"];

/// Returns the dependencies that the table does not permit. Runs `cargo metadata`.
pub(super) fn check_layers() -> Result<Vec<String>> {
    Ok(read_packages()?.iter().flat_map(check_package).collect())
}

/// Returns the violations of one crate.
fn check_package(package: &Package) -> Vec<String> {
    let name = package.name();
    let Some(layer) = LAYERS.iter().find(|layer| layer.name == name) else {
        return vec![format!("{name}: not in the table of crates (crates/xtask/src/tidy/layers.rs)")];
    };
    let wrong = package.dependencies().filter(|dependency| {
        let used = dependency.name();
        match (dependency.is_internal(), dependency.is_for_tests()) {
            // A crate depends on itself for its tests where they need features that its users choose.
            (true, true) if used == name => false,
            (true, true) => !layer.internal.contains(&used) && !ALLOWED_FOR_TESTS.contains(&used),
            (true, false) => !layer.internal.contains(&used),
            // Tests may use any crate of a registry: no user compiles it.
            (false, true) => false,
            (false, false) => layer.forbidden.iter().any(|start| used == *start || is_in_family(used, start)),
        }
    });
    wrong.map(|dependency| format!("{name} must not depend on {}", dependency.name())).collect()
}

/// Returns whether `start` stands for a family of crates (`aws-`) that contains `name`. `tokio` stands for
/// itself alone.
fn is_in_family(name: &str, start: &str) -> bool {
    start.ends_with('-') && name.starts_with(start)
}
