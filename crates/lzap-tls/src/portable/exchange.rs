//! The key exchanges X25519 (RFC 7748) and P-256 (RFC 8446, section 4.2.8.2).
//!
//! Both crates compute in constant time and erase their secrets when dropped. There is no hybrid with ML-KEM: no server
//! requires it, and it would be more code in each function and twice the processor time of a handshake.

use p256::elliptic_curve::Generate;
use p256::elliptic_curve::sec1::ToSec1Point;
use rustls::crypto::{ActiveKeyExchange, GetRandomFailed, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved};

/// In the order of preference. A client sends its key for the first one without being asked: X25519, the faster of the
/// two. A server without it costs a round trip, in which the client sends the other key; P-256 is for endpoints that must
/// have an exchange approved by FIPS.
pub(super) static GROUPS: &[&dyn SupportedKxGroup] = &[&X25519, &P256];

/// An uncompressed point (`0x04`, x, y): the only form that TLS 1.3 has.
const POINT_LEN: usize = 65;
const UNCOMPRESSED: u8 = 4;

/// The group of Curve25519. Keys are 32 bytes.
#[derive(Debug)]
struct X25519;

impl SupportedKxGroup for X25519 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| GetRandomFailed)?;
        // Any 32 bytes are a key: the multiplication sets the bits that must be fixed (RFC 7748, section 5).
        let secret = x25519_dalek::StaticSecret::from(bytes);
        let public = x25519_dalek::PublicKey::from(&secret);
        Ok(Box::new(X25519Exchange { secret, public }))
    }

    // The default would link tables of primes that are never used.
    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

/// One exchange: the secret serves for one connection. `StaticSecret` is the type that takes bytes from a fallible source
/// of randomness; `EphemeralSecret` would panic where that fails.
struct X25519Exchange {
    secret: x25519_dalek::StaticSecret,
    public: x25519_dalek::PublicKey,
}

impl ActiveKeyExchange for X25519Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let peer: [u8; 32] = peer.try_into().map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
        let shared = self.secret.diffie_hellman(&peer.into());
        // A point of small order gives zero, whatever our secret (RFC 7748, section 6.1).
        if !shared.was_contributory() {
            return Err(PeerMisbehaved::InvalidKeyShare.into());
        }
        Ok(SharedSecret::from(shared.as_bytes().as_slice()))
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

/// The group that TLS calls `secp256r1`. Keys are uncompressed points. The shared secret is the x coordinate alone, 32 bytes
/// with leading zeros kept (RFC 8446, section 7.4.2).
#[derive(Debug)]
struct P256;

impl SupportedKxGroup for P256 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        // The scalar is drawn again until it is below the order of the curve: bytes as for X25519 would be biased.
        let secret = p256::ecdh::EphemeralSecret::try_generate().map_err(|_| GetRandomFailed)?;
        let public = secret.public_key().to_sec1_point(false);
        Ok(Box::new(P256Exchange { secret, public }))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::secp256r1
    }
}

/// One exchange. The public key is kept as rustls reads it, by reference.
struct P256Exchange {
    secret: p256::ecdh::EphemeralSecret,
    public: p256::Sec1Point,
}

impl ActiveKeyExchange for P256Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        if peer.len() != POINT_LEN || peer[0] != UNCOMPRESSED {
            return Err(PeerMisbehaved::InvalidKeyShare.into());
        }
        // Refuses points that are not on the curve: the answers to such points would reveal the secret bit by bit. The secret
        // serves once, but the check is what RFC 8446, section 4.2.8.2, demands.
        let peer = p256::PublicKey::from_sec1_bytes(peer).map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
        let shared = self.secret.diffie_hellman(&peer);
        Ok(SharedSecret::from(shared.raw_secret_bytes().as_slice()))
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::secp256r1
    }
}
