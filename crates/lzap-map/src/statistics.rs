//! Measurements that the maps of one process share, so that a later map plans with the figures of an earlier one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lzap_map_scheduler::plan;
use lzap_map_scheduler::window::Window;

/// Kept as long as the process, so that maps of warm invocations plan with measured figures.
#[derive(Debug)]
pub(crate) struct MapStatistics {
    /// The limit for invocations in flight. All maps share it, because they use the same concurrency limit of Lambda.
    pub(crate) window: Arc<Mutex<Window>>,
    /// Seconds that an invocation takes in addition to its work: a moving average.
    overhead_secs: Mutex<f64>,
    /// Seconds per item, by task.
    item_secs: Mutex<HashMap<&'static str, f64>>,
}

impl Default for MapStatistics {
    fn default() -> Self {
        Self {
            window: Arc::default(),
            // A guess, of which each measured answer leaves nine tenths.
            overhead_secs: Mutex::new(plan::OVERHEAD.as_secs_f64()),
            item_secs: Mutex::default(),
        }
    }
}

impl MapStatistics {
    /// Seconds per item of a task; `None` before its first map.
    pub(crate) fn item_secs(&self, task: &str) -> Option<f64> {
        self.item_secs.lock().unwrap_or_else(PoisonError::into_inner).get(task).copied()
    }

    /// [`plan::OVERHEAD`] before the first answer of a warm worker.
    pub(crate) fn overhead_secs(&self) -> f64 {
        *self.overhead_secs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The largest number of invocations in flight that the window can reach.
    pub(crate) fn max_in_flight(&self) -> usize {
        self.window.lock().unwrap_or_else(PoisonError::into_inner).max_size()
    }

    /// The last map's figure replaces that of earlier ones.
    pub(crate) fn record_item_secs(&self, task: &'static str, secs: f64) {
        self.item_secs.lock().unwrap_or_else(PoisonError::into_inner).insert(task, secs);
    }

    /// Adds a measured overhead to the moving average, with a weight of one tenth.
    pub(crate) fn record_overhead(&self, secs: f64) {
        let mut known = self.overhead_secs.lock().unwrap_or_else(PoisonError::into_inner);
        *known = *known * 0.9 + secs * 0.1;
    }
}
