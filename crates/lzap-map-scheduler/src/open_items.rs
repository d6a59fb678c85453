//! The open items of a map: those without a result that no attempt has taken. A plan cuts them as if they were contiguous.

use std::ops::Range;

/// Open items, as sorted ranges that are not empty and don't touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenItems(Vec<Range<usize>>);

impl OpenItems {
    /// The items from 0 up to, but not including, `items`, all open.
    pub fn all(items: usize) -> Self {
        Self(Some(0..items).filter(|range| !range.is_empty()).into_iter().collect())
    }

    /// The number of open items, not of ranges.
    pub fn len(&self) -> usize {
        self.0.iter().map(ExactSizeIterator::len).sum()
    }

    /// True once attempts have taken all items; some may still be without a result.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first range; empty when no item is open.
    pub fn first(&self) -> Range<usize> {
        self.0.first().cloned().unwrap_or_default()
    }

    /// Removes `items`. Returns false, and changes nothing, unless all of them were open and there is at least one.
    pub fn close_range(&mut self, items: &Range<usize>) -> bool {
        let around = |range: &Range<usize>| range.start <= items.start && items.end <= range.end;
        let Some(index) = self.0.iter().position(around).filter(|_| !items.is_empty()) else { return false };
        let Range { start, end } = self.0.remove(index);
        for rest in [items.end..end, start..items.start].into_iter().filter(|rest| !rest.is_empty()) {
            self.0.insert(index, rest);
        }
        true
    }

    /// The items at `places`, which are positions among the open items. There are several ranges where closed items lie
    /// between them.
    pub fn ranges_at(&self, places: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
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
        fn open_items_are_all_items_except_closed_ones_in_order(
            items in 0..60_usize,
            done in prop::collection::vec((0..60_usize, 0..20_usize), 0..8),
        ) {
            let mut open = OpenItems::all(items);
            let mut left: Vec<usize> = (0..items).collect();
            for (start, len) in done {
                let range = start..start + len;
                let whole = !range.is_empty() && range.clone().all(|item| left.contains(&item));
                prop_assert_eq!(open.close_range(&range), whole);
                left.retain(|item| !whole || !range.contains(item));
            }
            prop_assert_eq!(open.len(), left.len());
            prop_assert_eq!(open.first().next(), left.first().copied());
            for from in 0..left.len() {
                for to in from..=left.len() {
                    let at: Vec<usize> = open.ranges_at(&(from..to)).flatten().collect();
                    prop_assert_eq!(&at, &left[from..to]);
                }
            }
        }
    }
}
