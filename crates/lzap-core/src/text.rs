//! Numbers with their nouns.

use std::fmt::Display;

/// Returns `1 step`, `2 steps`: the number, and the noun in the plural unless the number is 1.
///
/// Only for nouns whose plural ends in `s`.
pub fn count<N: Copy + Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {noun}{plural}")
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
