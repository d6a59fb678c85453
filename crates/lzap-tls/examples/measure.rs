//! Measures both providers: `cargo run --release -p lzap-tls --example measure`. One JSON object per line.
//!
//! A handshake counts the processor's work of both sides (TLS 1.3, P-256 certificate). A transfer encrypts and decrypts
//! each byte once.
#![expect(clippy::print_stdout, reason = "the figures are its result")]

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{AlgorithmIdentifier, CertificateDer, PrivatePkcs8KeyDer, ServerName, alg_id};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

const CERTIFICATE: &[u8] = include_bytes!("../src/handshake/certificate.der");
const KEY: &[u8] = include_bytes!("../src/handshake/key.pkcs8.der");
const HOST: &str = "handshake.lzap.invalid";
const SIGNATURES: &str = include_str!("../tests/vectors/signatures.txt");

/// How long each figure is measured for: about 1,400 handshakes, or tens of thousands of RSA verifications.
const SPAN: Duration = Duration::from_secs(2);
const TRANSFER: usize = 1 << 20;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let graviola = lzap_tls::graviola_provider().map(|provider| ("graviola", provider));
    for (name, provider) in graviola.into_iter().chain([("rustcrypto", lzap_tls::portable_provider())]) {
        let provider = Arc::new(provider);
        lzap_tls::check_handshake_with(&provider)?;
        let check = time_each(|| Ok(lzap_tls::check_handshake_with(&provider)?))?;
        let (client, server) = configs(&provider)?;
        let resumed = time_each(|| handshake(&client, &server).map(drop))?;
        let mut connection = handshake(&client, &server)?;
        let text = vec![7; TRANSFER];
        let transfer = time_each(|| send(&mut connection, &text))?;
        let pkcs1 = time_verification(
            &provider,
            "rsa-pkcs1-sha256",
            alg_id::RSA_ENCRYPTION,
            alg_id::RSA_PKCS1_SHA256,
        )?;
        let pss =
            time_verification(&provider, "rsa-pss-sha256", alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA256)?;
        let p256 =
            time_verification(&provider, "ecdsa-p256-sha256", alg_id::ECDSA_P256, alg_id::ECDSA_SHA256)?;
        let p384 =
            time_verification(&provider, "ecdsa-p384-sha384", alg_id::ECDSA_P384, alg_id::ECDSA_SHA384)?;
        println!(
            "{{\"provider\":\"{name}\",\"handshake_us\":{:.0},\"resumed_us\":{:.0},\"megabytes_per_second\":{:.0},\
             \"rsa2048_pkcs1_us\":{:.0},\"rsa2048_pss_us\":{:.0},\"p256_us\":{:.0},\"p384_us\":{:.0}}}",
            micros(check),
            micros(resumed),
            1.048_576 / transfer.as_secs_f64(),
            micros(pkcs1),
            micros(pss),
            micros(p256),
            micros(p384),
        );
    }
    Ok(())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The fastest of many calls: other work on the machine only adds time.
fn time_each(mut call: impl FnMut() -> Result<(), Failure>) -> Result<Duration, Failure> {
    let start = Instant::now();
    let mut best = Duration::MAX;
    while best == Duration::MAX || start.elapsed() < SPAN {
        let start = Instant::now();
        call()?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}

/// Client and server with the certificate of the check.
fn configs(provider: &Arc<CryptoProvider>) -> Result<(Arc<ClientConfig>, Arc<ServerConfig>), Failure> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(CERTIFICATE))?;
    let client = lzap_tls::client_config_with(Arc::clone(provider), roots);
    let mut server = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], PrivatePkcs8KeyDer::from(KEY).into())?;
    // All of a connection's tickets in one write.
    server.send_tls13_tickets = 1;
    Ok((Arc::new(client), Arc::new(server)))
}

/// Two connected ends, with the ticket received: the next handshake of the same configurations resumes.
fn handshake(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
) -> Result<(ClientConnection, ServerConnection), Failure> {
    let mut client = ClientConnection::new(Arc::clone(client), ServerName::try_from(HOST)?)?;
    let mut server = ServerConnection::new(Arc::clone(server))?;
    while client.wants_write() || server.wants_write() {
        let mut records = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut records)?;
        }
        server.read_tls(&mut records.as_slice())?;
        server.process_new_packets()?;
        records.clear();
        while server.wants_write() {
            server.write_tls(&mut records)?;
        }
        client.read_tls(&mut records.as_slice())?;
        client.process_new_packets()?;
    }
    Ok((client, server))
}

/// Sends `text` from the server to the client, a full record at a time.
fn send((client, server): &mut (ClientConnection, ServerConnection), text: &[u8]) -> Result<(), Failure> {
    let mut records = Vec::new();
    let mut arrived = vec![0; 16_384];
    for part in text.chunks(16_384) {
        server.writer().write_all(part)?;
        records.clear();
        while server.wants_write() {
            server.write_tls(&mut records)?;
        }
        let mut rest = records.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest)?;
            client.process_new_packets()?;
        }
        client.reader().read_exact(&mut arrived[..part.len()])?;
    }
    black_box(arrived);
    Ok(())
}

/// The time to verify one signature of the tests' vectors.
fn time_verification(
    provider: &CryptoProvider,
    name: &str,
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
) -> Result<Duration, Failure> {
    let all = provider.signature_verification_algorithms.all.iter();
    let mut found = all.filter(|one| one.public_key_alg_id() == key && one.signature_alg_id() == signature);
    let algorithm = found.next().ok_or_else(|| io::Error::other("the provider lacks an algorithm"))?;
    let start = format!("{name} valid as-OpenSSL-signs ");
    let line = SIGNATURES
        .lines()
        .find(|line| line.starts_with(&start))
        .ok_or_else(|| io::Error::other(start.clone()))?;
    let fields: Vec<Vec<u8>> = line.split(' ').skip(3).map(from_hex).collect::<Result<_, _>>()?;
    time_each(|| {
        let verified = algorithm.verify_signature(&fields[0], &fields[1], &fields[2]);
        Ok(verified.map_err(|_| io::Error::other("a valid signature is refused"))?)
    })
}

fn from_hex(text: &str) -> Result<Vec<u8>, Failure> {
    let digits = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16));
    Ok(digits.collect::<Result<_, _>>()?)
}
