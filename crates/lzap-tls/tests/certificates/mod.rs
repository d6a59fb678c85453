//! The certificates in this folder, as a server presents them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs_err as fs;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion};

/// The name in each server's certificate.
pub(crate) const HOST: &str = "server.lzap.invalid";

/// A root, a server's certificates and its key: `generate.py` makes them.
pub(crate) struct Chain(&'static str);

impl Chain {
    pub(crate) const fn named(name: &'static str) -> Self {
        Self(name)
    }

    fn file(&self, part: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates");
        folder.join(format!("{}.{part}.der", self.0))
    }

    pub(crate) fn root_file(&self) -> PathBuf {
        self.file("root")
    }

    /// The server's certificates, its own first.
    pub(crate) fn certificates(&self) -> Vec<CertificateDer<'static>> {
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

    /// A server with this chain.
    pub(crate) fn server(
        &self,
        provider: CryptoProvider,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ServerConfig {
        let key = PrivatePkcs8KeyDer::from(fs::read(self.file("key")).expect("the repository has it"));
        ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .expect("the provider has suites for the versions")
            .with_no_client_auth()
            .with_single_cert(self.certificates(), key.into())
            .expect("certificate and key belong together")
    }
}
