//! Notices that the Runtime API is gone, where several workers poll it.
//!
//! `lambda_runtime`'s workers poll again at once when a poll fails, and log each time. A process whose emulator was killed
//! would use all of its processors and write thousands of lines a second until someone kills it.

use std::{env, io, time::Duration};

use lzap_wire::env::AWS_LAMBDA_RUNTIME_API;
use tokio::{net::TcpStream, time::sleep};

/// The time between two looks.
const INTERVAL: Duration = Duration::from_secs(3);

/// The time between two looks after the address refused a connection.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// The refused connections in a row that mean that the Runtime API is gone.
const MAX_REFUSED: u32 = 3;

/// Returns the last error once the Runtime API's address refuses connections. Any other failure proves nothing, and is ignored.
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
