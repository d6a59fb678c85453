//! Encodes the items of a map, and decodes them. All of it is pure.
//!
//! `items` encodes values as JSON or postcard, and `payload` adds compression and base64.

mod items;
mod payload;

pub use items::{CodecError, EncodedItems, read_items, write_value};
pub use payload::{encoding_for, from_value, pack, to_value, unpack};
