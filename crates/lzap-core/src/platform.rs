//! The platform of a function: the processor architecture, and the linker of its binary.

/// The processor architecture of a function.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/foundation-arch.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// Graviton.
    Arm64,
    /// Intel and AMD.
    X86_64,
}

impl Architecture {
    /// Every architecture, with its meaning for the reference page.
    pub(crate) const ALL: &[(Self, &str)] = &[
        (Self::Arm64, "Graviton, which costs 20 % less per GB-second than `x86_64`."),
        (Self::X86_64, "Intel and AMD."),
    ];

    /// Lambda's name for it, which is also the one in `lzap.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    /// The architecture of the machine that this code was compiled for; `None` where Lambda has none like it.
    pub fn host() -> Option<Self> {
        match std::env::consts::ARCH {
            "aarch64" => Some(Self::Arm64),
            "x86_64" => Some(Self::X86_64),
            _ => None,
        }
    }

    /// Rust's target triple for a static binary.
    pub fn musl_triple(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-musl",
            Self::X86_64 => "x86_64-unknown-linux-musl",
        }
    }

    /// Rust's target triple for a binary that links glibc.
    pub fn gnu_triple(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86_64 => "x86_64-unknown-linux-gnu",
        }
    }
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The linker of a function's binary; see `docs/how-it-is-built.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linker {
    /// The first of the others that fits.
    Auto,
    /// The linker that comes with Rust.
    RustLld,
    /// The machine's own toolchain.
    Native,
    /// `zig`.
    Zig,
}

impl Linker {
    /// Every value, with its meaning for the reference page.
    pub(crate) const ALL: &[(Self, &str)] = &[
        (
            Self::Auto,
            "`rust-lld` if no dependency compiles C; else the native toolchain if it fits, else zig.",
        ),
        (Self::RustLld, "A static musl binary, linked by the linker that comes with Rust."),
        (Self::Native, "The machine's own toolchain, against its glibc."),
        (Self::Zig, "`zig`, against a pinned glibc 2.34."),
    ];

    /// The name in `lzap.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::RustLld => "rust-lld",
            Self::Native => "native",
            Self::Zig => "zig",
        }
    }
}

/// A file or folder that goes into the zip beside `bootstrap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// The file's path, relative to the package's folder.
    pub source: String,
    /// The path in the zip; `/`-separated, relative, without `..`.
    pub destination: String,
}
