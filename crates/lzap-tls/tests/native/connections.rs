//! Connections between this crate's client, with each provider, and a rustls server with another one (aws-lc).

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, Error, HandshakeKind, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
};

use crate::certificates::{Chain, HOST};
use crate::pair::{Pair, providers, trust};

/// Each authority of the tests that a client must trust.
const CHAINS: [&str; 7] = [
    "rsa2048",
    "rsa4096-sha384",
    "rsa3072-pss-sha512",
    "p256",
    "p384",
    "p256-of-p384-sha256",
    "p384-of-p256-sha384",
];

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

fn connect(provider: &Arc<CryptoProvider>, chain: &Chain, host: &'static str) -> Result<(), Error> {
    let mut pair = Pair::with_host(&trust(chain, provider), &Arc::new(aws_lc_server(chain)), host);
    pair.settle()
}

/// A server with all that aws-lc has.
fn aws_lc_server(chain: &Chain) -> ServerConfig {
    chain.server(aws_lc_rs::default_provider(), &VERSIONS)
}

/// RSA and ECDSA, PKCS #1 v1.5 and PSS, each hash, one to three certificates.
#[test]
fn connect_each_chain_and_version_echoes() {
    for (name, provider) in providers() {
        for chain in CHAINS.map(Chain::named) {
            for version in VERSIONS {
                let server = chain.server(aws_lc_rs::default_provider(), &[version]);
                let mut pair = Pair::new(&trust(&chain, &provider), &Arc::new(server));
                let echoed = pair.echo(b"a few bytes");
                assert_eq!(echoed, Ok(()), "{name}, {:?}, {version:?}", chain.root_file());
                assert_eq!(pair.client.protocol_version(), Some(version.version));
            }
        }
    }
}

/// A server that offers one suite only: the client must have it, and both must derive the same keys.
#[test]
fn connect_each_cipher_suite_echoes() {
    const SUITES: [(SupportedCipherSuite, &str); 6] = [
        (cipher_suite::TLS13_AES_128_GCM_SHA256, "p256"),
        (cipher_suite::TLS13_AES_256_GCM_SHA384, "p256"),
        (cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "p256"),
        (cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "p384"),
        (cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "rsa2048"),
        (cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "rsa2048"),
    ];
    for (name, provider) in providers() {
        for (suite, chain) in SUITES {
            let only = CryptoProvider { cipher_suites: vec![suite], ..aws_lc_rs::default_provider() };
            let chain = Chain::named(chain);
            let server = chain.server(only, &[suite.version()]);
            let mut pair = Pair::new(&trust(&chain, &provider), &Arc::new(server));
            assert_eq!(pair.echo(b"a few bytes"), Ok(()), "{name}, {suite:?}");
            let negotiated = pair.client.negotiated_cipher_suite().map(|suite| suite.suite());
            assert_eq!(negotiated, Some(suite.suite()));
        }
    }
}

/// A server that has one group only. For P-256, the client's first key in TLS 1.3 is for another group, so the server
/// asks again (`HelloRetryRequest`).
#[test]
fn connect_each_group_and_version_echoes() {
    const GROUPS: [&dyn SupportedKxGroup; 2] = [kx_group::X25519, kx_group::SECP256R1];
    let chain = Chain::named("p256");
    for (name, provider) in providers() {
        for group in GROUPS {
            for version in VERSIONS {
                let only = CryptoProvider { kx_groups: vec![group], ..aws_lc_rs::default_provider() };
                let server = chain.server(only, &[version]);
                let mut pair = Pair::new(&trust(&chain, &provider), &Arc::new(server));
                assert_eq!(pair.echo(b"a few bytes"), Ok(()), "{name}, {group:?}, {version:?}");
                let negotiated = pair.client.negotiated_key_exchange_group().map(SupportedKxGroup::name);
                assert_eq!(negotiated, Some(group.name()));
            }
        }
    }
}

/// A hundred records each way.
#[test]
fn echo_more_than_a_megabyte_arrives_unchanged() {
    let text: Vec<u8> =
        (0..1_200_000_u32).map(|number| number.to_le_bytes()[usize::from(number % 7 == 0)]).collect();
    let chain = Chain::named("rsa2048");
    for (name, provider) in providers() {
        for version in VERSIONS {
            let server = chain.server(aws_lc_rs::default_provider(), &[version]);
            let mut pair = Pair::new(&trust(&chain, &provider), &Arc::new(server));
            assert_eq!(pair.echo(&text), Ok(()), "{name}, {version:?}");
        }
    }
}

/// Sessions spare the certificates' verification: tickets in TLS 1.3 and 1.2.
#[test]
fn connect_again_resumes_the_session() {
    let chain = Chain::named("rsa2048");
    for (name, provider) in providers() {
        for version in VERSIONS {
            let server = Arc::new(chain.server(aws_lc_rs::default_provider(), &[version]));
            let client = trust(&chain, &provider);
            let kinds = [(); 3].map(|()| {
                let mut pair = Pair::new(&client, &server);
                assert_eq!(pair.echo(b"a few bytes"), Ok(()), "{name}, {version:?}");
                pair.client.handshake_kind()
            });
            assert_eq!(kinds[1..], [Some(HandshakeKind::Resumed); 2], "{name}, {version:?}");
            assert_ne!(kinds[0], Some(HandshakeKind::Resumed));
        }
    }
}

/// Another host name, a certificate of the past, and authorities that the client does not trust.
#[test]
fn connect_wrong_certificate_is_refused() {
    for (name, provider) in providers() {
        let error =
            connect(&provider, &Chain::named("p256"), "other.lzap.invalid").expect_err("another name");
        assert!(
            matches!(error, Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. })),
            "{name}: {error:?}"
        );
        let error = connect(&provider, &Chain::named("expired"), HOST).expect_err("expired");
        assert!(
            matches!(error, Error::InvalidCertificate(CertificateError::ExpiredContext { .. })),
            "{name}: {error:?}"
        );
        for (trusted, presented) in [("p384", "p256"), ("p256", "rsa2048"), ("rsa4096-sha384", "rsa2048")] {
            let client = trust(&Chain::named(trusted), &provider);
            let server = aws_lc_server(&Chain::named(presented));
            let error = Pair::new(&client, &Arc::new(server)).settle().expect_err("another authority");
            assert_eq!(error, Error::InvalidCertificate(CertificateError::UnknownIssuer), "{name}");
        }
    }
}

/// The authority is trusted, but its key can be factored.
#[test]
fn connect_authority_with_1024_bits_is_refused() {
    for (name, provider) in providers() {
        let error = connect(&provider, &Chain::named("p256-of-rsa1024"), HOST).expect_err("a weak key");
        assert_eq!(error, Error::InvalidCertificate(CertificateError::BadSignature), "{name}");
    }
}

/// In TLS 1.2 the certificates and the signature of the key exchange are in the clear: one flipped bit in each place.
#[test]
fn connect_tampered_signature_is_refused() {
    for (name, provider) in providers() {
        for chain in CHAINS.map(Chain::named) {
            let server = Arc::new(chain.server(aws_lc_rs::default_provider(), &[&TLS12]));
            let own = chain.certificates().remove(0);
            let of_certificate = |records: &mut Vec<u8>| {
                if let Some(start) = find(records, &own) {
                    records[start + own.len() - 1] ^= 1;
                }
            };
            let client = trust(&chain, &provider);
            let error = Pair::new(&client, &server).settle_with(of_certificate).expect_err("changed");
            assert_eq!(error, Error::InvalidCertificate(CertificateError::BadSignature), "{name}");

            // ServerKeyExchange ends with the signature, ServerHelloDone (type 14, empty) follows.
            let of_exchange = |records: &mut Vec<u8>| {
                if let Some(done) = find(records, &[14, 0, 0, 0]) {
                    let signature_end = if records[done - 5] == 22 { done - 5 } else { done };
                    records[signature_end - 1] ^= 1;
                }
            };
            let error = Pair::new(&client, &server).settle_with(of_exchange).expect_err("changed");
            assert_eq!(error, Error::InvalidCertificate(CertificateError::BadSignature), "{name}");
        }
    }
}

/// One flipped bit in the tag of a record.
#[test]
fn connect_tampered_record_is_refused() {
    let chain = Chain::named("p256");
    for (name, provider) in providers() {
        for version in VERSIONS {
            let server = Arc::new(chain.server(aws_lc_rs::default_provider(), &[version]));
            let mut pair = Pair::new(&trust(&chain, &provider), &server);
            assert_eq!(pair.echo(b"a few bytes"), Ok(()));
            std::io::Write::write_all(&mut pair.server.writer(), b"more bytes").expect("memory");
            let changed = pair.settle_with(|records| {
                if let Some(last) = records.last_mut() {
                    *last ^= 1;
                }
            });
            assert_eq!(changed, Err(Error::DecryptError), "{name}, {version:?}");
        }
    }
}

/// As in Lambda: the server has this crate's fallback, the client whatever the CPU gives, and the reverse.
#[test]
fn connect_providers_of_this_crate_understand_each_other() {
    let chain = Chain::named("p256");
    for (of_server, server) in providers() {
        for (of_client, client) in providers() {
            for version in VERSIONS {
                let server = Arc::new(chain.server(server.as_ref().clone(), &[version]));
                let mut pair = Pair::new(&trust(&chain, &client), &server);
                assert_eq!(pair.echo(b"a few bytes"), Ok(()), "{of_client} to {of_server}, {version:?}");
            }
        }
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
