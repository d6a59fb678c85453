//! This machine: Rust, the target, the linker, the space left.

use super::check::{Check, Failure, Status};
use crate::platform::{Architecture, Linker};
use crate::text::format_size;

/// The Rust that lzap's own crates need; an app that uses them needs it too.
pub const NEEDED_RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// The installed Rust, in the project's folder: its toolchain file counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tools {
    /// rustc's version.
    pub rustc: Result<String, Failure>,
    /// cargo's version.
    pub cargo: Result<String, Failure>,
    /// `rustup` is installed.
    pub rustup: bool,
}

/// Checks that cargo and rustc work, and that rustc is new enough.
pub fn rust(tools: &Tools) -> Check {
    let (cargo, rustc) = match (&tools.cargo, &tools.rustc) {
        (Ok(cargo), Ok(rustc)) => (cargo, rustc),
        (Err(failure), _) | (_, Err(failure)) => return Check::failed("rust", failure),
    };
    if parse_version(rustc) < parse_version(NEEDED_RUST) {
        let detail = format!("rustc {rustc} is too old: lzap needs {NEEDED_RUST}");
        return Check::new("rust", Status::Problem, detail).help("rustup update stable");
    }
    Check::new("rust", Status::Ok, format!("cargo {cargo}, rustc {rustc} ({NEEDED_RUST} is needed)"))
}

/// Checks that rustup is installed: it fetches targets. Without it a build can succeed, if the target is
/// there.
pub fn rustup(tools: &Tools) -> Check {
    if tools.rustup {
        return Check::new("rustup", Status::Ok, "installed");
    }
    Check::new("rustup", Status::Warning, "not installed: targets for Lambda have to be installed by hand")
        .help("install it from https://rustup.rs")
}

/// Reads `1.95.0-nightly` as numbers; what can't be read counts as 0. A nightly counts as its release.
fn parse_version(text: &str) -> [u32; 3] {
    let numbers = text.split(['-', ' ', '+']).next().unwrap_or_default();
    let mut parts = numbers.split('.').map(|part| part.parse().unwrap_or(0));
    [0; 3].map(|_| parts.next().unwrap_or(0))
}

/// The linker of the project's binary, and the parts of it that are installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linking {
    /// The linker that would be used; never [`Linker::Auto`].
    pub linker: Linker,
    /// Why.
    pub reason: String,
    /// Rust's target.
    pub triple: String,
    /// Rust's standard library for the target is installed.
    pub target_installed: bool,
    /// The linker was found in `PATH`.
    pub linker_found: bool,
}

/// Checks that the target is installed. A missing one is a problem only without rustup, because a build
/// fetches it.
pub fn target(linking: &Linking, tools: &Tools) -> Check {
    let triple = &linking.triple;
    if linking.target_installed {
        return Check::new("target", Status::Ok, format!("{triple} is installed"));
    }
    let (status, then) = if tools.rustup {
        (Status::Warning, "the next build fetches it")
    } else {
        (Status::Problem, "no build can succeed")
    };
    Check::new("target", status, format!("{triple} is not installed: {then}"))
        .help(format!("rustup target add {triple}"))
}

/// Checks that the linker which a build would use is installed, and names the reason for that linker.
pub fn linker(linking: &Linking) -> Check {
    let name = linking.linker.as_str();
    if linking.linker_found {
        return Check::new("linker", Status::Ok, format!("{name}: {}", linking.reason));
    }
    let help = match linking.linker {
        Linker::Zig => "pip install ziglang",
        Linker::RustLld => "rustup toolchain install stable",
        Linker::Native | Linker::Auto => "install a C compiler: `apt install gcc`, `dnf install gcc`",
    };
    Check::new("linker", Status::Problem, format!("{name} is needed and not found: {}", linking.reason))
        .help(help)
}

/// Checks that an emulator is installed; called only if the embedded cloud would need one.
pub fn qemu(architecture: Architecture, found: Option<&str>) -> Check {
    if let Some(path) = found {
        return Check::new("qemu", Status::Ok, format!("{path} runs {architecture} functions"));
    }
    let detail = format!("this machine can't run {architecture} functions: qemu is not found");
    Check::new("qemu", Status::Problem, detail).help("apt install qemu-user-static")
}

/// Checks that there is space to build in: `free` bytes beside `path`.
pub fn disk(path: &str, free: Option<u64>) -> Check {
    // 1 GiB.
    const ENOUGH: u64 = 1 << 30;
    let Some(free) = free else {
        return Check::new("disk", Status::Skipped, format!("the space left for {path} could not be read"));
    };
    let detail = format!("{} free for {path}", format_size(free));
    if free < ENOUGH {
        return Check::new("disk", Status::Warning, detail).help("cargo clean");
    }
    Check::new("disk", Status::Ok, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(rustc: &str, rustup: bool) -> Tools {
        Tools { rustc: Ok(rustc.to_owned()), cargo: Ok(rustc.to_owned()), rustup }
    }

    #[test]
    fn an_old_rust_is_a_problem_with_the_command_that_fixes_it() {
        assert_eq!(rust(&tools(NEEDED_RUST, true)).status, Status::Ok);
        assert_eq!(rust(&tools("99.0.0-nightly", true)).status, Status::Ok);
        let old = rust(&tools("1.9.0", true));
        assert_eq!((old.status, old.help.as_deref()), (Status::Problem, Some("rustup update stable")));
        let failure = Failure { what: "cargo was not found".into(), help: Some("install it".into()) };
        let none = rust(&Tools { cargo: Err(failure), ..tools("1.95.0", false) });
        assert_eq!((none.status, none.detail.as_str()), (Status::Problem, "cargo was not found"));
    }

    #[test]
    fn a_missing_target_is_worse_without_rustup() {
        let linking = Linking {
            linker: Linker::RustLld,
            reason: "no dependency compiles C".into(),
            triple: "aarch64-unknown-linux-musl".into(),
            target_installed: false,
            linker_found: true,
        };
        assert_eq!(target(&linking, &tools("1.95.0", true)).status, Status::Warning);
        let check = target(&linking, &tools("1.95.0", false));
        assert_eq!(check.status, Status::Problem);
        assert_eq!(check.help.as_deref(), Some("rustup target add aarch64-unknown-linux-musl"));
        let there = Linking { target_installed: true, ..linking };
        assert_eq!(target(&there, &tools("1.95.0", false)).status, Status::Ok);
    }

    #[test]
    fn a_missing_linker_names_the_package_that_has_it() {
        let linking = Linking {
            linker: Linker::Zig,
            reason: "`ring` compiles C".into(),
            triple: "aarch64-unknown-linux-gnu".into(),
            target_installed: true,
            linker_found: false,
        };
        let check = linker(&linking);
        assert_eq!((check.status, check.help.as_deref()), (Status::Problem, Some("pip install ziglang")));
        assert_eq!(linker(&Linking { linker_found: true, ..linking }).status, Status::Ok);
    }

    #[test]
    fn little_space_is_a_warning() {
        assert_eq!(disk("target", Some(5 << 30)).detail, "5.0 GiB free for target");
        assert_eq!(disk("target", Some((1 << 30) - 1)).status, Status::Warning);
        assert_eq!(disk("target", None).status, Status::Skipped);
    }
}
