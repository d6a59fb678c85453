//! Verification of ECDSA on P-256 and P-384 (FIPS 186-5), signatures in DER (RFC 3279, section 2.2.3).
//!
//! Any of the hashes goes with either curve: a longer hash is cut to the curve's length, a shorter one is used as it is.
//! Two functions instead of one generic: the bounds on the curve would be longer than the second function.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use sha2::Digest;

/// The first byte of an uncompressed point. RFC 5480 leaves the compressed form to the verifier, and no authority uses it.
const UNCOMPRESSED: u8 = 4;

/// Verifies a signature of the key with `D`'s hash of the message, on P-256.
pub(crate) fn verify_p256<D: Digest>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(uncompressed(key)?).ok()?;
    let signature = p256::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(&D::digest(message), &signature).ok()
}

/// Verifies a signature of the key with `D`'s hash of the message, on P-384.
pub(crate) fn verify_p384<D: Digest>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(uncompressed(key)?).ok()?;
    let signature = p384::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(&D::digest(message), &signature).ok()
}

/// Returns the key if it is an uncompressed point. The length and the curve are `from_sec1_bytes`'s to check.
fn uncompressed(key: &[u8]) -> Option<&[u8]> {
    (key.first() == Some(&UNCOMPRESSED)).then_some(key)
}
