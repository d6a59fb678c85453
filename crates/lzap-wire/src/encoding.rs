//! The encodings of payloads, and their names in the envelope.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// The encoding of items and results, before compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// [postcard](https://docs.rs/postcard), which is small and fast. It is compressed with deflate (its fastest level) when a
    /// sample shrinks. The format is not self-describing, so types with `#[serde(flatten)]`, `#[serde(untagged)]` or
    /// `serde_json::Value` need [`Json`].
    ///
    /// [`Json`]: Self::Json
    Postcard,
    /// JSON without compression, for people who read payloads.
    Json,
}

/// A codec and a compression. The envelope has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// Both sides must use the same one: postcard has no marker by which a reader could recognize it.
    pub codec: Codec,
    /// True if the encoded values are compressed with deflate, which senders do only where it pays.
    pub deflate: bool,
}

impl Default for Encoding {
    fn default() -> Self {
        Self { codec: Codec::Json, deflate: false }
    }
}

impl Encoding {
    /// The names in the envelope. They are part of the wire format, so they never change.
    pub const NAMES: &[(&'static str, Self)] = &[
        ("json", Self { codec: Codec::Json, deflate: false }),
        ("json+deflate", Self { codec: Codec::Json, deflate: true }),
        ("postcard", Self { codec: Codec::Postcard, deflate: false }),
        ("postcard+deflate", Self { codec: Codec::Postcard, deflate: true }),
    ];

    /// True for JSON without compression, which is the default and left out of the envelope.
    pub fn is_plain_json(self) -> bool {
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
