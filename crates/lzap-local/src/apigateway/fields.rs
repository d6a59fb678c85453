//! The JSON objects of resources, and their ids.

use serde_json::{Map, Value};

/// A JSON object.
pub(crate) type Fields = Map<String, Value>;

/// Returns a field that is text; empty when it is missing.
pub(super) fn read_text<'a>(fields: &'a Fields, key: &str) -> &'a str {
    fields.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the fields of a JSON object; none for any other value.
pub(super) fn into_fields(value: Value) -> Fields {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Removes a field, and returns it when it is text.
pub(super) fn take_text(body: &mut Fields, key: &str) -> Option<String> {
    body.remove(key)?.as_str().map(str::to_owned)
}

/// Makes an id as API Gateway does: lower-case letters and digits.
pub(super) fn new_id(length: usize) -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = uuid::Uuid::new_v4().as_u128() ^ uuid::Uuid::new_v4().as_u128().rotate_left(64);
    (0..length)
        .map(|_| {
            let digit = usize::try_from(random % 36).unwrap_or_default();
            random /= 36;
            char::from(ALPHABET[digit])
        })
        .collect()
}
