//! Identifies the build of the app that this process runs, so that a map never mixes results of two builds.

use std::env;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::sync::OnceLock;

use lzap_wire::env::LZAP_WORKERS;
use sha2::{Digest as _, Sha256};

/// The build's name. Two processes have the same name only if they run the same code.
///
/// A published version never changes, so `FUNCTION:VERSION` is enough. `$LATEST` changes with each deploy, so its name is a
/// hash of the program, computed once. Outside of Lambda the name is the process's id, because there is only one process,
/// and hashing a debug build takes seconds. If the program can't be read, the name is lzap's version,
/// which other builds may share.
pub fn build_id() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| match env::var("AWS_LAMBDA_FUNCTION_VERSION") {
        // Only published versions are numbers.
        Ok(version) if version.parse::<u64>().is_ok() => {
            format!("{}:{version}", env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default())
        }
        Err(_) => format!("process-{}", std::process::id()),
        Ok(_) => hash_of_program().unwrap_or_else(|_| format!("lzap-{}", env!("CARGO_PKG_VERSION"))),
    })
}

/// The worker function's version that was deployed with this one, as `FUNCTION:VERSION`, which is its build's name;
/// `None` without one.
pub fn worker_build() -> Option<&'static str> {
    static WORKERS: OnceLock<Option<String>> = OnceLock::new();
    WORKERS.get_or_init(|| env::var(LZAP_WORKERS).ok()).as_deref()
}

/// The build that computes a map's chunks: the worker function's, or this one.
pub fn chunk_build() -> &'static str {
    worker_build().unwrap_or_else(build_id)
}

/// True when this process runs the wanted code: it is that build, or the worker function of the same artifact.
pub fn is_this_code(wanted: &str) -> bool {
    wanted == build_id() || worker_build() == Some(wanted)
}

/// The first 16 hex digits of the program's SHA-256.
fn hash_of_program() -> io::Result<String> {
    let mut program = File::open(env::current_exe()?)?;
    let mut hash = Sha256::new();
    // Read in parts, because a debug program can be larger than a function's memory.
    let mut part = vec![0; 256 * 1024];
    loop {
        match program.read(&mut part)? {
            0 => break,
            read => hash.update(part.get(..read).unwrap_or_default()),
        }
    }
    Ok(to_hex(&hash.finalize()).chars().take(16).collect())
}

/// The bytes in lower-case hex, the only form of an id that readers accept.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a `String` never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
