//! TLS for Lambda functions: rustls with one of two cryptography providers, chosen when the process first needs one.
//!
//! | name | made of | used where |
//! |---|---|---|
//! | `graviola` | AES-GCM, SHA-2 and RSA of `rustls-graviola` (assembly within Rust), the rest as below | the CPU has every instruction that graviola asserts |
//! | `rustcrypto` | this crate's glue over the `RustCrypto` crates (see [`portable_provider`]) | everywhere else |
//!
//! Both are always compiled in, and neither compiles C. AWS promises no more than AVX2 on `x86_64`; graviola also needs ADX
//! and panics at its first call where that is missing. An execution environment's CPU is only known when it starts, so
//! the choice can't be made at build time, nor by the deployment: the next environment may have another CPU.
//!
//! # Why the second provider is made here
//! `rustls-rustcrypto` is an alpha from the generation of crates before this workspace's (second versions of `sha2`,
//! `digest`, `p256`, …), and it verifies RSA with the crate `rsa`. That crate carries RUSTSEC-2023-0071, which concerns
//! private keys only, but `cargo audit` would report it to each user. What a client of AWS needs is small: two key
//! exchanges, AES-GCM, SHA-2, and verification of two kinds of signatures. The algorithms come from `aes-gcm`, `p256`,
//! `p384`, `x25519-dalek`, `sha2` and `hmac`, whose AES, GHASH and SHA-2 detect the CPU's instructions at run time.
//! Only the padding of RSA signatures is checked by code of this crate (over `crypto-bigint`, which `p256` has anyway).
//!
//! # What they cost
//! Measured by `examples/measure.rs` on a shared and busy Xeon at `opt-level = 3`, both sides of the connection on one core:
//!
//! | | `graviola` | `rustcrypto` | ratio |
//! |---|---|---|---|
//! | [`check_handshake`] (TLS 1.3, P-256 certificate) | 1.4 ms | 1.4 ms | 1.0 |
//! | resumed handshake | 0.23 ms | 0.22 ms | 0.9 |
//! | verify RSA-2048 | 27 µs | 58 µs | 2.1 |
//! | verify ECDSA on P-256 (the same code) | 242 µs | 242 µs | 1.0 |
//! | AES-128-GCM | 3,418 MB/s | 1,487 MB/s | 0.44 |
//!
//! The second provider adds 300 KB to a static binary, 130 KB to its zip; the check 50 KB. With `opt-level = "s"` it
//! keeps its speed, except AES-GCM (98 MB/s): `[profile.release.package.lzap-tls] opt-level = 3` gives 264 MB/s for 83 KB
//! of binary, since the generic code of all algorithms is compiled with this crate. With `opt-level = "z"` it is slow
//! (12 ms per handshake, 8 MB/s) unless `lzap-tls`, `polyval` and `curve25519-dalek` have 3.
//!
//! Deliberately not here: ChaCha20-Poly1305, ML-KEM and Ed25519 in either provider (each AWS endpoint has AES-GCM, and no
//! public authority signs with Ed25519), client certificates, roots of trust, sockets. Valgrind's CPU has no ADX either:
//! under callgrind `rustcrypto` is what is measured.
//!
//! # Example
//! ```
//! let roots = rustls::RootCertStore::empty();
//! let config = lzap_tls::client_config(roots);
//! assert!(["graviola", "rustcrypto"].contains(&lzap_tls::provider_name()));
//! assert_eq!(config.crypto_provider().cipher_suites, lzap_tls::provider().cipher_suites);
//! ```

mod accelerated;
mod choice;
mod ecdsa;
mod handshake;
mod portable;
mod verify;

pub use crate::accelerated::graviola_provider;
pub use crate::choice::{client_config, client_config_with, provider, provider_name};
pub use crate::handshake::{HandshakeError, check_handshake, check_handshake_with};
pub use crate::portable::portable_provider;
