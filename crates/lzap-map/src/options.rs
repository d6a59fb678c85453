//! The options of a map that its builder collects.

use std::time::Duration;

use lzap_map_scheduler::{Caller, Chunk, Hedge, OnError, window};
use lzap_wire::encoding::Codec;

/// The methods of [`Map`](crate::Map) set and document these.
#[derive(Clone, Debug)]
pub(crate) struct MapOptions {
    pub(crate) chunk: Chunk,
    /// Invocations in flight, at most.
    pub(crate) limit: usize,
    pub(crate) time: Option<Duration>,
    pub(crate) attempts: u32,
    pub(crate) hedge: Option<Hedge>,
    pub(crate) codec: Codec,
    pub(crate) spill: bool,
    pub(crate) on_error: OnError,
    pub(crate) caller: Caller,
    /// Dollars.
    pub(crate) max_cost: Option<f64>,
    /// Invocations of the whole map, at most.
    pub(crate) max_invocations: Option<usize>,
}

impl Default for MapOptions {
    fn default() -> Self {
        Self {
            chunk: Chunk::default(),
            limit: window::MAX_IN_FLIGHT,
            time: None,
            attempts: 3,
            hedge: Some(Hedge::default()),
            codec: Codec::Postcard,
            spill: true,
            on_error: OnError::default(),
            caller: Caller::default(),
            max_cost: None,
            max_invocations: None,
        }
    }
}
