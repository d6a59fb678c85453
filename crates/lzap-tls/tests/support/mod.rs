//! What the tests of TLS share: providers by name, certificates, a client and a server in memory.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs_err as fs;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, Connection, Error, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};

/// The name in each certificate of the tests.
pub const HOST: &str = "server.lzap.invalid";

/// The providers that run on this machine, by name: graviola only where the CPU has what it needs.
pub fn providers() -> Vec<(&'static str, Arc<CryptoProvider>)> {
    let portable = ("rustcrypto", Arc::new(lzap_tls::portable_provider()));
    let graviola = lzap_tls::graviola_provider().map(|provider| ("graviola", Arc::new(provider)));
    [portable].into_iter().chain(graviola).collect()
}

/// A root, a server's certificates and its key: `certificates/generate.py` makes them.
pub struct Chain(&'static str);

impl Chain {
    pub const fn named(name: &'static str) -> Self {
        Self(name)
    }

    fn file(&self, part: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates");
        folder.join(format!("{}.{part}.der", self.0))
    }

    pub fn root_file(&self) -> PathBuf {
        self.file("root")
    }

    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        let root = fs::read(self.root_file()).expect("the repository has it");
        roots.add(CertificateDer::from(root)).expect("a certificate");
        roots
    }

    /// The server's certificates, its own first.
    pub fn certificates(&self) -> Vec<CertificateDer<'static>> {
        let chain = fs::read(self.file("chain")).expect("the repository has it");
        let mut rest = chain.as_slice();
        let mut certificates = Vec::new();
        while let [0x30, 0x82, high, low, ..] = rest {
            let (first, others) = rest.split_at(4 + usize::from(u16::from_be_bytes([*high, *low])));
            certificates.push(CertificateDer::from(first.to_vec()));
            rest = others;
        }
        assert!(rest.is_empty(), "{}: each certificate has 256 bytes to 64 KiB", self.0);
        certificates
    }

    pub fn key(&self) -> PrivatePkcs8KeyDer<'static> {
        fs::read(self.file("key")).expect("the repository has it").into()
    }

    /// A server with this chain, with all that aws-lc has.
    pub fn server(&self) -> ServerConfig {
        self.server_with(aws_lc_rs::default_provider(), rustls::ALL_VERSIONS)
    }

    pub fn server_with(
        &self,
        provider: CryptoProvider,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ServerConfig {
        ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .expect("the provider has suites for the versions")
            .with_no_client_auth()
            .with_single_cert(self.certificates(), self.key().into())
            .expect("certificate and key belong together")
    }

    /// The client of this crate that trusts this chain's root.
    pub fn client(&self, provider: &Arc<CryptoProvider>) -> ClientConfig {
        lzap_tls::client_config_with(Arc::clone(provider), self.roots())
    }
}

/// Two ends of a connection in memory.
pub struct Pair {
    pub client: Connection,
    pub server: Connection,
}

impl Pair {
    pub fn new(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Self {
        Self::with_host(client, server, HOST)
    }

    pub fn with_host(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>, host: &'static str) -> Self {
        let host = ServerName::try_from(host).expect("a host name");
        let client = ClientConnection::new(Arc::clone(client), host).expect("a client");
        let server = ServerConnection::new(Arc::clone(server)).expect("a server");
        Self { client: client.into(), server: server.into() }
    }

    /// Moves records until both sides have nothing to say; `change` sees each batch of them on its way to the client.
    pub fn settle_with(&mut self, mut change: impl FnMut(&mut Vec<u8>)) -> Result<(), Error> {
        while self.client.wants_write() || self.server.wants_write() {
            transfer(&mut self.client, &mut self.server, |_| ())?;
            transfer(&mut self.server, &mut self.client, &mut change)?;
        }
        Ok(())
    }

    pub fn settle(&mut self) -> Result<(), Error> {
        self.settle_with(|_| ())
    }

    /// Sends `text` from the client to the server and back, a part after the other, and asserts that it arrives.
    pub fn echo(&mut self, text: &[u8]) -> Result<(), Error> {
        for part in text.chunks(15_000) {
            self.client.writer().write_all(part).expect("memory");
            self.settle()?;
            let mut arrived = vec![0; part.len()];
            self.server.reader().read_exact(&mut arrived).expect("all arrived");
            assert!(arrived == part, "the server received other bytes");
            self.server.writer().write_all(&arrived).expect("memory");
            self.settle()?;
            let mut back = vec![0; part.len()];
            self.client.reader().read_exact(&mut back).expect("all arrived");
            assert!(back == part, "the client received other bytes");
        }
        Ok(())
    }
}

fn transfer(
    from: &mut Connection,
    to: &mut Connection,
    mut change: impl FnMut(&mut Vec<u8>),
) -> Result<(), Error> {
    let mut records = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut records).expect("memory");
    }
    change(&mut records);
    let mut records = records.as_slice();
    while !records.is_empty() {
        to.read_tls(&mut records).expect("memory");
        to.process_new_packets()?;
    }
    Ok(())
}
