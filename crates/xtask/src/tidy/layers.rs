//! Which crate may depend on which: a crate exists to forbid a dependency.

use lzap_testkit::shell::Result;

use crate::packages::{Package, read_packages};

/// What a crate of the workspace may use of the others, and what it may not use at all.
struct Layer {
    name: &'static str,
    /// Crates of the workspace.
    internal: &'static [&'static str],
    /// Beginnings of names of crates from elsewhere.
    forbidden: &'static [&'static str],
}

const COMMAND_LINE: &str = "clap";

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
        internal: &["lzap-wire", "lzap-macros", "lzap-client", "lzap-tls"],
        forbidden: &["aws-sdk-", "aws-config", "winterbaume-", COMMAND_LINE, "fs-err"],
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
    Layer { name: "lzap-testkit", internal: &[], forbidden: &["aws-", "winterbaume-"] },
    Layer { name: "xtask", internal: &["lzap-testkit"], forbidden: &["aws-", "winterbaume-"] },
    Layer { name: "lzap-tests", internal: &[], forbidden: &["winterbaume-"] },
];

/// Crates that only tests, and the project's own tasks, may use.
/// The embedded cloud's tests run a real app, so they use the runtime crate.
const ALLOWED_FOR_TESTS: &[&str] = &["lzap-testkit", "lzap-wire", "lzap"];

/// The dependencies that the table forbids.
pub(super) fn check_layers() -> Result<Vec<String>> {
    Ok(read_packages()?.iter().flat_map(check_package).collect())
}

fn check_package(package: &Package) -> Vec<String> {
    let name = package.name();
    let Some(layer) = LAYERS.iter().find(|layer| layer.name == name) else {
        return vec![format!("{name}: not in the table of crates (crates/xtask/src/tidy/layers.rs)")];
    };
    let wrong = package.dependencies().filter(|dependency| {
        let used = dependency.name();
        match (dependency.is_internal(), dependency.is_for_tests()) {
            // A crate's own tests may want features that its users choose.
            (true, true) if used == name => false,
            (true, true) => !layer.internal.contains(&used) && !ALLOWED_FOR_TESTS.contains(&used),
            (true, false) => !layer.internal.contains(&used),
            (false, true) => false,
            (false, false) => layer.forbidden.iter().any(|start| used == *start || is_in_family(used, start)),
        }
    });
    wrong.map(|dependency| format!("{name} must not depend on {}", dependency.name())).collect()
}

/// `aws-` is a family of crates, `tokio` is one crate.
fn is_in_family(name: &str, start: &str) -> bool {
    start.ends_with('-') && name.starts_with(start)
}
