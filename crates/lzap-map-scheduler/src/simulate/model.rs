//! The model of Lambda: its limits, times, faults and prices.

use std::time::Duration;

use crate::cost::invocation_dollars;

/// The behavior of a simulated Lambda. Times are in seconds.
#[derive(Clone, Debug)]
pub struct Model {
    /// The concurrency limit of the account.
    pub concurrency: usize,
    /// New execution environments per ten seconds, refilled continuously.
    ///
    /// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html>
    pub scaling_per_10_secs: f64,
    /// Concurrency that other callers use.
    pub others: usize,
    /// The time of an invocation in addition to its work: the network and the Lambda service.
    pub overhead: f64,
    /// The duration of a cold start.
    pub cold_start: f64,
    /// The mean duration of an item.
    pub item: f64,
    /// The standard deviation of the logarithm of an item's duration.
    pub spread: f64,
    /// The share of invocations on a slow host, and the factor by which they are slower.
    pub stragglers: (f64, f64),
    /// The share of invocations whose worker exits half-way.
    pub crashes: f64,
    /// The share of invocations whose response is lost.
    pub losses: f64,
    /// The caller's time to send one invocation.
    pub send: f64,
    /// The workers' timeout.
    pub timeout: f64,
    /// The workers' memory in MB.
    pub memory_mb: u32,
}

impl Model {
    /// The largest cost of one invocation in dollars.
    pub(crate) fn largest_cost(&self) -> f64 {
        invocation_dollars(Duration::from_secs_f64(self.timeout), self.memory_mb)
    }
}

impl Default for Model {
    fn default() -> Self {
        Self {
            concurrency: 1000,
            scaling_per_10_secs: 1000.0,
            others: 0,
            overhead: 0.025,
            cold_start: 0.15,
            item: 0.1,
            spread: 0.2,
            stragglers: (0.01, 5.0),
            crashes: 0.0,
            losses: 0.0,
            send: 0.000_125,
            timeout: 900.0,
            memory_mb: 1769,
        }
    }
}
