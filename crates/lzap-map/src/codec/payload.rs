//! Payloads: encoded items, compressed where that pays, as bytes for S3 or as a JSON value for an event.

use std::borrow::Cow;
use std::iter;

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_slice_iter_to_slice;

use super::items::CodecError;
use crate::environment::memory_mb;
use lzap_tasks::json;
use lzap_wire::encoding::{Codec, Encoding};

/// Bytes are compressed when a sample of them shrinks to less than this share.
const WORTH_IT: f64 = 0.8;
/// The sample's size in bytes: enough to see repetition between items, at a sixth of a millisecond when there is none.
const SAMPLE: usize = 16 * 1024;
/// Fewer bytes than this are not compressed: it would save no packet.
const SMALL: usize = 1024;
/// Deflate's fastest level: the next one takes twice the time to save another tenth of the bytes.
const LEVEL: u8 = 1;
/// The most bytes that one byte of deflate can become: a match has at most 258 bytes, and two take at least two bits.
const MOST_FROM_ONE: usize = 1032;

/// The encoding for these bytes: compressed where a sample from their middle shrinks. JSON stays readable and is never
/// compressed.
pub fn encoding_for(codec: Codec, bytes: &[u8]) -> Encoding {
    Encoding { codec, deflate: codec != Codec::Json && is_compressible(bytes) }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of sizes below 16 KiB")]
fn is_compressible(bytes: &[u8]) -> bool {
    if bytes.len() < SMALL {
        return false;
    }
    let from = (bytes.len().saturating_sub(SAMPLE)) / 2;
    let sample = bytes.get(from..(from + SAMPLE).min(bytes.len())).unwrap_or(bytes);
    (compress_to_vec(sample, LEVEL).len() as f64) < WORTH_IT * sample.len() as f64
}

/// The JSON value for bytes that [`pack`] returned: an array for plain JSON lines, else a base64 string.
pub fn to_value(encoding: Encoding, bytes: &[u8]) -> String {
    if encoding.is_plain_json() {
        let lines: Vec<_> = bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(String::from_utf8_lossy)
            .collect();
        return format!("[{}]", lines.join(","));
    }
    let mut value = String::with_capacity(base64_simd::STANDARD.encoded_length(bytes.len()) + 2);
    value.push('"');
    base64_simd::STANDARD.encode_append(bytes, &mut value);
    value.push('"');
    value
}

/// The largest unpacked payload in bytes, whatever the function's memory.
const UNPACKED: usize = 512 * 1024 * 1024;

/// The largest unpacked payload in a function of this memory: half of it, since the packed bytes and the items that are
/// read from the unpacked ones are in memory as well. A payload that announces more is an error, not an exhausted process.
fn unpacked_limit(memory_mb: Option<u32>) -> usize {
    memory_mb.map_or(UNPACKED, |mb| (mb as usize * 1024 * 1024 / 2).min(UNPACKED))
}

/// Decodes and unpacks the bytes in a JSON value that [`to_value`] made.
///
/// # Errors
/// When the value is not JSON lines or base64 as `encoding` says, or [`unpack`] fails.
pub fn from_value(encoding: Encoding, value: &str) -> Result<Vec<u8>, CodecError> {
    if encoding.is_plain_json() {
        let items: Vec<&serde_json::value::RawValue> =
            serde_json::from_str(value).map_err(|error| json::describe_error(&error))?;
        let mut bytes = Vec::with_capacity(value.len() + items.len());
        for item in items {
            // A line break between tokens is white space, and inside a string it can't stand.
            bytes.extend(item.get().bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')));
            bytes.push(b'\n');
        }
        return Ok(bytes);
    }
    let text = value.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let text = text.ok_or("the data is not a base64 string")?;
    let bytes = base64_simd::STANDARD.decode_to_vec(text).map_err(|_| "the data is not base64".to_owned())?;
    unpack(encoding, bytes)
}

/// Compresses the bytes if `encoding` says so. S3 objects hold the result as it is, events as base64.
pub fn pack(encoding: Encoding, bytes: &[u8]) -> Cow<'_, [u8]> {
    if !encoding.deflate {
        return bytes.into();
    }
    let mut packed = compress_to_vec(bytes, LEVEL);
    // The size stands at the end, where appending it moves nothing. `unpack` refuses sizes that don't fit.
    packed.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    packed.into()
}

/// Decompresses bytes that [`pack`] returned.
///
/// # Errors
/// When they are not deflate, or announce another size than they have or more than the function's memory allows.
pub fn unpack(encoding: Encoding, bytes: Vec<u8>) -> Result<Vec<u8>, CodecError> {
    if !encoding.deflate {
        return Ok(bytes);
    }
    let (packed, size) = bytes.split_last_chunk().ok_or("the data is too short for deflate")?;
    let size = u32::from_le_bytes(*size) as usize;
    let most = unpacked_limit(memory_mb()).min(packed.len().saturating_mul(MOST_FROM_ONE));
    if size > most {
        return Err(format!("the data would unpack to {size} bytes, and {most} are allowed"));
    }
    let mut unpacked = vec![0; size];
    match decompress_slice_iter_to_slice(&mut unpacked, iter::once(packed), false, true) {
        Ok(written) if written == size => Ok(unpacked),
        Ok(written) => Err(format!("the data unpacks to {written} bytes, and {size} were announced")),
        Err(status) => Err(format!("the data is not deflate: {status:?}")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::items::{EncodedItems, read_items};

    fn encodings() -> impl Strategy<Value = Encoding> {
        prop_oneof![Just(0), Just(1), Just(2), Just(3)].prop_map(|n: usize| Encoding::NAMES[n].1)
    }

    const DEFLATED: Encoding = Encoding { codec: Codec::Postcard, deflate: true };

    proptest! {
        #[test]
        fn packed_items_unpack_to_the_same_items(
            encoding in encodings(),
            items in prop::collection::vec((any::<u32>(), ".*", prop::collection::vec(-1e9..1e9_f64, 0..20)), 0..20),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut encoded = EncodedItems::new(encoding.codec);
            for item in &items {
                encoded.push_item(item).expect("writable");
            }
            let from = cut.index(items.len() + 1);
            let range = from..items.len();
            let packed = pack(encoding, encoded.slice(&range));
            let value = to_value(encoding, &packed);
            let bytes = from_value(encoding, &value).expect("readable");
            let read: Vec<(u32, String, Vec<f64>)> =
                read_items(encoding.codec, &bytes, range.len()).expect("items");
            prop_assert_eq!(&read, &items[from..]);
            let unpacked = unpack(encoding, packed.into_owned()).expect("packed");
            prop_assert_eq!(unpacked.as_slice(), encoded.slice(&range));
        }

        #[test]
        fn reading_random_bytes_never_panics(
            encoding in encodings(),
            noise in prop::collection::vec(any::<u8>(), 0..200),
            count in 0..1_000_000_usize,
        ) {
            let _ = read_items::<(u32, String)>(encoding.codec, &noise, count);
            let _ = unpack(encoding, noise.clone());
            let _ = from_value(encoding, &String::from_utf8_lossy(&noise));
        }

        /// Most random sizes are refused at once, so this one draws sizes that deflate could reach.
        #[test]
        fn unpacking_random_bytes_with_a_plausible_size_never_panics(
            noise in prop::collection::vec(any::<u8>(), 1..400),
            size in 0..2000_u32,
        ) {
            let packed = [noise.as_slice(), &size.to_le_bytes()].concat();
            if let Ok(bytes) = unpack(DEFLATED, packed) {
                prop_assert_eq!(bytes.len(), size as usize);
            }
        }

        #[test]
        fn unpacking_a_damaged_payload_never_panics(
            words in prop::collection::vec(0..50_u64, 1..500),
            at in any::<prop::sample::Index>(),
            bits in 1..=u8::MAX,
        ) {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let mut packed = pack(DEFLATED, &bytes).into_owned();
            let at = at.index(packed.len());
            packed[at] ^= bits;
            let cut = packed[..at].to_vec();
            if let Ok(other) = unpack(DEFLATED, packed) {
                prop_assert_eq!(other.len(), bytes.len());
            }
            prop_assert!(unpack(DEFLATED, cut).is_err());
        }
    }

    #[test]
    fn only_bytes_that_shrink_are_compressed() {
        assert!(!encoding_for(Codec::Json, &[7; 4096]).deflate, "for people who read payloads");
        assert!(encoding_for(Codec::Postcard, &[7; 4096]).deflate);
        assert!(is_compressible(&[7; 4096]));
        assert!(!is_compressible(&[7; 100]));
        let mut state = 1_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        let noise: Vec<u8> = (0..4096).map(|_| next()).collect();
        assert!(!is_compressible(&noise));
    }

    #[test]
    fn unpack_refuses_an_impossible_size_before_it_allocates() {
        let bomb = [&[0_u8; 100][..], &u32::MAX.to_le_bytes()].concat();
        let why = unpack(DEFLATED, bomb).expect_err("a hundred bytes are not four gigabytes");
        assert_eq!(why, "the data would unpack to 4294967295 bytes, and 103200 are allowed");
        let mut liar = pack(DEFLATED, &[7; 100]).into_owned();
        let at = liar.len() - 4;
        for size in [99_u32, 101] {
            liar[at..].copy_from_slice(&size.to_le_bytes());
            unpack(DEFLATED, liar.clone()).expect_err("it unpacks to 100 bytes");
        }
        // The most that deflate can do is within what is allowed.
        let zeros = vec![0; 2_000_000];
        let packed = pack(DEFLATED, &zeros);
        assert!(packed.len() * 200 < zeros.len(), "{} bytes", packed.len());
        assert_eq!(unpack(DEFLATED, packed.into_owned()), Ok(zeros));
    }

    /// Upper bounds in bytes; the times are in `docs/benchmarks/map.md`.
    #[test]
    fn sensor_readings_are_compressed_and_random_numbers_are_not() {
        let mut state = 1_u64;
        let mut fraction = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from(u32::try_from(state >> 32).expect("32 bits")) / f64::from(u32::MAX)
        };
        let random: Vec<f64> = (0..100_000).map(|_| fraction()).collect();
        let mut level = 20.0;
        let mut sensor = || {
            level += (fraction() - 0.5) * 0.1;
            (level * 100.0_f64).round() / 100.0
        };
        let smooth: Vec<f64> = (0..100_000).map(|_| sensor()).collect();
        let travels = |numbers: &[f64]| {
            let mut encoded = EncodedItems::new(Codec::Postcard);
            for series in numbers.chunks(100) {
                encoded.push_item(&series).expect("writable");
            }
            let bytes = encoded.slice(&(0..encoded.len()));
            let encoding = encoding_for(Codec::Postcard, bytes);
            (encoding.deflate, to_value(encoding, &pack(encoding, bytes)).len())
        };
        let ((packed, size), (packed_smooth, size_smooth)) = (travels(&random), travels(&smooth));
        assert!(!packed && size <= 1_080_000, "{size} bytes");
        assert!(packed_smooth && size_smooth <= 280_000, "{size_smooth} bytes");
    }

    #[test]
    fn unpacked_limit_is_half_of_the_memory_up_to_512_mb() {
        let mb = 1024 * 1024;
        assert_eq!(unpacked_limit(Some(128)), 64 * mb);
        assert_eq!(unpacked_limit(Some(10_240)), 512 * mb);
        assert_eq!(unpacked_limit(None), 512 * mb);
    }
}
