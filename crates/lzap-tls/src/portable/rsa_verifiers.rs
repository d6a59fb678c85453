//! The verifiers of RSA signatures over `rsa`, as webpki looks them up.
//!
//! The names are those of `accelerated::rsa`: one macro builds both providers' tables.

use rustls::pki_types::alg_id;
use sha2::{Sha256, Sha384, Sha512};

use super::rsa::{verify_pkcs1, verify_pss};
use crate::verify::{Verifier, rsa_verifier};

pub(super) static PKCS1_SHA256: Verifier = rsa_verifier(alg_id::RSA_PKCS1_SHA256, verify_pkcs1::<Sha256>);
pub(super) static PKCS1_SHA384: Verifier = rsa_verifier(alg_id::RSA_PKCS1_SHA384, verify_pkcs1::<Sha384>);
pub(super) static PKCS1_SHA512: Verifier = rsa_verifier(alg_id::RSA_PKCS1_SHA512, verify_pkcs1::<Sha512>);
pub(super) static PSS_SHA256: Verifier = rsa_verifier(alg_id::RSA_PSS_SHA256, verify_pss::<Sha256>);
pub(super) static PSS_SHA384: Verifier = rsa_verifier(alg_id::RSA_PSS_SHA384, verify_pss::<Sha384>);
pub(super) static PSS_SHA512: Verifier = rsa_verifier(alg_id::RSA_PSS_SHA512, verify_pss::<Sha512>);
