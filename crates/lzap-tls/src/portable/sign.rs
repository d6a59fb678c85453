//! Signing with P-256 keys: what the server side of [`check_handshake`](crate::check_handshake) needs.
//!
//! Both providers use it. Functions have no client certificates, so other keys would only make each binary larger: the
//! check with this key is 50 KB of it.

use std::sync::Arc;

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey as P256Key};
use p256::pkcs8::DecodePrivateKey;
use rustls::crypto::KeyProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::{Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};

/// Loads P-256 keys in PKCS #8, and refuses others.
#[derive(Debug)]
pub(super) struct P256Keys;

impl KeyProvider for P256Keys {
    fn load_private_key(&self, key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        let PrivateKeyDer::Pkcs8(key) = key else {
            return Err(Error::General("lzap-tls reads private keys in PKCS #8 only".to_owned()));
        };
        let key = P256Key::from_pkcs8_der(key.secret_pkcs8_der())
            .map_err(|why| Error::General(format!("the private key is not a P-256 key: {why}")))?;
        Ok(Arc::new(EcdsaKey(Arc::new(key))))
    }
}

/// A P-256 key, which is also its own signer: it has one scheme. TLS 1.3 binds the curve to SHA-256, and the check makes a
/// handshake of TLS 1.3.
#[derive(Clone, Debug)]
struct EcdsaKey(Arc<P256Key>);

impl SigningKey for EcdsaKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered
            .contains(&SignatureScheme::ECDSA_NISTP256_SHA256)
            .then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for EcdsaKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        // Deterministic (RFC 6979): a bad random number can't reveal the key.
        let signature: Signature = self
            .0
            .try_sign(message)
            .map_err(|_| Error::General("cannot sign with the P-256 key".to_owned()))?;
        Ok(signature.to_der().as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}
