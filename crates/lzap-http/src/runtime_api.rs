//! Notices that the Runtime API is gone, where several workers poll it.
//!
//! `lambda_runtime`'s workers poll again at once when a poll fails, and log each time. A process whose emulator was killed
//! would use all of its processors and write thousands of lines a second until it is killed.

use std::{env, io, time::Duration};

use lzap_wire::env::AWS_LAMBDA_RUNTIME_API;
use tokio::{net::TcpStream, time::sleep};

/// The time between two connections while the address answers. Long, since each one wakes the process.
const INTERVAL: Duration = Duration::from_secs(3);

/// The time between two connections after a refused one, so that a refusal is confirmed quickly.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// Refused connections in a row until the Runtime API counts as gone, about half a second after the first.
const MAX_REFUSED: u32 = 3;

/// Returns the last error once the Runtime API's address refuses connections. Any other failure proves nothing.
pub(crate) async fn wait_until_refused() -> io::Error {
    let address = env::var(AWS_LAMBDA_RUNTIME_API).unwrap_or_default();
    let mut refused = 0;
    loop {
        sleep(if refused == 0 { INTERVAL } else { RETRY_INTERVAL }).await;
        match TcpStream::connect(&address).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                refused += 1;
                if refused == MAX_REFUSED {
                    return error;
                }
            }
            _ => refused = 0,
        }
    }
}
