//! Which build of the app this is.

use std::env;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::sync::OnceLock;

use sha2::{Digest as _, Sha256};

/// A name that two processes share only when they run the same code.
///
/// A published version never changes, so its number is enough, and costs nothing. For `$LATEST` it is a hash of the
/// program, taken once. Outside of Lambda there is only this process (and in a debug build, hashing takes seconds).
pub(crate) fn id() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| match env::var("AWS_LAMBDA_FUNCTION_VERSION") {
        Ok(version) if version.parse::<u64>().is_ok() => format!("version-{version}"),
        Err(_) => format!("process-{}", std::process::id()),
        Ok(_) => hash_of_program().unwrap_or_else(|_| format!("lzap-{}", env!("CARGO_PKG_VERSION"))),
    })
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
