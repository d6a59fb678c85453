//! The optional kinds of resources that a stage may have: the words of the function's tag `lzap:kinds`.
//!
//! A stage costs no call for kinds that it doesn't use: an observation reads only the kinds in `lzap.toml` or in the
//! tag. To forget no resource, a deploy adds a kind's word to the tag before the kind's first write, and removes it
//! after its last deletion. A function without the tag (of an older lzap) and a stage without a function may have all
//! kinds.

use std::collections::{BTreeMap, BTreeSet};

use crate::step::ResourceKind;

/// The function's tag.
pub const TAG_KINDS: &str = "lzap:kinds";
/// The tag's value for a stage without optional kinds. AWS allows empty values; some emulators drop them.
const NONE: &str = "none";

/// A set of optional kinds, by their words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kinds(BTreeSet<String>);

impl Kinds {
    /// The kinds among `kinds` that are optional.
    pub fn of(kinds: impl IntoIterator<Item = ResourceKind>) -> Self {
        Self(kinds.into_iter().filter_map(|kind| kind.tag.map(str::to_owned)).collect())
    }

    /// The kinds in a function's tags; `None` where it has no such tag, so that it may have any.
    pub fn of_tags(tags: &BTreeMap<String, String>) -> Option<Self> {
        let words = tags.get(TAG_KINDS)?.split(' ');
        Some(Self(words.filter(|word| !word.is_empty() && *word != NONE).map(str::to_owned).collect()))
    }

    /// The tag with its value.
    pub fn tag(&self) -> (String, String) {
        let words: Vec<&str> = self.0.iter().map(String::as_str).collect();
        (TAG_KINDS.to_owned(), if words.is_empty() { NONE.to_owned() } else { words.join(" ") })
    }

    /// Returns whether the kind is among them.
    pub fn has(&self, kind: ResourceKind) -> bool {
        kind.tag.is_some_and(|tag| self.0.contains(tag))
    }

    /// These kinds and `others`.
    #[must_use]
    pub fn with(&self, others: &Self) -> Self {
        Self(self.0.union(&others.0).cloned().collect())
    }

    /// These kinds without `others`.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        Self(self.0.difference(&others.0).cloned().collect())
    }

    /// Returns whether there is no kind.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_tag_round_trips_and_missing_tag_means_any_kind() {
        let (a, b) = (ResourceKind::new("a").optional("a"), ResourceKind::new("b").optional("b"));
        for kinds in [vec![], vec![a], vec![a, b]] {
            let kinds = Kinds::of(kinds);
            assert_eq!(Kinds::of_tags(&BTreeMap::from([kinds.tag()])), Some(kinds));
        }
        assert_eq!(Kinds::of_tags(&BTreeMap::new()), None);
        assert_eq!(Kinds::of([ResourceKind::new("bucket")]), Kinds::default());
    }
}
