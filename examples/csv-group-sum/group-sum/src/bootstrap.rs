//! The standard error of a mean by bootstrap: a calculation that keeps a core busy.

use crate::sums::sum;

/// The standard deviation of the means of `resamples` samples, each as many of the values, drawn with replacement;
/// none without values.
pub fn bootstrap(values: &[f64], resamples: u32) -> Option<f64> {
    let count = u32::try_from(values.len()).ok().filter(|count| *count > 0)?;
    // Relative to the largest value, so that nothing overflows.
    let scale = values
        .iter()
        .fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if scale == 0.0 {
        return Some(0.0);
    }
    let values: Vec<f64> = values.iter().map(|value| value / scale).collect();
    let mut random = Random(u64::from(count));
    let mut mean = |_| {
        let drawn = (0..count).map(|_| values[random.below(count)]);
        drawn.fold(0.0, |sum, value| sum + value) / f64::from(count)
    };
    let means: Vec<f64> = (0..resamples).map(&mut mean).collect();
    let center = sum(&means) / f64::from(resamples);
    let squares = means.iter().fold(0.0, |sum, mean| sum + (mean - center).powi(2));
    Some((squares / f64::from(resamples - 1)).sqrt() * scale)
}

/// Random numbers (`SplitMix64`) that are the same in each run and in each Lambda.
struct Random(u64);

impl Random {
    /// A number below `limit`.
    #[inline]
    fn below(&mut self, limit: u32) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        // The high half of 32 random bits times the limit: no division.
        let number = ((z >> 32) * u64::from(limit)) >> 32;
        usize::try_from(number).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bootstrap_comes_close_to_the_formula() {
        // The numbers from 0 to 99: their standard deviation (over n) by the root of n.
        let values: Vec<f64> = (0..100_u32).map(f64::from).collect();
        let formula = (9_999.0_f64 / 12.0).sqrt() / 10.0;
        let found = bootstrap(&values, 2_000).expect("there are values");
        assert!((found / formula - 1.0).abs() < 0.05, "{found} and {formula}");
        assert_eq!(bootstrap(&values, 2_000), Some(found), "the same each time");
    }

    #[test]
    fn bootstrap_of_the_largest_floats_is_finite() {
        let large = bootstrap(&[f64::MAX, -f64::MAX], 100).expect("there are values");
        assert!(large.is_finite() && large > 1e307, "{large}");
        let small = bootstrap(&[5e-324, 0.0, 1e-310], 100).expect("there are values");
        assert!(small > 0.0, "{small}");
    }
}
