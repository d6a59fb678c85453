//! Encodes a map's items once, into one buffer with the end of each item, so that each range of items can be sent as a chunk
//! without encoding it again; and decodes them.

use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;

use lzap_tasks::json;
use lzap_wire::encoding::Codec;

/// A codec's error for people. It quotes no value.
pub type CodecError = String;

/// The encoded items of a map. Retries and hedged attempts send slices of the same buffer.
#[derive(Debug)]
pub struct EncodedItems {
    /// Results have the same codec, unless the map reduces.
    pub codec: Codec,
    bytes: Vec<u8>,
    /// The end of each item in `bytes`.
    ends: Vec<usize>,
}

impl EncodedItems {
    /// No items yet.
    pub fn new(codec: Codec) -> Self {
        Self { codec, bytes: Vec::new(), ends: Vec::new() }
    }

    /// After an error the buffer is not usable, so the map must end.
    ///
    /// # Errors
    /// When serde can't write the item.
    pub fn push_item<T: Serialize>(&mut self, item: &T) -> Result<(), CodecError> {
        write_value(self.codec, &mut self.bytes, item)?;
        self.ends.push(self.bytes.len());
        Ok(())
    }

    /// True if there are no items.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The size of a range of items in bytes, before compression.
    pub fn bytes_of(&self, items: &Range<usize>) -> usize {
        self.end_before(items.end).saturating_sub(self.end_before(items.start))
    }

    /// The bytes of a range of items, which [`read_items`] reads.
    pub fn slice(&self, items: &Range<usize>) -> &[u8] {
        self.bytes.get(self.end_before(items.start)..self.end_before(items.end)).unwrap_or_default()
    }

    /// The end of the item before `index`.
    fn end_before(&self, index: usize) -> usize {
        index.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0)
    }
}

/// Appends one encoded value to `out`.
///
/// # Errors
/// When serde can't write the value.
pub fn write_value<T: Serialize>(codec: Codec, out: &mut Vec<u8>, value: &T) -> Result<(), CodecError> {
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
pub fn read_items<T: DeserializeOwned>(
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
