//! Encodes values as JSON or postcard, and decodes them.
//!
//! The module is pure. It encodes a map's items once, into one buffer with the end of each item, so that each range of items
//! can be sent as a chunk without encoding it again. `payload` adds compression and base64.

#[cfg(feature = "map")]
mod payload;

use std::fmt;
#[cfg(feature = "map")]
use std::ops::Range;

#[cfg(feature = "map")]
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

#[cfg(feature = "map")]
pub(crate) use payload::{encoding_for, from_value, pack, to_value, unpack};

/// The encoding of items and results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// [postcard](https://docs.rs/postcard), which is small and fast. It is compressed with deflate (its fastest level) when a
    /// sample shrinks. The format is not self-describing, so types with `#[serde(flatten)]`, `#[serde(untagged)]` or
    /// `serde_json::Value` need [`Json`].
    ///
    /// [`Json`]: Self::Json
    #[cfg(feature = "map")]
    Postcard,
    /// JSON without compression, for people who read payloads.
    Json,
}

/// A codec and a compression. The envelope has its name.
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
    /// The names in the envelope. They are part of the wire format, so they never change.
    const NAMES: &[(&'static str, Self)] = &[
        ("json", Self { codec: Codec::Json, deflate: false }),
        ("json+deflate", Self { codec: Codec::Json, deflate: true }),
        #[cfg(feature = "map")]
        ("postcard", Self { codec: Codec::Postcard, deflate: false }),
        #[cfg(feature = "map")]
        ("postcard+deflate", Self { codec: Codec::Postcard, deflate: true }),
    ];

    /// True for JSON without compression, which is the default and left out of the envelope.
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

/// Reads JSON values of tasks. Errors never quote a value, because it may be a secret and errors are logged.
pub(crate) mod json {
    use serde::de::DeserializeOwned;
    use serde_json::error::Category;
    use serde_json::value::RawValue;

    /// Reads a value.
    ///
    /// # Errors
    /// The position and the expected type, without the value.
    pub(crate) fn read_value<T: DeserializeOwned>(value: &RawValue) -> Result<T, String> {
        serde_json::from_str(value.get()).map_err(|error| match error.to_string() {
            // The text is valid JSON, so trailing characters are further elements of a list.
            why if why.starts_with("trailing characters") => {
                with_position(&error, "has more elements than expected")
            }
            why if why.starts_with("number out of range") => {
                with_position(&error, "has a number that is out of range")
            }
            _ => describe_error(&error),
        })
    }

    /// Appends the error's position.
    fn with_position(error: &serde_json::Error, what: &str) -> String {
        format!("{what} (line {}, column {})", error.line(), error.column())
    }

    /// Describes an error as the end of a sentence, without the value.
    pub(crate) fn describe_error(error: &serde_json::Error) -> String {
        match error.classify() {
            Category::Data => with_position(error, &describe_expected(&error.to_string())),
            _ => with_position(error, "is not JSON"),
        }
    }

    /// Keeps the expected type or the missing field of a serde message, and drops the part that quotes a value.
    fn describe_expected(message: &str) -> String {
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

/// A codec's error for people. It quotes no value.
#[cfg(feature = "map")]
pub(crate) type CodecError = String;

/// The encoded items of a map.
#[cfg(feature = "map")]
#[derive(Debug)]
pub(crate) struct EncodedItems {
    pub(crate) codec: Codec,
    bytes: Vec<u8>,
    /// The end of each item in `bytes`.
    ends: Vec<usize>,
}

#[cfg(feature = "map")]
impl EncodedItems {
    pub(crate) fn new(codec: Codec) -> Self {
        Self { codec, bytes: Vec::new(), ends: Vec::new() }
    }

    /// Encodes one more item.
    pub(crate) fn push_item<T: Serialize>(&mut self, item: &T) -> Result<(), CodecError> {
        write_value(self.codec, &mut self.bytes, item)?;
        self.ends.push(self.bytes.len());
        Ok(())
    }

    /// The number of items.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The size of a range of items in bytes.
    pub(crate) fn bytes_of(&self, items: &Range<usize>) -> usize {
        self.end_before(items.end).saturating_sub(self.end_before(items.start))
    }

    /// The bytes of a range of items, which [`read_items`] reads.
    pub(crate) fn slice(&self, items: &Range<usize>) -> &[u8] {
        self.bytes.get(self.end_before(items.start)..self.end_before(items.end)).unwrap_or_default()
    }

    /// The end of the item before `index`.
    fn end_before(&self, index: usize) -> usize {
        index.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0)
    }
}

/// Appends one encoded value to `out`.
#[cfg(feature = "map")]
pub(crate) fn write_value<T: Serialize>(
    codec: Codec,
    out: &mut Vec<u8>,
    value: &T,
) -> Result<(), CodecError> {
    match codec {
        Codec::Postcard => {
            let taken = std::mem::take(out);
            *out =
                postcard::to_extend(value, taken).map_err(|error| format!("{error}; try `Codec::Json`"))?;
        }
        Codec::Json => {
            serde_json::to_writer(&mut *out, value).map_err(|error| error.to_string())?;
            // Line breaks separate items. They never occur within JSON that serde writes, which escapes them in strings.
            out.push(b'\n');
        }
    }
    Ok(())
}

/// Decodes `count` consecutive values.
///
/// # Errors
/// When a value can't be decoded, or the bytes have more or fewer values.
#[cfg(feature = "map")]
pub(crate) fn read_items<T: DeserializeOwned>(
    codec: Codec,
    mut bytes: &[u8],
    count: usize,
) -> Result<Vec<T>, CodecError> {
    // The count comes from a payload and may be wrong. Each item has at least one byte, except for empty types, so the bytes
    // bound the memory that is reserved.
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
            // Left over bytes mean that the types differ, even if the items themselves could be decoded.
            if !bytes.is_empty() {
                return Err(format!("{} bytes are left over after {count} items", bytes.len()));
            }
        }
        Codec::Json => {
            for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                items.push(serde_json::from_slice(line).map_err(|error| json::describe_error(&error))?);
            }
            if items.len() != count {
                return Err(format!("there are {} items, and {count} were announced", items.len()));
            }
        }
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_error_names_the_place_and_never_quotes_the_value() {
        let value = serde_json::value::to_raw_value("hush").expect("a string");
        let why = json::read_value::<u32>(&value).expect_err("a string is no number");
        assert_eq!(why, "has another type than expected, which is u32 (line 1, column 6)");
        let value = serde_json::value::to_raw_value(&[1, 2, 3]).expect("a list");
        let why = json::read_value::<(u32, u32)>(&value).expect_err("three are not two");
        assert_eq!(why, "has more elements than expected (line 1, column 6)");
    }
}
