//! What the tests run under QEMU: prints the provider's name, completes handshakes, talks to a server.
//!
//! `handshake`: prints the provider that is chosen on this CPU, after a handshake in memory with it and with the portable
//! one. `handshake ADDRESS HOST ROOT BYTES`: connects to an echo server whose certificate for HOST comes from the root
//! in the file ROOT (DER), twice, sends BYTES bytes each time, and compares what comes back.
#![expect(clippy::print_stdout, reason = "what it prints is its result")]

use std::env;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConnection, RootCertStore, StreamOwned};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => check(),
        [address, host, root, bytes] => connect(address, host, root, bytes.parse()?),
        _ => Err("usage: handshake [ADDRESS HOST ROOT BYTES]".into()),
    }
}

/// The provider of this CPU must work; the portable one must work on each.
fn check() -> Result<(), Failure> {
    println!("chosen: {}", lzap_tls::check_handshake()?);
    lzap_tls::check_handshake_with(&Arc::new(lzap_tls::portable_provider()))?;
    println!("portable: works");
    Ok(())
}

/// Two connections with one configuration, so that the second can resume the session.
fn connect(address: &str, host: &str, root: &str, bytes: usize) -> Result<(), Failure> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(fs_err::read(root)?))?;
    let config = Arc::new(lzap_tls::client_config(roots));
    let text: Vec<u8> = (0..bytes).map(|at| at.to_le_bytes()[at % 3]).collect();
    for _ in 0..2 {
        let connection = ClientConnection::new(Arc::clone(&config), ServerName::try_from(host.to_owned())?)?;
        let mut stream = StreamOwned::new(connection, TcpStream::connect(address)?);
        for part in text.chunks(10_000) {
            stream.write_all(part)?;
            let mut echoed = vec![0; part.len()];
            stream.read_exact(&mut echoed)?;
            if echoed != part {
                return Err(io::Error::other("the server echoed other bytes").into());
            }
        }
        let version = stream.conn.protocol_version();
        let kind = stream.conn.handshake_kind();
        println!("echoed: {bytes} bytes, {version:?}, {kind:?}, {}", lzap_tls::provider_name());
    }
    Ok(())
}
