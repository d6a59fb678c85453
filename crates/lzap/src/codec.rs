//! Encodes values as JSON or postcard, and decodes them. All of it is pure.
//!
//! `encoding` names the codecs, `items` encodes the items of a map, `payload` adds compression and base64, and `json` reads the
//! values of single tasks.

mod encoding;
#[cfg(feature = "map")]
mod items;
pub(crate) mod json;
#[cfg(feature = "map")]
mod payload;

pub use encoding::Codec;
pub(crate) use encoding::Encoding;
#[cfg(feature = "map")]
pub(crate) use items::{EncodedItems, read_items, write_value};
#[cfg(feature = "map")]
pub(crate) use payload::{encoding_for, from_value, pack, to_value, unpack};
