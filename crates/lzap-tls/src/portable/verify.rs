//! The table of signature algorithms: which key, which hash, which check.

use rustls::SignatureScheme;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use sha2::{Sha256, Sha384, Sha512};

use super::{ecdsa, rsa};

/// Takes public key, message and signature as webpki passes them; `None` means "not valid". There is no reason beside it,
/// since webpki has none either and an attacker should get none.
type Verification = fn(&[u8], &[u8], &[u8]) -> Option<()>;

/// One algorithm, as webpki looks it up: by the identifiers of the key and of the signature.
#[derive(Debug)]
struct Verifier {
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    verify: Verification,
}

impl SignatureVerificationAlgorithm for Verifier {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        (self.verify)(public_key, message, signature).ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

const fn verifier(
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    verify: Verification,
) -> Verifier {
    Verifier { key, signature, verify }
}

// Authorities sign with either hash on either curve: the hash goes with the authority's curve, not with the server's.
static P256_SHA256: Verifier =
    verifier(alg_id::ECDSA_P256, alg_id::ECDSA_SHA256, ecdsa::verify_p256::<Sha256>);
static P256_SHA384: Verifier =
    verifier(alg_id::ECDSA_P256, alg_id::ECDSA_SHA384, ecdsa::verify_p256::<Sha384>);
static P384_SHA256: Verifier =
    verifier(alg_id::ECDSA_P384, alg_id::ECDSA_SHA256, ecdsa::verify_p384::<Sha256>);
static P384_SHA384: Verifier =
    verifier(alg_id::ECDSA_P384, alg_id::ECDSA_SHA384, ecdsa::verify_p384::<Sha384>);

const fn rsa_verifier(signature: AlgorithmIdentifier, verify: Verification) -> Verifier {
    verifier(alg_id::RSA_ENCRYPTION, signature, verify)
}

// webpki compares the parameters of PSS, too: MGF1 over the same hash, and a salt of the hash's length.
static PKCS1_SHA256: Verifier = rsa_verifier(alg_id::RSA_PKCS1_SHA256, rsa::verify_pkcs1::<Sha256>);
static PKCS1_SHA384: Verifier = rsa_verifier(alg_id::RSA_PKCS1_SHA384, rsa::verify_pkcs1::<Sha384>);
static PKCS1_SHA512: Verifier = rsa_verifier(alg_id::RSA_PKCS1_SHA512, rsa::verify_pkcs1::<Sha512>);
static PSS_SHA256: Verifier = rsa_verifier(alg_id::RSA_PSS_SHA256, rsa::verify_pss::<Sha256>);
static PSS_SHA384: Verifier = rsa_verifier(alg_id::RSA_PSS_SHA384, rsa::verify_pss::<Sha384>);
static PSS_SHA512: Verifier = rsa_verifier(alg_id::RSA_PSS_SHA512, rsa::verify_pss::<Sha512>);

/// Certificates may pair each curve with each hash. In TLS 1.3 a scheme names both, so the matching pair comes first.
pub(super) const ALGORITHMS: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        &P256_SHA256,
        &P256_SHA384,
        &P384_SHA256,
        &P384_SHA384,
        &PKCS1_SHA256,
        &PKCS1_SHA384,
        &PKCS1_SHA512,
        &PSS_SHA256,
        &PSS_SHA384,
        &PSS_SHA512,
    ],
    mapping: &[
        (SignatureScheme::ECDSA_NISTP256_SHA256, &[&P256_SHA256, &P384_SHA256]),
        (SignatureScheme::ECDSA_NISTP384_SHA384, &[&P384_SHA384, &P256_SHA384]),
        (SignatureScheme::RSA_PSS_SHA256, &[&PSS_SHA256]),
        (SignatureScheme::RSA_PSS_SHA384, &[&PSS_SHA384]),
        (SignatureScheme::RSA_PSS_SHA512, &[&PSS_SHA512]),
        (SignatureScheme::RSA_PKCS1_SHA256, &[&PKCS1_SHA256]),
        (SignatureScheme::RSA_PKCS1_SHA384, &[&PKCS1_SHA384]),
        (SignatureScheme::RSA_PKCS1_SHA512, &[&PKCS1_SHA512]),
    ],
};
