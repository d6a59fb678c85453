//! Random numbers from a seed, so that a simulation is repeatable.

/// A generator, `SplitMix64`. A crate's generator could change its sequence with an update, and with it the guide's
/// figures.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 up to, but not including, 1.
    pub(crate) fn next_fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let high = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0);
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }

    /// True with the probability `share`, from 0 to 1. Always draws a number, even for 0.
    pub(crate) fn draw_chance(&mut self, share: f64) -> bool {
        self.next_fraction() < share
    }

    /// A number of the standard normal distribution, by the Box-Muller transform.
    pub(crate) fn next_normal(&mut self) -> f64 {
        let (a, b) = (1.0 - self.next_fraction(), self.next_fraction());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }
}
