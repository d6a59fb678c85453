//! The provider for CPUs that graviola supports: graviola where it is faster and small, else the code of `portable`.
//!
//! From graviola come AES-GCM with SHA-2, which encrypt every byte, and the verification of RSA, which each handshake does
//! two or three times. Its other parts would be more than half of a megabyte in each function's zip: the key exchanges
//! (`RustCrypto`'s X25519 costs a handshake some tens of microseconds more, and is there anyway), P-256 and P-384,
//! `ChaCha20`, Ed25519, and the hybrid exchange with ML-KEM, which besides would double the processor time of a handshake.

mod rsa;

use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls_graviola::suites;

use crate::portable;
use crate::verify::supported_algorithms;

const ALGORITHMS: WebPkiSupportedAlgorithms = supported_algorithms!(self::rsa);

/// Returns the provider over graviola, or `None` on a CPU where graviola would panic.
///
/// Applications call [`provider`](crate::provider); this function is for tests and measurements of one provider. It has the
/// protocols, suites, groups and signatures of [`portable_provider`](crate::portable_provider).
///
/// The check is graviola's own, the one that it asserts at each call: on `x86_64` `adx`, `aes`, `avx`, `avx2`, `bmi1` and
/// `pclmulqdq`; on aarch64 `aes`, `neon`, `pmull` and `sha2`. In a debug build graviola (and so this function) takes a
/// feature as missing when a variable like `GRAVIOLA_CPU_DISABLE_adx` is set.
pub fn graviola_provider() -> Option<CryptoProvider> {
    graviola::util::is_cpu_supported().then(|| CryptoProvider {
        cipher_suites: vec![
            suites::TLS13_AES_128_GCM_SHA256,
            suites::TLS13_AES_256_GCM_SHA384,
            suites::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            suites::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            suites::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            suites::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        ],
        kx_groups: portable::KEY_EXCHANGES.to_vec(),
        signature_verification_algorithms: ALGORITHMS,
        secure_random: portable::SYSTEM_RANDOM,
        key_provider: portable::P256_KEYS,
    })
}
