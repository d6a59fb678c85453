//! zig as C compiler and linker, through the `cargo-zigbuild` library.
//!
//! The library writes small scripts that call *this very program* back as `PROGRAM zig cc -- …`, and links named `ar` that
//! point to it. So a program that compiles through this crate calls [`zig_wrapper`] first thing in its `main`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cargo_zigbuild::Zig;
use cargo_zigbuild::zig::prepare_zig_linker;
use lzap_wire::limits::AL2023_GLIBC;

use crate::error::BuildError;
use crate::linker;
use crate::toolchain::Toolchain;

/// Does the work of a compiler, linker or archiver when `args` (all of the process's, its name included) ask for that:
/// `Some` means that it is done and the process should end. When zig itself fails, the process ends here with zig's code.
///
/// # Errors
/// Inside the `Some`: zig isn't there, or couldn't be started.
pub fn zig_wrapper(args: &[String]) -> Option<Result<(), BuildError>> {
    // The archiver is called through a link, so only the program's own name tells.
    let name = Path::new(args.first()?).file_stem()?;
    let tool = if name == "ar" {
        Zig::Ar { args: args[1..].to_vec() }
    } else {
        let [_, zig, tool, rest @ ..] = args else {
            return None;
        };
        let args = rest.strip_prefix(&["--".to_owned()]).unwrap_or(rest).to_vec();
        match (zig.as_str(), tool.as_str()) {
            ("zig", "cc") => Zig::Cc { args },
            ("zig", "c++") => Zig::Cxx { args },
            ("zig", "ar") => Zig::Ar { args },
            ("zig", "ranlib") => Zig::Ranlib { args },
            _ => return None,
        }
    };
    Some(tool.execute().map_err(|error| BuildError::Zig { source: error.into() }))
}

/// Returns the environment variables that make cargo and the `cc` crate use zig for `triple`, against the glibc of
/// Lambda's runtime. Writes the scripts into the user's cache folder.
pub(crate) async fn zig_variables(
    toolchain: &Toolchain,
    dir: &Path,
    triple: &'static str,
    reason: &str,
) -> Result<Vec<(String, OsString)>, BuildError> {
    let version = toolchain.version.clone();
    let (dir, reason) = (dir.to_owned(), reason.to_owned());
    // The library reads and writes files, which blocks.
    let prepared = tokio::task::spawn_blocking(move || prepare_scripts(&dir, triple, version, reason)).await;
    prepared.map_err(|error| BuildError::Zig { source: error.into() })?
}

/// Writes the scripts that call zig, and returns the variables that make cargo use them. Blocks.
fn prepare_scripts(
    dir: &Path,
    triple: &str,
    rustc: String,
    reason: String,
) -> Result<Vec<(String, OsString)>, BuildError> {
    if Zig::find_zig().is_err() {
        return Err(BuildError::NoZig { reason });
    }
    let config =
        cargo_config2::Config::load_with_cwd(dir).map_err(|it| BuildError::Zig { source: it.into() })?;
    let (major, minor) = AL2023_GLIBC;
    let wrapper = prepare_zig_linker(&format!("{triple}.{major}.{minor}"), &config)
        .map_err(|error| BuildError::Zig { source: error.into() })?;
    let suffix = triple.replace('-', "_");
    let tool = |name: &str, path: PathBuf| (format!("{name}_{suffix}"), path.into_os_string());
    // As a flag rather than cargo's variable: a variable would hold for build scripts too where host and target agree.
    let flag = format!("-Clinker={}", wrapper.cc.display());
    let flags =
        linker::change_rustflags(&config, triple, &[flag]).map(|(name, value)| (name.to_owned(), value));
    Ok([
        tool("CC", wrapper.cc),
        tool("CXX", wrapper.cxx),
        tool("AR", wrapper.ar),
        tool("RANLIB", wrapper.ranlib),
    ]
    .into_iter()
    // The scripts would run rustc for it at each call.
    .chain([("CARGO_ZIGBUILD_RUSTC_VERSION".to_owned(), rustc.into())])
    .chain(flags)
    .collect())
}
