//! The lengths of AWS's propagation and activation delays.

use std::time::Duration;

/// The propagation and activation delays of AWS.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// The propagation delay of a new role: from `CreateRole` until the role can be assumed.
    pub role: Duration,
    /// The time for which a new function is `Pending`.
    pub created: Duration,
    /// The time for which a changed function is `InProgress`.
    pub updated: Duration,
}

impl Waits {
    /// Typical delays of AWS.
    pub const TYPICAL: Self = Self {
        role: Duration::from_secs(6),
        created: Duration::from_secs(2),
        updated: Duration::from_millis(1500),
    };
}
