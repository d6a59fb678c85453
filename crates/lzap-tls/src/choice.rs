//! The choice of the provider, and the configuration of a client with it.

use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};

use crate::accelerated::graviola_provider;
use crate::portable::portable_provider;

const GRAVIOLA: &str = "graviola";
const PORTABLE: &str = "rustcrypto";

struct ChosenProvider {
    name: &'static str,
    provider: Arc<CryptoProvider>,
}

/// Returns the provider for this CPU. The first call chooses it for the life of the process, from the CPU's feature bits: it
/// makes no handshake and needs microseconds. In a release build no setting overrides the choice.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::clone(&choose_provider().provider)
}

/// Returns the name of the provider for this CPU: `graviola` or `rustcrypto`. For reports and measurements: both providers
/// negotiate the same, so that no code needs to decide by it.
pub fn provider_name() -> &'static str {
    choose_provider().name
}

fn choose_provider() -> &'static ChosenProvider {
    static CHOSEN: OnceLock<ChosenProvider> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        // The check comes first: graviola asserts the same features at each call, and a panic would end an invocation.
        let (name, provider) = match graviola_provider() {
            Some(provider) => (GRAVIOLA, provider),
            None => (PORTABLE, portable_provider()),
        };
        ChosenProvider { name, provider: Arc::new(provider) }
    })
}

/// Returns the configuration of a TLS client that trusts `roots`: TLS 1.3 and 1.2, no client certificate, sessions are
/// resumed. All connections of a process should share it, since it holds the sessions (rustls's default: of 256 servers, in
/// memory).
///
/// No early data (0-RTT) is sent: an attacker could replay a request. No protocol is negotiated (ALPN), so that servers
/// speak HTTP/1.1. Revocation is not checked, since that needs lists or further connections. `SSLKEYLOGFILE` is not read:
/// a variable of the environment can't give keys away.
pub fn client_config(roots: RootCertStore) -> ClientConfig {
    client_config_with(provider(), roots)
}

/// Returns [`client_config`]'s configuration with a given provider, for tests and measurements of one provider.
///
/// # Panics
/// When `provider` lacks cipher suites for TLS 1.3 or 1.2; the providers of this crate have both.
pub fn client_config_with(provider: Arc<CryptoProvider>, roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .expect("the provider has cipher suites for TLS 1.3 and 1.2")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
