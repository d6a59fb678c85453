//! Which items of a map are still to do. A plan cuts them as if they followed each other.

use std::ops::Range;

/// Items that are still to do: ranges in order, none empty, none touching the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Open(Vec<Range<usize>>);

impl Open {
    /// All of so many.
    pub(crate) fn all(items: usize) -> Self {
        Self(Some(0..items).filter(|range| !range.is_empty()).into_iter().collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(ExactSizeIterator::len).sum()
    }

    /// The first, and those that follow it without a gap.
    pub(crate) fn first(&self) -> Range<usize> {
        self.0.first().cloned().unwrap_or_default()
    }

    /// `items` are done. Whether all of them were open; if not, nothing changes.
    pub(crate) fn close(&mut self, items: &Range<usize>) -> bool {
        let around = |range: &Range<usize>| range.start <= items.start && items.end <= range.end;
        let Some(index) = self.0.iter().position(around).filter(|_| !items.is_empty()) else { return false };
        let Range { start, end } = self.0.remove(index);
        for rest in [items.end..end, start..items.start].into_iter().filter(|rest| !rest.is_empty()) {
            self.0.insert(index, rest);
        }
        true
    }

    /// The items at `places`, which count only what is open: more than one range where something between is done.
    pub(crate) fn at(&self, places: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let Range { start, end } = *places;
        let begins = self.0.iter().scan(0, |next, range| {
            let begin = *next;
            *next += range.len();
            Some((begin, range))
        });
        begins.filter_map(move |(begin, range)| {
            let (from, to) = (start.max(begin), end.min(begin + range.len()));
            (from < to).then(|| range.start + from - begin..range.start + to - begin)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_not_done_is_open_and_found_by_its_place(
            items in 0..60_usize,
            done in prop::collection::vec((0..60_usize, 0..20_usize), 0..8),
        ) {
            let mut open = Open::all(items);
            let mut left: Vec<usize> = (0..items).collect();
            for (start, len) in done {
                let range = start..start + len;
                let whole = !range.is_empty() && range.clone().all(|item| left.contains(&item));
                prop_assert_eq!(open.close(&range), whole);
                left.retain(|item| !whole || !range.contains(item));
            }
            prop_assert_eq!(open.len(), left.len());
            prop_assert_eq!(open.first().next(), left.first().copied());
            for from in 0..left.len() {
                for to in from..=left.len() {
                    let at: Vec<usize> = open.at(&(from..to)).flatten().collect();
                    prop_assert_eq!(&at, &left[from..to]);
                }
            }
        }
    }
}
