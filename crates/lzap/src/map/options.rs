//! What a map's caller may set.

use std::time::Duration;

/// How items are cut into chunks: one chunk is one invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chunk {
    /// By time, from what the first items cost: so that the map ends soonest, and three quarters of a worker's time at
    /// least are work.
    #[default]
    Auto,
    /// So many items.
    Items(usize),
    /// As many items as take so many bytes; one item at least.
    Bytes(usize),
}

/// What an item's failure does to the map.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum OnError {
    /// The first one ends it. What is in flight can't be called back; the report counts what it has cost until then.
    #[default]
    FailFast,
    /// All items are tried; each has a result or an error.
    Collect,
    /// Like `Collect`, up to this share of all items (0.02 is 2 %); more end the map.
    Tolerate(f64),
}

/// What the calling process itself computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller {
    /// All of it when that is faster, else what Lambda has no room for: a map always gets on.
    #[default]
    Helps,
    /// Nothing, until throttling has stopped all progress for two seconds.
    WhenStuck,
    /// Everything: no Lambda is invoked.
    Alone,
}

/// When a slow chunk gets a second invocation; the first answer wins, and both are paid for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hedge {
    /// Slower than so many times the median.
    pub(crate) slower_than: f64,
    /// Second invocations, as a share of all chunks.
    pub(crate) budget: f64,
    /// And at least this slow.
    pub(crate) at_least: Duration,
}

impl Hedge {
    /// A chunk that takes longer than `times` the median (and than a second) is sent a second time, for up to 5 % of
    /// the chunks, once ten chunks or more are half done. When nineteen of twenty are, twice the median (and a tenth of
    /// a second) is enough: the map waits for nothing else.
    pub fn slower_than(times: f64) -> Self {
        Self { slower_than: times.max(1.0), budget: 0.05, at_least: Duration::from_secs(1) }
    }

    /// Second invocations as a share of all chunks.
    #[must_use]
    pub fn budget(mut self, share: f64) -> Self {
        self.budget = share.clamp(0.0, 1.0);
        self
    }

    /// How long a chunk runs at least before it counts as slow; a tenth of it when nineteen of twenty are done.
    #[must_use]
    pub fn at_least(mut self, time: Duration) -> Self {
        self.at_least = time;
        self
    }
}

impl Default for Hedge {
    fn default() -> Self {
        Self::slower_than(3.0)
    }
}

/// All of it.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) chunk: Chunk,
    pub(crate) limit: usize,
    pub(crate) time: Option<Duration>,
    pub(crate) attempts: u32,
    pub(crate) hedge: Option<Hedge>,
    pub(crate) codec: crate::Codec,
    pub(crate) spill: bool,
    pub(crate) on_error: OnError,
    pub(crate) caller: Caller,
    pub(crate) max_cost: Option<f64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            chunk: Chunk::default(),
            limit: super::window::MOST,
            time: None,
            attempts: 3,
            hedge: Some(Hedge::default()),
            codec: crate::Codec::Postcard,
            spill: true,
            on_error: OnError::default(),
            caller: Caller::default(),
            max_cost: None,
        }
    }
}
