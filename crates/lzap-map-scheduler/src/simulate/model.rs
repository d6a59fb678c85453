//! The model of Lambda: its limits, times, faults and prices.

use std::time::Duration;

use crate::cost::invocation_dollars;

/// The behavior of a simulated Lambda. Times are in seconds, and shares from 0 to 1.
#[derive(Clone, Debug)]
pub struct Model {
    /// The account's concurrency limit: the default quota is 1,000, and a new account may have less.
    pub concurrency: usize,
    /// New execution environments per ten seconds, refilled continuously.
    ///
    /// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html>
    pub scaling_per_10_secs: f64,
    /// Concurrency that other callers use throughout the run; it is taken from `concurrency`.
    pub others: usize,
    /// The time of an invocation in addition to its work: the network and the Lambda service.
    pub overhead: f64,
    /// Added to the first invocation of an environment. It is billed, as Lambda bills the init phase.
    pub cold_start: f64,
    /// The mean duration of an item on one core. The durations are log-normal.
    pub item: f64,
    /// The standard deviation of the logarithm of an item's duration; 0 makes all items equal.
    pub spread: f64,
    /// The share of invocations on a slow host, and the factor by which they are slower.
    pub stragglers: (f64, f64),
    /// The share of invocations whose worker exits half-way. The half is billed.
    pub crashes: f64,
    /// The share of invocations whose response is lost after the items ran, so they are billed in full.
    pub losses: f64,
    /// The caller's time to send one invocation. It sends one after the other, so this limits large maps.
    pub send: f64,
    /// The workers' timeout; Lambda allows up to 900.
    pub timeout: f64,
    /// In MB, for the price only: it does not change the speed here. 1,769 MB have one full vCPU.
    pub memory_mb: u32,
}

impl Model {
    /// In dollars: an invocation that runs into its timeout. The budget reserves this for each one in flight.
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
