//! JSON maps of text as lists, in the order in which the event has them.
//!
//! `HashMap` has no order, and `serde_json::Map` keeps it only where some crate of the user's build turns on
//! `preserve_order`.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

/// Text that is borrowed from the event where it has no escapes. `null` is the empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EventText<'a>(pub(super) Cow<'a, str>);

/// The values of one name: one, several, or `null` (the empty text).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TextValues<'a> {
    One(EventText<'a>),
    Many(Vec<EventText<'a>>),
}

/// The entries of a map, duplicates included. `null`, which fronts send for "none", is the empty map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OrderedMap<'a, V>(pub(super) Vec<(EventText<'a>, V)>);

impl<V> Default for OrderedMap<'_, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'a> TextValues<'a> {
    /// The values in the order of the event, which is that of the client's headers or query.
    pub(super) fn as_slice(&self) -> &[EventText<'a>] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for EventText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = EventText<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(EventText(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(EventText(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(EventText::default())
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for TextValues<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValuesVisitor;
        impl<'de> Visitor<'de> for ValuesVisitor {
            type Value = TextValues<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or a list of texts")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(TextValues::One(EventText(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TextValues::One(EventText(Cow::Owned(text.to_owned()))))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(TextValues::One(EventText::default()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(TextValues::Many(values))
            }
        }
        deserializer.deserialize_any(ValuesVisitor)
    }
}

impl<'de: 'a, 'a, V: Deserialize<'de>> Deserialize<'de> for OrderedMap<'a, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MapVisitor<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for MapVisitor<V> {
            type Value = OrderedMap<'de, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of texts")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(OrderedMap::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(16));
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(OrderedMap(entries))
            }
        }
        deserializer.deserialize_any(MapVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deserialize_of_a_map_keeps_the_order_of_the_text() {
        let map: OrderedMap<'_, TextValues<'_>> =
            serde_json::from_str(r#"{"z":"1","a":["2","\n"],"m":null,"a":"3"}"#).expect("a map");
        let entries: Vec<(&str, Vec<&str>)> = map
            .0
            .iter()
            .map(|(name, values)| (&*name.0, values.as_slice().iter().map(|value| &*value.0).collect()))
            .collect();
        assert_eq!(entries, [("z", vec!["1"]), ("a", vec!["2", "\n"]), ("m", vec![""]), ("a", vec!["3"])]);
        let empty: OrderedMap<'_, EventText<'_>> = serde_json::from_str("null").expect("no map");
        assert_eq!(empty, OrderedMap::default());
        assert!(serde_json::from_str::<OrderedMap<'_, EventText<'_>>>(r#"{"a":1}"#).is_err());
    }
}
