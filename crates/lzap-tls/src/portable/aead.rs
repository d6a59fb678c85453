//! AES-GCM for the records of TLS 1.3 (RFC 8446, section 5.2) and TLS 1.2 (RFC 5288).
//!
//! The two versions differ in the nonce (implicit in 1.3; 8 of its bytes travel in 1.2), in the authenticated header, and
//! in where the type of the content stands. All else is [`AesKey`], which both share to keep the code small.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, KeyBlockShape, MessageDecrypter,
    MessageEncrypter, NONCE_LEN, Nonce, OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload,
    Tls12AeadAlgorithm, Tls13AeadAlgorithm, UnsupportedOperationError, make_tls12_aad, make_tls13_aad,
};
use rustls::{ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion};

/// The whole tag (RFC 5116, section 5.1): TLS never shortens the tag of AES-GCM.
const TAG_LEN: usize = 16;
/// TLS 1.2: the part of the nonce that the keys determine, and the part that each record carries.
const FIXED_NONCE_LEN: usize = 4;
const EXPLICIT_NONCE_LEN: usize = 8;
/// The largest text of a record in bytes (RFC 5246, section 6.2.1).
const MAX_PLAINTEXT_LEN: usize = 16_384;

pub(super) static AES_128_GCM: AesGcm = AesGcm::Aes128;
pub(super) static AES_256_GCM: AesGcm = AesGcm::Aes256;

/// The algorithm, without a key. An enum, not a type parameter, so that the record code exists once in the binary.
#[derive(Clone, Copy)]
pub(super) enum AesGcm {
    Aes128,
    Aes256,
}

impl AesGcm {
    const fn key_len(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes256 => 32,
        }
    }

    /// Computes the round keys, once for each direction of a connection. They are erased when the connection ends.
    fn expand_key(self, key: &AeadKey) -> AesKey {
        const LENGTH: &str = "rustls derives keys of key_len() bytes";
        match self {
            Self::Aes128 => AesKey::Aes128(Box::new(Aes128Gcm::new_from_slice(key.as_ref()).expect(LENGTH))),
            Self::Aes256 => AesKey::Aes256(Box::new(Aes256Gcm::new_from_slice(key.as_ref()).expect(LENGTH))),
        }
    }

    /// The form in which rustls hands keys to kernel TLS. lzap does not use it, but the traits demand it.
    fn secrets(self, key: AeadKey, iv: Iv) -> ConnectionTrafficSecrets {
        match self {
            Self::Aes128 => ConnectionTrafficSecrets::Aes128Gcm { key, iv },
            Self::Aes256 => ConnectionTrafficSecrets::Aes256Gcm { key, iv },
        }
    }
}

/// An expanded key, boxed since the round keys take hundreds of bytes.
enum AesKey {
    Aes128(Box<Aes128Gcm>),
    Aes256(Box<Aes256Gcm>),
}

impl AesKey {
    /// Encrypts `text` in place and returns the tag. A nonce must never come twice with one key: two records with the same
    /// nonce reveal the XOR of their texts, and the key of the tags.
    fn seal(&self, nonce: [u8; NONCE_LEN], aad: &[u8], text: &mut [u8]) -> Result<[u8; TAG_LEN], Error> {
        let nonce = nonce.into();
        match self {
            Self::Aes128(key) => key.encrypt_inout_detached(&nonce, aad, text.into()),
            Self::Aes256(key) => key.encrypt_inout_detached(&nonce, aad, text.into()),
        }
        .map(Into::into)
        .map_err(|_| Error::EncryptError)
    }

    /// Verifies `sealed`, which ends with the tag, decrypts it in place and returns the length of the text. After an error
    /// nothing of the text may be used; rustls ends the connection with the alert `bad_record_mac`.
    fn open(&self, nonce: [u8; NONCE_LEN], aad: &[u8], sealed: &mut [u8]) -> Result<usize, Error> {
        // A record shorter than a tag is refused like one with a wrong tag: the peer learns nothing from the difference.
        let (text, tag) = sealed.split_last_chunk_mut::<TAG_LEN>().ok_or(Error::DecryptError)?;
        let (nonce, tag) = (nonce.into(), (*tag).into());
        let len = text.len();
        match self {
            Self::Aes128(key) => key.decrypt_inout_detached(&nonce, aad, text.into(), &tag),
            Self::Aes256(key) => key.decrypt_inout_detached(&nonce, aad, text.into(), &tag),
        }
        .map_err(|_| Error::DecryptError)?;
        Ok(len)
    }
}

impl Tls13AeadAlgorithm for AesGcm {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Tls13Cipher { key: self.expand_key(&key), iv })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(Tls13Cipher { key: self.expand_key(&key), iv })
    }

    fn key_len(&self) -> usize {
        (*self).key_len()
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Ok(self.secrets(key, iv))
    }
}

/// Both directions of TLS 1.3. The nonce of a record is `iv` XOR its sequence number.
struct Tls13Cipher {
    key: AesKey,
    iv: Iv,
}

impl MessageEncrypter for Tls13Cipher {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        sequence: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let total_len = self.encrypted_payload_len(message.payload.len());
        let mut payload = PrefixedPayload::with_capacity(total_len);
        payload.extend_from_chunks(&message.payload);
        // TLS 1.3 hides the type of the content: it is the last byte of the text.
        payload.extend_from_slice(&message.typ.to_array());
        let nonce = Nonce::new(&self.iv, sequence).0;
        // The header is authenticated with the length that it will have on the wire.
        let tag = self.key.seal(nonce, &make_tls13_aad(total_len), payload.as_mut())?;
        payload.extend_from_slice(&tag);
        // The record on the wire claims to be application data of TLS 1.2.
        Ok(OutboundOpaqueMessage::new(ContentType::ApplicationData, ProtocolVersion::TLSv1_2, payload))
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        payload_len + 1 + TAG_LEN
    }
}

impl MessageDecrypter for Tls13Cipher {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        sequence: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let aad = make_tls13_aad(message.payload.len());
        let nonce = Nonce::new(&self.iv, sequence).0;
        let text_len = self.key.open(nonce, &aad, &mut message.payload)?;
        message.payload.truncate(text_len);
        // Removes the zeros and the type behind the text; an overlong text is refused there.
        message.into_tls13_unpadded_message()
    }
}

impl Tls12AeadAlgorithm for AesGcm {
    fn encrypter(&self, key: AeadKey, iv: &[u8], explicit: &[u8]) -> Box<dyn MessageEncrypter> {
        Box::new(Tls12Encrypter { key: self.expand_key(&key), iv: join_nonce(iv, explicit) })
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        let fixed = iv.try_into().expect("rustls derives what key_block_shape() says");
        Box::new(Tls12Decrypter { key: self.expand_key(&key), fixed })
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        KeyBlockShape {
            enc_key_len: (*self).key_len(),
            fixed_iv_len: FIXED_NONCE_LEN,
            // From the keys too: no random number is drawn for a record.
            explicit_nonce_len: EXPLICIT_NONCE_LEN,
        }
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: &[u8],
        explicit: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Ok(self.secrets(key, join_nonce(iv, explicit)))
    }
}

/// The nonce of the first record. Later ones XOR the sequence number into it, which never repeats.
fn join_nonce(fixed: &[u8], explicit: &[u8]) -> Iv {
    let mut nonce = [0; NONCE_LEN];
    nonce[..FIXED_NONCE_LEN].copy_from_slice(fixed);
    nonce[FIXED_NONCE_LEN..].copy_from_slice(explicit);
    Iv::from(nonce)
}

/// Sends the explicit part of each nonce in front of the record.
struct Tls12Encrypter {
    key: AesKey,
    iv: Iv,
}

impl MessageEncrypter for Tls12Encrypter {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        sequence: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let nonce = Nonce::new(&self.iv, sequence).0;
        // The length is that of the text, not of the record as in TLS 1.3.
        let aad = make_tls12_aad(sequence, message.typ, message.version, message.payload.len());
        let mut payload = PrefixedPayload::with_capacity(self.encrypted_payload_len(message.payload.len()));
        // The explicit part counts up from a secret start, like the nonce of TLS 1.3: it is unique without randomness.
        payload.extend_from_slice(&nonce[FIXED_NONCE_LEN..]);
        payload.extend_from_chunks(&message.payload);
        let tag = self.key.seal(nonce, &aad, &mut payload.as_mut()[EXPLICIT_NONCE_LEN..])?;
        payload.extend_from_slice(&tag);
        Ok(OutboundOpaqueMessage::new(message.typ, message.version, payload))
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        EXPLICIT_NONCE_LEN + payload_len + TAG_LEN
    }
}

/// Reads the explicit part of each nonce from the record: the peer may choose it as it likes. Replayed and reordered records
/// fail all the same, since the authenticated header has the sequence number.
struct Tls12Decrypter {
    key: AesKey,
    fixed: [u8; FIXED_NONCE_LEN],
}

impl MessageDecrypter for Tls12Decrypter {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        sequence: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let (kind, version) = (message.typ, message.version);
        let (explicit, sealed) =
            message.payload.split_first_chunk_mut::<EXPLICIT_NONCE_LEN>().ok_or(Error::DecryptError)?;
        let text_len = sealed.len().checked_sub(TAG_LEN).ok_or(Error::DecryptError)?;
        let mut nonce = [0; NONCE_LEN];
        nonce[..FIXED_NONCE_LEN].copy_from_slice(&self.fixed);
        nonce[FIXED_NONCE_LEN..].copy_from_slice(explicit);
        self.key.open(nonce, &make_tls12_aad(sequence, kind, version, text_len), sealed)?;
        // rustls leaves this check to the provider in TLS 1.2.
        if text_len > MAX_PLAINTEXT_LEN {
            return Err(Error::PeerSentOversizedRecord);
        }
        Ok(message.into_plain_message_range(EXPLICIT_NONCE_LEN..EXPLICIT_NONCE_LEN + text_len))
    }
}
