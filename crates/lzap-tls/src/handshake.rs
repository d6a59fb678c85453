//! A TLS handshake in memory: shows that the chosen provider works on this CPU, without network or clock.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{
    ClientConfig, ClientConnection, Connection, Error, RootCertStore, ServerConfig, ServerConnection,
};

use crate::choice::{provider, provider_name};

/// A self-signed certificate for P-256 and its key. Nothing trusts it but the check below, so the key is no secret.
/// `handshake/generate.py` makes both.
const CERTIFICATE: &[u8] = include_bytes!("handshake/certificate.der");
const KEY: &[u8] = include_bytes!("handshake/key.pkcs8.der");
const HOST: &str = "handshake.lzap.invalid";
/// 2030-01-01, within the certificate's validity. A wrong clock is not what the check is for.
const NOW: Duration = Duration::from_hours(24 * 21_915);

const PING: &[u8] = b"from the client";
const PONG: &[u8] = b"from the server";

/// The provider cannot complete a handshake on this CPU.
#[derive(Debug, thiserror::Error)]
#[error(
    "TLS does not work on this CPU ({arch}): the handshake in memory failed with the provider `{provider}`; report it \
     with the output of `grep -m1 -iE 'flags|features' /proc/cpuinfo`",
    arch = std::env::consts::ARCH
)]
pub struct HandshakeError {
    provider: &'static str,
    #[source]
    cause: Error,
}

/// Performs a full TLS 1.3 handshake between a client and a server in memory, sends a few bytes each way, and returns the name
/// of the provider. Takes less than 10 ms; touches neither network nor files nor the clock.
///
/// The result is valid for this process only: the next execution environment may have another CPU.
///
/// # Errors
/// When the handshake fails or the bytes arrive changed.
pub fn check_handshake() -> Result<&'static str, HandshakeError> {
    let name = provider_name();
    check_handshake_with(&provider()).map_err(|cause| HandshakeError { provider: name, cause })?;
    Ok(name)
}

/// Performs [`check_handshake`] with a given provider, for tests and measurements of one provider.
///
/// # Errors
/// What rustls says about the handshake.
pub fn check_handshake_with(provider: &Arc<CryptoProvider>) -> Result<(), Error> {
    let mut client = start_client(provider)?;
    let mut server = start_server(provider)?;
    // Text is held back by rustls until the handshake is done.
    client.writer().write_all(PING).map_err(io_error)?;
    // Ends: a side that waits for bytes wants to write nothing. A handshake that stops halfway shows in `expect_text`.
    while client.wants_write() || server.wants_write() {
        transfer(&mut client, &mut server)?;
        transfer(&mut server, &mut client)?;
    }
    expect_text(&mut server, PING)?;
    server.writer().write_all(PONG).map_err(io_error)?;
    transfer(&mut server, &mut client)?;
    expect_text(&mut client, PONG)
}

/// A client that trusts the embedded certificate only. It is its own authority, so no other can stand in for it.
fn start_client(provider: &Arc<CryptoProvider>) -> Result<Connection, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(CERTIFICATE))?;
    let config = ClientConfig::builder_with_details(Arc::clone(provider), Arc::new(FixedTime))
        .with_protocol_versions(rustls::ALL_VERSIONS)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let host = ServerName::try_from(HOST).map_err(|why| Error::General(why.to_string()))?;
    Ok(ClientConnection::new(Arc::new(config), host)?.into())
}

/// A server with the embedded certificate.
fn start_server(provider: &Arc<CryptoProvider>) -> Result<Connection, Error> {
    let key = PrivatePkcs8KeyDer::from(KEY).into();
    let config = ServerConfig::builder_with_details(Arc::clone(provider), Arc::new(FixedTime))
        .with_protocol_versions(rustls::ALL_VERSIONS)?
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key)?;
    Ok(ServerConnection::new(Arc::new(config))?.into())
}

/// The time for both sides: [`NOW`], so that neither a wrong clock nor the passing years fail the check.
#[derive(Debug)]
struct FixedTime;

impl TimeProvider for FixedTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(NOW))
    }
}

/// Moves everything that `from` has to send to `to`. Records stay in memory, so that a handshake needs no
/// second thread.
fn transfer(from: &mut Connection, to: &mut Connection) -> Result<(), Error> {
    let mut records = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut records).map_err(io_error)?;
    }
    let mut records = records.as_slice();
    while !records.is_empty() {
        to.read_tls(&mut records).map_err(io_error)?;
        to.process_new_packets()?;
    }
    Ok(())
}

/// Reads as many bytes as are expected, all of which must have arrived.
fn expect_text(connection: &mut Connection, expected: &[u8]) -> Result<(), Error> {
    let mut text = vec![0; expected.len()];
    connection.reader().read_exact(&mut text).map_err(io_error)?;
    if text != expected {
        return Err(Error::General("the bytes arrived changed".to_owned()));
    }
    Ok(())
}

/// Memory has no I/O errors; one means that a side stopped before the other was done.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn io_error(error: std::io::Error) -> Error {
    Error::General(error.to_string())
}
