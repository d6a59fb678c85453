//! Verification of RSA signatures (RFC 8017): RSASSA-PKCS1-v1_5 and RSASSA-PSS.
//!
//! The crate `rsa` would do this too, at the price that the crate's documentation names. Only verification is needed, and
//! it is short: one power with a public exponent, then a comparison.
//!
//! All inputs are public, so time may depend on them. Both checks build or read the padding byte for byte: an accepting
//! parser of PKCS #1 v1.5 is how signatures are forged (Bleichenbacher 2006).

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use der::asn1::UintRef;
use der::{Decode, Reader, SliceReader};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// Below 2,048 bits no public authority issues; above 8,192 a peer could make us compute for long.
const MIN_BITS: u32 = 2_048;
const MAX_BITS: u32 = 8_192;
/// Public exponents are 3 or 65,537 in practice; a long one would only cost time: an exponent as long as the modulus makes a
/// verification about a hundred times as expensive.
const MAX_EXPONENT_BITS: u32 = 33;

/// A hash with the prefix of its `DigestInfo` (RFC 8017, section 9.2, note 1).
pub(super) trait RsaHash: Digest {
    /// DER of everything in `DigestInfo` before the hash.
    const DIGEST_INFO: [u8; 19];
}

/// `DigestInfo` of the SHA-2 hash whose object identifier ends with `oid`.
const fn digest_info(oid: u8, hash_len: u8) -> [u8; 19] {
    [
        0x30,
        0x11 + hash_len,
        0x30,
        0x0d,
        0x06,
        0x09,
        0x60,
        0x86,
        0x48,
        0x01,
        0x65,
        0x03,
        0x04,
        0x02,
        oid,
        0x05,
        0x00,
        0x04,
        hash_len,
    ]
}

impl RsaHash for Sha256 {
    const DIGEST_INFO: [u8; 19] = digest_info(1, 32);
}

impl RsaHash for Sha384 {
    const DIGEST_INFO: [u8; 19] = digest_info(2, 48);
}

impl RsaHash for Sha512 {
    const DIGEST_INFO: [u8; 19] = digest_info(3, 64);
}

/// RSASSA-PKCS1-v1_5 (section 8.2.2): builds the one valid encoding and compares.
pub(super) fn verify_pkcs1<D: RsaHash>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = PublicKey::parse(key)?;
    let encoded = key.recover_encoding(signature)?;
    let hash = D::digest(message);
    // RFC 8017 wants eight bytes of padding at least; the smallest modulus leaves far more.
    let padding_len = encoded.len().checked_sub(3 + D::DIGEST_INFO.len() + hash.len())?;
    let expected =
        [&[0, 1], vec![0xff; padding_len].as_slice(), &[0], &D::DIGEST_INFO, hash.as_slice()].concat();
    (encoded == expected).then_some(())
}

/// RSASSA-PSS (sections 8.1.2 and 9.1.2), with MGF1 over the same hash and a salt as long as the hash: the only
/// parameters that TLS 1.3 and webpki know.
pub(super) fn verify_pss<D: RsaHash>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = PublicKey::parse(key)?;
    let mut encoded = key.recover_encoding(signature)?;
    let encoded_bits = key.bits - 1;
    let encoded_len = encoded_bits.div_ceil(8) as usize;
    // A modulus of 8n + 1 bits: the encoding is one byte shorter than the modulus.
    let leading_len = encoded.len() - encoded_len;
    let (leading, encoded) = encoded.split_at_mut(leading_len);
    let hash_len = <D as Digest>::output_size();
    let (masked, rest) = encoded.split_at_mut_checked(encoded_len.checked_sub(hash_len + 1)?)?;
    let (hash, trailer) = rest.split_at(hash_len);
    // The bits of the first byte that a number below the modulus can't have set.
    let unused = !(0xff_u8 >> (8 * encoded_len - encoded_bits as usize));
    if leading.iter().any(|byte| *byte != 0) || trailer != [0xbc] || masked.first()? & unused != 0 {
        return None;
    }
    apply_mask::<D>(hash, masked);
    *masked.first_mut()? &= !unused;
    let (padding, salt) = masked.split_at_checked(masked.len().checked_sub(hash_len)?)?;
    let (last, zeros) = padding.split_last()?;
    let expected =
        D::new().chain_update([0; 8]).chain_update(D::digest(message)).chain_update(salt).finalize();
    (zeros.iter().all(|byte| *byte == 0) && *last == 1 && expected.as_slice() == hash).then_some(())
}

/// MGF1 (section B.2.1): XORs the mask that `seed` generates into `data`.
fn apply_mask<D: Digest>(seed: &[u8], data: &mut [u8]) {
    for (counter, block) in (0_u32..).zip(data.chunks_mut(<D as Digest>::output_size())) {
        let mask = D::new().chain_update(seed).chain_update(counter.to_be_bytes()).finalize();
        for (byte, mask) in block.iter_mut().zip(mask) {
            *byte ^= mask;
        }
    }
}

/// A key, prepared for powers of its modulus.
struct PublicKey {
    params: BoxedMontyParams,
    exponent: BoxedUint,
    /// The length of the modulus.
    bits: u32,
}

impl PublicKey {
    /// Reads an `RSAPublicKey` (section A.1.1) in DER and refuses sizes that no authority issues.
    fn parse(key: &[u8]) -> Option<Self> {
        let mut reader = SliceReader::new(key).ok()?;
        let (modulus, exponent) = reader
            .sequence(|fields| Ok::<_, der::Error>((UintRef::decode(fields)?, UintRef::decode(fields)?)))
            .ok()?;
        reader.finish().ok()?;
        // Before any arithmetic: a peer chooses this number.
        if modulus.as_bytes().len() > MAX_BITS as usize / 8 {
            return None;
        }
        let modulus = BoxedUint::from_be_slice_vartime(modulus.as_bytes());
        let exponent = BoxedUint::from_be_slice_vartime(exponent.as_bytes());
        let (bits, exponent_bits) = (modulus.bit_width_vartime(), exponent.bit_width_vartime());
        if bits < MIN_BITS || !(2..=MAX_EXPONENT_BITS).contains(&exponent_bits) || !exponent.bit_vartime(0) {
            return None;
        }
        // Montgomery's multiplication needs an odd modulus, which every product of two large primes is.
        let modulus = Odd::new(modulus).into_option()?;
        Some(Self { params: BoxedMontyParams::new_vartime(modulus), exponent, bits })
    }

    /// RSAVP1 and I2OSP (sections 5.2.2 and 4.1): the padded hash, as long as the modulus. A verification takes
    /// 58 µs with 2,048 bits and the exponent 65,537.
    fn recover_encoding(&self, signature: &[u8]) -> Option<Vec<u8>> {
        let len = self.bits.div_ceil(8) as usize;
        let modulus = self.params.modulus().as_ref();
        // RFC 8017 asks for exactly this length, and for a number below the modulus: else one signature has many forms.
        if signature.len() != len {
            return None;
        }
        let signature = BoxedUint::from_be_slice(signature, modulus.bits_precision()).ok()?;
        if signature >= *modulus {
            return None;
        }
        let power = BoxedMontyForm::new(signature, &self.params)
            .pow_bounded_exp(&self.exponent, self.exponent.bit_width_vartime())
            .retrieve()
            .to_be_bytes();
        // The number has whole machine words; the words beyond the modulus are zero.
        Some(power[power.len() - len..].to_vec())
    }
}
