//! Which build of the app this is.

use std::env;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::sync::OnceLock;

use lzap_wire::env::LZAP_WORKERS;
use sha2::{Digest as _, Sha256};

/// A name that two processes share only when they run the same code.
///
/// A published version never changes, so its name is enough, and costs nothing. For `$LATEST` it is a hash of the
/// program, taken once. Outside of Lambda there is only this process (and in a debug build, hashing takes seconds).
pub(crate) fn id() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| match env::var("AWS_LAMBDA_FUNCTION_VERSION") {
        Ok(version) if version.parse::<u64>().is_ok() => {
            format!("{}:{version}", env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default())
        }
        Err(_) => format!("process-{}", std::process::id()),
        Ok(_) => hash_of_program().unwrap_or_else(|_| format!("lzap-{}", env!("CARGO_PKG_VERSION"))),
    })
}

/// The version of the workers that was deployed with this one, as `FUNCTION:VERSION`: its name as a build.
pub(crate) fn workers() -> Option<&'static str> {
    static WORKERS: OnceLock<Option<String>> = OnceLock::new();
    WORKERS.get_or_init(|| env::var(LZAP_WORKERS).ok()).as_deref()
}

/// The build that computes a map's chunks.
#[cfg(feature = "map")]
pub(crate) fn of_chunks() -> &'static str {
    workers().unwrap_or_else(id)
}

/// Whether this process runs the code that is asked for: it is that build, or is of the same artifact.
pub(crate) fn fits(wanted: &str) -> bool {
    wanted == id() || workers() == Some(wanted)
}

fn hash_of_program() -> io::Result<String> {
    let mut program = File::open(env::current_exe()?)?;
    let mut hash = Sha256::new();
    let mut part = vec![0; 256 * 1024];
    loop {
        match program.read(&mut part)? {
            0 => break,
            read => hash.update(part.get(..read).unwrap_or_default()),
        }
    }
    Ok(hex(&hash.finalize()).chars().take(16).collect())
}

/// In lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A String takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
