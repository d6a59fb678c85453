//! Text for people: numbers with their nouns, sizes with their units.

use std::fmt::Display;

/// Returns `1 step`, `2 steps`: the number, and the noun in the plural unless the number is 1.
///
/// Only for nouns whose plural ends in `s`.
pub fn count<N: Copy + Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// `12.3 GiB`; MiB below one GiB.
pub(crate) fn format_size(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    let tenths = |unit: u64| {
        let tenths = u128::from(bytes) * 10 / u128::from(unit);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    if bytes >= MIB << 10 { format!("{} GiB", tenths(MIB << 10)) } else { format!("{} MiB", tenths(MIB)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_uses_the_singular_for_one_only() {
        assert_eq!(count(0_usize, "step"), "0 steps");
        assert_eq!(count(1_u32, "step"), "1 step");
        assert_eq!(count(2_u64, "step"), "2 steps");
    }
}
