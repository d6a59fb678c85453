//! How items become bytes, and bytes a payload: JSON or postcard, deflate where it pays, base64 in JSON.
//!
//! Pure. Items are written once, into one buffer with their ends beside it, so that any range of them is a chunk
//! without writing anything again.

#[cfg(feature = "map")]
use std::borrow::Cow;
use std::fmt;
#[cfg(feature = "map")]
use std::iter;
#[cfg(feature = "map")]
use std::ops::Range;

#[cfg(feature = "map")]
use miniz_oxide::deflate::compress_to_vec;
#[cfg(feature = "map")]
use miniz_oxide::inflate::decompress_slice_iter_to_slice;
#[cfg(feature = "map")]
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// How items are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// [postcard](https://docs.rs/postcard), compressed with deflate (its fastest level) where a sample shrinks: small and
    /// fast. It doesn't describe itself: types with `#[serde(flatten)]`, `#[serde(untagged)]` or `serde_json::Value` need
    /// [`Json`].
    ///
    /// [`Json`]: Self::Json
    #[cfg(feature = "map")]
    Postcard,
    /// JSON as it is, for people who read payloads.
    Json,
}

/// An encoding's name in the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) codec: Codec,
    pub(crate) deflate: bool,
}

impl Default for Encoding {
    fn default() -> Self {
        Self { codec: Codec::Json, deflate: false }
    }
}

impl Encoding {
    const NAMES: &[(&'static str, Self)] = &[
        ("json", Self { codec: Codec::Json, deflate: false }),
        ("json+deflate", Self { codec: Codec::Json, deflate: true }),
        #[cfg(feature = "map")]
        ("postcard", Self { codec: Codec::Postcard, deflate: false }),
        #[cfg(feature = "map")]
        ("postcard+deflate", Self { codec: Codec::Postcard, deflate: true }),
    ];

    pub(crate) fn is_plain_json(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Self::NAMES.iter().find(|(_, encoding)| encoding == self);
        f.write_str(known.map_or("json", |(name, _)| name))
    }
}

impl Serialize for Encoding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Encoding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known = Self::NAMES.iter().find(|(name, _)| *name == text);
        known
            .map(|(_, encoding)| *encoding)
            .ok_or_else(|| D::Error::custom(format!("unknown encoding `{text}`")))
    }
}

/// JSON values of tasks, whose errors never quote what they read.
pub(crate) mod json {
    use serde::de::DeserializeOwned;
    use serde_json::error::Category;
    use serde_json::value::RawValue;

    /// Reads a value; the error names the place and what was expected there, not what stood there.
    pub(crate) fn read<T: DeserializeOwned>(value: &RawValue) -> Result<T, String> {
        serde_json::from_str(value.get()).map_err(|error| match error.to_string() {
            // The value is JSON: a list goes on where the type ends.
            why if why.starts_with("trailing characters") => at(&error, "has more elements than expected"),
            why if why.starts_with("number out of range") => at(&error, "has a number that is out of range"),
            _ => place(&error),
        })
    }

    fn at(error: &serde_json::Error, what: &str) -> String {
        format!("{what} (line {}, column {})", error.line(), error.column())
    }

    pub(crate) fn place(error: &serde_json::Error) -> String {
        match error.classify() {
            Category::Data => at(error, &expected(&error.to_string())),
            _ => at(error, "is not JSON"),
        }
    }

    /// Serde's messages name a value and what was expected, or a missing field; the part that quotes a value goes.
    fn expected(message: &str) -> String {
        if let Some((_, expected)) = message.rsplit_once(", expected ") {
            let expected = expected.rsplit_once(" at line ").map_or(expected, |(before, _)| before);
            return format!("has another type than expected, which is {expected}");
        }
        match message.strip_prefix("missing field ") {
            Some(field) => {
                format!(
                    "lacks the field {}",
                    field.rsplit_once(" at line ").map_or(field, |(before, _)| before)
                )
            }
            None => "doesn't fit the type".to_owned(),
        }
    }
}

/// A codec's error, for people; no value is quoted.
#[cfg(feature = "map")]
pub(crate) type Unreadable = String;

/// Items, each written once.
#[cfg(feature = "map")]
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) codec: Codec,
    bytes: Vec<u8>,
    /// Where each item ends.
    ends: Vec<usize>,
}

#[cfg(feature = "map")]
impl Encoded {
    pub(crate) fn new(codec: Codec) -> Self {
        Self { codec, bytes: Vec::new(), ends: Vec::new() }
    }

    pub(crate) fn push<T: Serialize>(&mut self, item: &T) -> Result<(), Unreadable> {
        codec_write(self.codec, &mut self.bytes, item)?;
        self.ends.push(self.bytes.len());
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn bytes_of(&self, items: &Range<usize>) -> usize {
        self.end(items.end).saturating_sub(self.end(items.start))
    }

    /// The bytes of some items: what [`read_items`] reads.
    pub(crate) fn slice(&self, items: &Range<usize>) -> &[u8] {
        self.bytes.get(self.end(items.start)..self.end(items.end)).unwrap_or_default()
    }

    /// Where the item before `index` ends.
    fn end(&self, index: usize) -> usize {
        index.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0)
    }
}

/// Appends one value.
#[cfg(feature = "map")]
pub(crate) fn codec_write<T: Serialize>(
    codec: Codec,
    out: &mut Vec<u8>,
    value: &T,
) -> Result<(), Unreadable> {
    match codec {
        Codec::Postcard => {
            let taken = std::mem::take(out);
            *out =
                postcard::to_extend(value, taken).map_err(|error| format!("{error}; try `Codec::Json`"))?;
        }
        Codec::Json => {
            serde_json::to_writer(&mut *out, value).map_err(|error| error.to_string())?;
            out.push(b'\n');
        }
    }
    Ok(())
}

/// Reads `count` values that were written one after the other, and nothing but them.
#[cfg(feature = "map")]
pub(crate) fn read_items<T: DeserializeOwned>(
    codec: Codec,
    mut bytes: &[u8],
    count: usize,
) -> Result<Vec<T>, Unreadable> {
    // A count from a payload is no reason to reserve memory: each item takes a byte at least, but for empty types.
    let mut items = Vec::with_capacity(count.min(bytes.len()));
    match codec {
        Codec::Postcard => {
            for index in 0..count {
                let (item, rest) = postcard::take_from_bytes(bytes).map_err(|error| {
                    format!("item {index} can't be read as postcard: {error}; try `Codec::Json`")
                })?;
                items.push(item);
                bytes = rest;
            }
            if !bytes.is_empty() {
                return Err(format!("{} bytes are left over after {count} items", bytes.len()));
            }
        }
        Codec::Json => {
            for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                items.push(serde_json::from_slice(line).map_err(|error| json::place(&error))?);
            }
            if items.len() != count {
                return Err(format!("there are {} items, and {count} were announced", items.len()));
            }
        }
    }
    Ok(items)
}

/// What shrinks to less than this share of itself is compressed.
#[cfg(feature = "map")]
const WORTH_IT: f64 = 0.8;
/// How much of the bytes is tried: enough to see what repeats from item to item, and a sixth of a millisecond when
/// nothing does.
#[cfg(feature = "map")]
const SAMPLE: usize = 16 * 1024;
/// Below this, compression saves no packet.
#[cfg(feature = "map")]
const SMALL: usize = 1024;
/// Deflate's fastest: the next one takes twice the time for a tenth of the bytes.
#[cfg(feature = "map")]
const LEVEL: u8 = 1;
/// What one byte of deflate can become: no match is longer than 258 bytes, and two of them take two bits at least.
#[cfg(feature = "map")]
const MOST_FROM_ONE: usize = 1032;

/// How to send these bytes: compressed where a sample from their middle shrinks, but never JSON, which is for reading.
#[cfg(feature = "map")]
pub(crate) fn encoding_for(codec: Codec, bytes: &[u8]) -> Encoding {
    Encoding { codec, deflate: codec != Codec::Json && compressible(bytes) }
}

#[cfg(feature = "map")]
#[expect(clippy::cast_precision_loss, reason = "a ratio of sizes below 16 KiB")]
fn compressible(bytes: &[u8]) -> bool {
    if bytes.len() < SMALL {
        return false;
    }
    let from = (bytes.len().saturating_sub(SAMPLE)) / 2;
    let sample = bytes.get(from..(from + SAMPLE).min(bytes.len())).unwrap_or(bytes);
    (compress_to_vec(sample, LEVEL).len() as f64) < WORTH_IT * sample.len() as f64
}

/// What [`pack`] gave, as the JSON value that travels: an array for plain JSON lines, else a base64 string.
#[cfg(feature = "map")]
pub(crate) fn to_value(encoding: Encoding, bytes: &[u8]) -> String {
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

/// The most that a payload may unpack to: a worker's memory is not the sender's to fill.
#[cfg(feature = "map")]
const UNPACKED: usize = 512 * 1024 * 1024;

/// The other way: the bytes behind the JSON value.
#[cfg(feature = "map")]
pub(crate) fn from_value(encoding: Encoding, value: &str) -> Result<Vec<u8>, Unreadable> {
    if encoding.is_plain_json() {
        let items: Vec<&serde_json::value::RawValue> =
            serde_json::from_str(value).map_err(|error| json::place(&error))?;
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

/// Compressed, if it is to be: what lies in S3 as it is, and in an event as base64.
#[cfg(feature = "map")]
pub(crate) fn pack(encoding: Encoding, bytes: &[u8]) -> Cow<'_, [u8]> {
    if !encoding.deflate {
        return bytes.into();
    }
    let mut packed = compress_to_vec(bytes, LEVEL);
    // At the end, where it moves nothing. What is longer is no payload: `unpack` would refuse it.
    packed.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    packed.into()
}

/// The other way.
#[cfg(feature = "map")]
pub(crate) fn unpack(encoding: Encoding, bytes: Vec<u8>) -> Result<Vec<u8>, Unreadable> {
    if !encoding.deflate {
        return Ok(bytes);
    }
    let (packed, size) = bytes.split_last_chunk().ok_or("the data is too short for deflate")?;
    let size = u32::from_le_bytes(*size) as usize;
    let most = UNPACKED.min(packed.len().saturating_mul(MOST_FROM_ONE));
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

#[cfg(all(test, feature = "map"))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encodings() -> impl Strategy<Value = Encoding> {
        prop_oneof![Just(0), Just(1), Just(2), Just(3)].prop_map(|n: usize| Encoding::NAMES[n].1)
    }

    const DEFLATED: Encoding = Encoding { codec: Codec::Postcard, deflate: true };

    proptest! {
        #[test]
        fn what_is_written_is_read(
            encoding in encodings(),
            items in prop::collection::vec((any::<u32>(), ".*", prop::collection::vec(-1e9..1e9_f64, 0..20)), 0..20),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut encoded = Encoded::new(encoding.codec);
            for item in &items {
                encoded.push(item).expect("writable");
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
        fn noise_is_an_error_and_never_a_panic(
            encoding in encodings(),
            noise in prop::collection::vec(any::<u8>(), 0..200),
            count in 0..1_000_000_usize,
        ) {
            let _ = read_items::<(u32, String)>(encoding.codec, &noise, count);
            let _ = unpack(encoding, noise.clone());
            let _ = from_value(encoding, &String::from_utf8_lossy(&noise));
        }

        /// Noise alone ends at the announced size; so here it has a size that it might have.
        #[test]
        fn what_is_no_deflate_is_an_error_and_never_a_panic(
            noise in prop::collection::vec(any::<u8>(), 1..400),
            size in 0..2000_u32,
        ) {
            let packed = [noise.as_slice(), &size.to_le_bytes()].concat();
            if let Ok(bytes) = unpack(DEFLATED, packed) {
                prop_assert_eq!(bytes.len(), size as usize);
            }
        }

        #[test]
        fn a_damaged_payload_is_an_error_or_other_bytes_and_never_a_panic(
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
    fn only_what_shrinks_is_compressed() {
        assert!(!encoding_for(Codec::Json, &[7; 4096]).deflate, "for people who read payloads");
        assert!(encoding_for(Codec::Postcard, &[7; 4096]).deflate);
        assert!(compressible(&[7; 4096]));
        assert!(!compressible(&[7; 100]));
        let mut state = 1_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        let noise: Vec<u8> = (0..4096).map(|_| next()).collect();
        assert!(!compressible(&noise));
    }

    #[test]
    fn a_payload_that_announces_more_than_it_can_hold_takes_no_memory() {
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

    /// The bars of the design, in bytes; their times are in `docs/benchmarks/map.md`.
    #[test]
    fn numbers_of_a_sensor_shrink_and_random_ones_travel_as_they_are() {
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
            let mut encoded = Encoded::new(Codec::Postcard);
            for series in numbers.chunks(100) {
                encoded.push(&series).expect("writable");
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
    fn an_error_never_quotes_the_value() {
        let value = serde_json::value::to_raw_value("hush").expect("a string");
        let why = json::read::<u32>(&value).expect_err("a string is no number");
        assert_eq!(why, "has another type than expected, which is u32 (line 1, column 6)");
        let value = serde_json::value::to_raw_value(&[1, 2, 3]).expect("a list");
        let why = json::read::<(u32, u32)>(&value).expect_err("three are not two");
        assert_eq!(why, "has more elements than expected (line 1, column 6)");
    }
}
