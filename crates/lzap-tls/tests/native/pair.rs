//! Both providers by name, and a client and a server in memory.

use std::io::{Read, Write};
use std::sync::Arc;

use fs_err as fs;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, Connection, Error, RootCertStore, ServerConfig, ServerConnection,
};

use crate::certificates::{Chain, HOST};

/// The providers that run on this machine, by name: graviola only where the CPU has what it needs.
pub(crate) fn providers() -> Vec<(&'static str, Arc<CryptoProvider>)> {
    let portable = ("rustcrypto", Arc::new(lzap_tls::portable_provider()));
    let graviola = lzap_tls::graviola_provider().map(|provider| ("graviola", Arc::new(provider)));
    [portable].into_iter().chain(graviola).collect()
}

/// This crate's client, which trusts the chain's root only.
pub(crate) fn trust(chain: &Chain, provider: &Arc<CryptoProvider>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let root = fs::read(chain.root_file()).expect("the repository has it");
    roots.add(CertificateDer::from(root)).expect("a certificate");
    Arc::new(lzap_tls::client_config_with(Arc::clone(provider), roots))
}

/// Two ends of a connection in memory.
pub(crate) struct Pair {
    pub(crate) client: Connection,
    pub(crate) server: Connection,
}

impl Pair {
    pub(crate) fn new(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Self {
        Self::with_host(client, server, HOST)
    }

    pub(crate) fn with_host(
        client: &Arc<ClientConfig>,
        server: &Arc<ServerConfig>,
        host: &'static str,
    ) -> Self {
        let host = ServerName::try_from(host).expect("a host name");
        let client = ClientConnection::new(Arc::clone(client), host).expect("a client");
        let server = ServerConnection::new(Arc::clone(server)).expect("a server");
        Self { client: client.into(), server: server.into() }
    }

    /// Moves records until both sides have nothing to say; `change` sees each batch of them on its way to the client.
    pub(crate) fn settle_with(&mut self, mut change: impl FnMut(&mut Vec<u8>)) -> Result<(), Error> {
        while self.client.wants_write() || self.server.wants_write() {
            transfer(&mut self.client, &mut self.server, |_| ())?;
            transfer(&mut self.server, &mut self.client, &mut change)?;
        }
        Ok(())
    }

    pub(crate) fn settle(&mut self) -> Result<(), Error> {
        self.settle_with(|_| ())
    }

    /// Sends `text` from the client to the server and back, a part after the other, and asserts that it arrives.
    pub(crate) fn echo(&mut self, text: &[u8]) -> Result<(), Error> {
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
