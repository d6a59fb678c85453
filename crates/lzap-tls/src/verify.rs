//! The tables of signature algorithms: which key, which hash, which check.
//!
//! Both providers verify ECDSA with the same code: graviola's for P-256 and P-384 would be 650 KB of a function's binary,
//! and AWS's endpoints have RSA chains. RSA is each provider's own.

use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use sha2::{Sha256, Sha384};

use crate::ecdsa;

/// Takes public key, message and signature as webpki passes them; `None` means "not valid". There is no reason beside it,
/// since webpki has none either and an attacker should get none.
pub(crate) type Verification = fn(&[u8], &[u8], &[u8]) -> Option<()>;

/// One algorithm, as webpki looks it up: by the identifiers of the key and of the signature.
#[derive(Debug)]
pub(crate) struct Verifier {
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

/// A verifier of RSA signatures. webpki compares the parameters of PSS, too: MGF1 over the same hash, and a salt of the
/// hash's length.
pub(crate) const fn rsa_verifier(signature: AlgorithmIdentifier, verify: Verification) -> Verifier {
    verifier(alg_id::RSA_ENCRYPTION, signature, verify)
}

// Authorities sign with either hash on either curve: the hash goes with the authority's curve, not with the server's.
pub(crate) static P256_SHA256: Verifier =
    verifier(alg_id::ECDSA_P256, alg_id::ECDSA_SHA256, ecdsa::verify_p256::<Sha256>);
pub(crate) static P256_SHA384: Verifier =
    verifier(alg_id::ECDSA_P256, alg_id::ECDSA_SHA384, ecdsa::verify_p256::<Sha384>);
pub(crate) static P384_SHA256: Verifier =
    verifier(alg_id::ECDSA_P384, alg_id::ECDSA_SHA256, ecdsa::verify_p384::<Sha256>);
pub(crate) static P384_SHA384: Verifier =
    verifier(alg_id::ECDSA_P384, alg_id::ECDSA_SHA384, ecdsa::verify_p384::<Sha384>);

/// The table of a provider whose module `$rsa` has six verifiers of RSA signatures, named by padding and hash.
///
/// Certificates may pair each curve with each hash. In TLS 1.3 a scheme names both, so the matching pair comes first.
///
/// A macro, because the table has to be a constant and names statics of the module, which no function can take.
macro_rules! supported_algorithms {
    ($rsa:path) => {{
        use $crate::verify::{P256_SHA256, P256_SHA384, P384_SHA256, P384_SHA384};
        use $rsa as rsa;

        ::rustls::crypto::WebPkiSupportedAlgorithms {
            all: &[
                &P256_SHA256,
                &P256_SHA384,
                &P384_SHA256,
                &P384_SHA384,
                &rsa::PKCS1_SHA256,
                &rsa::PKCS1_SHA384,
                &rsa::PKCS1_SHA512,
                &rsa::PSS_SHA256,
                &rsa::PSS_SHA384,
                &rsa::PSS_SHA512,
            ],
            mapping: &[
                (::rustls::SignatureScheme::ECDSA_NISTP256_SHA256, &[&P256_SHA256, &P384_SHA256]),
                (::rustls::SignatureScheme::ECDSA_NISTP384_SHA384, &[&P384_SHA384, &P256_SHA384]),
                (::rustls::SignatureScheme::RSA_PSS_SHA256, &[&rsa::PSS_SHA256]),
                (::rustls::SignatureScheme::RSA_PSS_SHA384, &[&rsa::PSS_SHA384]),
                (::rustls::SignatureScheme::RSA_PSS_SHA512, &[&rsa::PSS_SHA512]),
                (::rustls::SignatureScheme::RSA_PKCS1_SHA256, &[&rsa::PKCS1_SHA256]),
                (::rustls::SignatureScheme::RSA_PKCS1_SHA384, &[&rsa::PKCS1_SHA384]),
                (::rustls::SignatureScheme::RSA_PKCS1_SHA512, &[&rsa::PKCS1_SHA512]),
            ],
        }
    }};
}

pub(crate) use supported_algorithms;
