//! The cipher suites: AES-GCM with SHA-2, as AWS's endpoints have them.
//!
//! AWS: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>

use rustls::crypto::tls12::PrfUsingHmac;
use rustls::crypto::tls13::HkdfUsingHmac;
use rustls::crypto::{CipherSuiteCommon, KeyExchangeAlgorithm};
use rustls::{CipherSuite, SignatureScheme, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite};

use super::aead::{AES_128_GCM, AES_256_GCM};
use super::hash::{SHA256, SHA384};

/// In the order of preference: TLS 1.3 first, then AES-128, which is as good as AES-256 here and faster.
pub(super) static CIPHER_SUITES: &[SupportedCipherSuite] = &[
    SupportedCipherSuite::Tls13(&TLS13_AES_128),
    SupportedCipherSuite::Tls13(&TLS13_AES_256),
    SupportedCipherSuite::Tls12(&ECDSA_AES_128),
    SupportedCipherSuite::Tls12(&ECDSA_AES_256),
    SupportedCipherSuite::Tls12(&RSA_AES_128),
    SupportedCipherSuite::Tls12(&RSA_AES_256),
];

/// How many records one key may encrypt: 2^24.5 for AES-GCM (RFC 8446, section 5.5), rounded down; 256 GB of full records.
/// Then rustls changes the key (TLS 1.3) or closes the connection (TLS 1.2).
const MAX_RECORDS: u64 = 1 << 24;

// The PRF of TLS 1.2 (RFC 5246, section 5), which rustls builds from HMAC. The suite names its hash: SHA-384 goes with
// AES-256 (RFC 5289, section 3).
static PRF_SHA256: PrfUsingHmac<'_> = PrfUsingHmac(&SHA256);
static PRF_SHA384: PrfUsingHmac<'_> = PrfUsingHmac(&SHA384);

static TLS13_AES_128: Tls13CipherSuite = Tls13CipherSuite {
    common: with_sha256(CipherSuite::TLS13_AES_128_GCM_SHA256),
    hkdf_provider: &HkdfUsingHmac(&SHA256),
    aead_alg: &AES_128_GCM,
    // QUIC: the client speaks HTTP/1.1 only.
    quic: None,
};

static TLS13_AES_256: Tls13CipherSuite = Tls13CipherSuite {
    common: with_sha384(CipherSuite::TLS13_AES_256_GCM_SHA384),
    hkdf_provider: &HkdfUsingHmac(&SHA384),
    aead_alg: &AES_256_GCM,
    quic: None,
};

static ECDSA_AES_128: Tls12CipherSuite =
    tls12_aes_128(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, ECDSA_SCHEMES);
static ECDSA_AES_256: Tls12CipherSuite =
    tls12_aes_256(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, ECDSA_SCHEMES);
static RSA_AES_128: Tls12CipherSuite =
    tls12_aes_128(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, RSA_SCHEMES);
static RSA_AES_256: Tls12CipherSuite =
    tls12_aes_256(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, RSA_SCHEMES);

// TLS 1.2 names the kind of the server's key in the suite; the schemes say which signatures that allows. SHA-1, which
// TLS 1.2 also knows, is missing on purpose.
static ECDSA_SCHEMES: &[SignatureScheme] =
    &[SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ECDSA_NISTP384_SHA384];

static RSA_SCHEMES: &[SignatureScheme] = &[
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];

/// A suite of TLS 1.2 with an ephemeral key exchange. Those without one (RSA key transport) do not exist in rustls.
const fn tls12_aes_128(suite: CipherSuite, sign: &'static [SignatureScheme]) -> Tls12CipherSuite {
    Tls12CipherSuite {
        common: with_sha256(suite),
        prf_provider: &PRF_SHA256,
        kx: KeyExchangeAlgorithm::ECDHE,
        sign,
        aead_alg: &AES_128_GCM,
    }
}

/// As [`tls12_aes_128`], with the longer key and hash.
const fn tls12_aes_256(suite: CipherSuite, sign: &'static [SignatureScheme]) -> Tls12CipherSuite {
    Tls12CipherSuite {
        common: with_sha384(suite),
        prf_provider: &PRF_SHA384,
        kx: KeyExchangeAlgorithm::ECDHE,
        sign,
        aead_alg: &AES_256_GCM,
    }
}

const fn with_sha256(suite: CipherSuite) -> CipherSuiteCommon {
    CipherSuiteCommon { suite, hash_provider: &SHA256, confidentiality_limit: MAX_RECORDS }
}

const fn with_sha384(suite: CipherSuite) -> CipherSuiteCommon {
    CipherSuiteCommon { suite, hash_provider: &SHA384, confidentiality_limit: MAX_RECORDS }
}
