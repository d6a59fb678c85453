//! Items and bytes: values are written as JSON or postcard, and read again.
//!
//! Pure. Items are written once, into one buffer with the end of each, so that any range of them is a chunk without being
//! written again. Compression and base64 are in `payload`.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_error_names_the_place_and_never_quotes_the_value() {
        let value = serde_json::value::to_raw_value("hush").expect("a string");
        let why = json::read::<u32>(&value).expect_err("a string is no number");
        assert_eq!(why, "has another type than expected, which is u32 (line 1, column 6)");
        let value = serde_json::value::to_raw_value(&[1, 2, 3]).expect("a list");
        let why = json::read::<(u32, u32)>(&value).expect_err("three are not two");
        assert_eq!(why, "has more elements than expected (line 1, column 6)");
    }
}
