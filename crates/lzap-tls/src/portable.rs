//! The provider for CPUs that graviola doesn't support: rustls's traits over the `RustCrypto` crates.
//!
//! Each submodule is one of rustls's traits. Nothing here depends on an instruction of the CPU: the crates detect AES,
//! carry-less multiplication and SHA at run time and have constant-time code for CPUs without them.

mod aead;
mod exchange;
mod hash;
mod rsa;
mod rsa_verifiers;
mod sign;
mod suites;

use rustls::crypto::{
    CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom, SupportedKxGroup, WebPkiSupportedAlgorithms,
};

use crate::verify::supported_algorithms;

const ALGORITHMS: WebPkiSupportedAlgorithms = supported_algorithms!(self::rsa_verifiers);

/// The private keys that this crate signs with, whichever the provider. Only the server of the check has one.
pub(crate) static P256_KEYS: &dyn KeyProvider = &sign::P256Keys;

/// The key exchanges, for both providers.
pub(crate) static KEY_EXCHANGES: &[&dyn SupportedKxGroup] = exchange::GROUPS;

/// The system's source of randomness, for both providers.
pub(crate) static SYSTEM_RANDOM: &dyn SecureRandom = &SystemRandom;

/// Returns the provider that runs on every CPU.
///
/// Applications call [`provider`](crate::provider); this function is for tests and measurements of one provider.
///
/// It has TLS 1.3 and TLS 1.2 (ECDHE) with AES-128-GCM and AES-256-GCM, the key exchanges X25519 and P-256, and verifies
/// ECDSA on P-256 and P-384 (SHA-256, SHA-384) and RSA of 2,048 to 8,192 bits (PKCS #1 v1.5 and PSS; SHA-256, SHA-384,
/// SHA-512). It signs with P-256 keys in PKCS #8 only.
pub fn portable_provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: suites::CIPHER_SUITES.to_vec(),
        kx_groups: KEY_EXCHANGES.to_vec(),
        signature_verification_algorithms: ALGORITHMS,
        secure_random: SYSTEM_RANDOM,
        key_provider: P256_KEYS,
    }
}

#[derive(Debug)]
struct SystemRandom;

impl SecureRandom for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        // One system call. AWS-LC gathers entropy of its own when a process starts, up to a second of a cold start.
        getrandom::fill(bytes).map_err(|_| GetRandomFailed)
    }
}
