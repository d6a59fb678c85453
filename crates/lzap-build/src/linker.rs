//! The linker that builds the binary, and cargo's settings for it. [`choose_linker`] is pure.

use std::ffi::OsString;

use lzap_core::platform::{Architecture, Linker};

use crate::error::BuildError;
use crate::native;

/// A linker, and why this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Never [`Linker::Auto`].
    pub(crate) linker: Linker,
    /// A clause for messages, without a full stop.
    pub(crate) reason: String,
}

impl Choice {
    /// Returns Rust's target triple that goes with the linker: musl for `rust-lld`, since Rust brings musl's
    /// start files and libraries; glibc for the others.
    pub(crate) fn triple(&self, architecture: Architecture) -> &'static str {
        match self.linker {
            Linker::RustLld => architecture.musl_triple(),
            Linker::Auto | Linker::Native | Linker::Zig => architecture.gnu_triple(),
        }
    }
}

/// Returns the linker for a project whose dependency `c_dependency` compiles C, built on `host`. A choice in
/// lzap.toml wins even if it can't link the C dependency: the failed build then says why.
pub(crate) fn choose_linker(
    wanted: Linker,
    c_dependency: Option<&str>,
    host: &str,
    architecture: Architecture,
) -> Result<Choice, BuildError> {
    // A musl host doesn't count: its C toolchain links musl, and the target is glibc.
    let is_native = host == architecture.gnu_triple();
    let (linker, reason) = match (wanted, c_dependency) {
        (Linker::Native, _) if !is_native => {
            return Err(BuildError::NotNative { host: host.to_owned(), wanted: architecture });
        }
        (Linker::RustLld | Linker::Native | Linker::Zig, _) => (wanted, "lzap.toml says so".to_owned()),
        (Linker::Auto, None) => (Linker::RustLld, "no dependency compiles C".to_owned()),
        (Linker::Auto, Some(c)) if is_native => (
            Linker::Native,
            format!("`{c}` compiles C or links a C library, and this machine is {architecture} Linux"),
        ),
        (Linker::Auto, Some(c)) => {
            (Linker::Zig, format!("`{c}` compiles C or links a C library, and this machine is {host}"))
        }
    };
    Ok(Choice { linker, reason })
}

/// Returns cargo's variable for the linker of one target: `CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER`.
pub(crate) fn linker_variable(triple: &str) -> String {
    format!("CARGO_TARGET_{}_LINKER", triple.replace('-', "_").to_uppercase())
}

/// The flags for rustc that cargo would use, where something in them has to change: `extra` is added, and a CPU like this
/// machine's becomes the baseline. In this form they stand above all other sources of flags, so they carry the user's
/// own. Cargo: <https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags>
pub(crate) fn change_rustflags(
    config: &cargo_config2::Config,
    triple: &str,
    extra: &[String],
) -> Option<(&'static str, OsString)> {
    let user = native::read_rustflags(config, triple);
    let flags: Vec<String> =
        native::replace_native_cpu(&user, triple).into_iter().chain(extra.iter().cloned()).collect();
    // Unchanged flags are left to cargo, because the variable would hide the user's other sources of flags.
    (flags != user).then(|| ("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}").into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const X86: &str = "x86_64-unknown-linux-gnu";

    fn auto(c: Option<&str>, host: &str, architecture: Architecture) -> Linker {
        choose_linker(Linker::Auto, c, host, architecture).expect("auto always finds one").linker
    }

    #[test]
    fn pure_rust_needs_no_c_toolchain_anywhere() {
        for host in [X86, "aarch64-apple-darwin", "x86_64-pc-windows-msvc"] {
            for architecture in [Architecture::Arm64, Architecture::X86_64] {
                assert_eq!(auto(None, host, architecture), Linker::RustLld);
            }
        }
    }

    #[test]
    fn c_is_native_at_home_and_zig_elsewhere() {
        assert_eq!(auto(Some("ring"), X86, Architecture::X86_64), Linker::Native);
        assert_eq!(auto(Some("ring"), X86, Architecture::Arm64), Linker::Zig);
        assert_eq!(auto(Some("ring"), "x86_64-unknown-linux-musl", Architecture::X86_64), Linker::Zig);
        assert_eq!(auto(Some("ring"), "aarch64-apple-darwin", Architecture::Arm64), Linker::Zig);
    }

    #[test]
    fn the_users_choice_wins_where_it_can_work() {
        for wanted in [Linker::RustLld, Linker::Zig, Linker::Native] {
            let choice = choose_linker(wanted, Some("ring"), X86, Architecture::X86_64).expect("possible");
            assert_eq!(choice.linker, wanted);
        }
        let error =
            choose_linker(Linker::Native, None, X86, Architecture::Arm64).expect_err("another architecture");
        assert!(matches!(error, BuildError::NotNative { .. }), "{error}");
    }
}
