//! SHA-256 and SHA-384, plain and as HMAC. rustls derives HKDF (TLS 1.3) and the PRF (TLS 1.2) from HMAC.
//!
//! SHA-512 is no suite's hash; signatures that use it hash in `rsa`.

use std::marker::PhantomData;

use hmac::{EagerHash, Hmac, KeyInit, Mac};
use rustls::crypto::{hash, hmac as tls_hmac};
use sha2::{Digest, Sha256, Sha384};

/// For the suites with AES-128.
pub(super) static SHA256: Sha2<Sha256> = Sha2 { algorithm: hash::HashAlgorithm::SHA256, digest: PhantomData };
/// For the suites with AES-256.
pub(super) static SHA384: Sha2<Sha384> = Sha2 { algorithm: hash::HashAlgorithm::SHA384, digest: PhantomData };

/// One hash function, as rustls's factory of hashes and of HMACs.
pub(super) struct Sha2<D> {
    algorithm: hash::HashAlgorithm,
    digest: PhantomData<D>,
}

impl<D: Digest + Clone + Send + Sync + 'static> hash::Hash for Sha2<D> {
    fn start(&self) -> Box<dyn hash::Context> {
        Box::new(HashContext(D::new()))
    }

    fn hash(&self, data: &[u8]) -> hash::Output {
        hash::Output::new(&D::digest(data))
    }

    fn output_len(&self) -> usize {
        <D as Digest>::output_size()
    }

    fn algorithm(&self) -> hash::HashAlgorithm {
        self.algorithm
    }
}

/// A transcript: rustls takes its hash at several points of the handshake and goes on hashing. A copy is the state of the
/// hash, without the messages that were hashed.
struct HashContext<D>(D);

impl<D: Digest + Clone + Send + Sync + 'static> hash::Context for HashContext<D> {
    fn fork_finish(&self) -> hash::Output {
        hash::Output::new(&self.0.clone().finalize())
    }

    fn fork(&self) -> Box<dyn hash::Context> {
        Box::new(Self(self.0.clone()))
    }

    fn finish(self: Box<Self>) -> hash::Output {
        hash::Output::new(&self.0.finalize())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}

impl<D> tls_hmac::Hmac for Sha2<D>
where
    D: Digest + EagerHash + Send + Sync + 'static,
    Hmac<D>: Mac + KeyInit + Clone + Send + Sync,
{
    fn with_key(&self, key: &[u8]) -> Box<dyn tls_hmac::Key> {
        // RFC 2104: a key that is longer than a block is hashed first.
        Box::new(HmacKey(<Hmac<D> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length")))
    }

    fn hash_output_len(&self) -> usize {
        <D as Digest>::output_size()
    }
}

/// An HMAC that has absorbed its key: each tag starts from a copy.
struct HmacKey<M>(M);

impl<M: Mac + Clone + Send + Sync> tls_hmac::Key for HmacKey<M> {
    fn sign_concat(&self, first: &[u8], middle: &[&[u8]], last: &[u8]) -> tls_hmac::Tag {
        // HKDF calls this many times with one key; a copy saves the two blocks that a key costs.
        let mut mac = self.0.clone();
        mac.update(first);
        for part in middle {
            mac.update(part);
        }
        mac.update(last);
        tls_hmac::Tag::new(&mac.finalize().into_bytes())
    }

    fn tag_len(&self) -> usize {
        M::output_size()
    }
}
