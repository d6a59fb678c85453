//! Tasks without their types, as maps need them: a handler computes the encoded items of a chunk.

use futures_util::future::BoxFuture;
use lzap_tasks::{TaskDefinition, TaskError, catch_panic};
use lzap_wire::encoding::Codec;
use serde::{Serialize, de::DeserializeOwned};

use crate::compute::{ChunkResults, ChunkWork, JoinedResults, join_results, run_items};

/// A registered task of maps. Its types are erased, so that one registry can have all tasks.
pub trait ChunkHandler: Send + Sync {
    /// The name by which chunks' events find the task; unique in the app.
    fn name(&self) -> &'static str;

    /// Runs the task on each item of a chunk. A panic becomes an error.
    fn run_chunk(&self, work: ChunkWork) -> BoxFuture<'static, Result<ChunkResults, TaskError>>;

    /// Joins `count` encoded results with this task, which must take two arguments.
    fn join_results(
        &self,
        codec: Codec,
        results: Vec<u8>,
        count: usize,
    ) -> BoxFuture<'static, Result<JoinedResults, TaskError>>;
}

impl<I, O> ChunkHandler for TaskDefinition<I, O>
where
    I: Serialize + DeserializeOwned + Send + 'static,
    O: Serialize + DeserializeOwned + Send + 'static,
{
    fn name(&self) -> &'static str {
        TaskDefinition::name(self)
    }

    fn run_chunk(&self, work: ChunkWork) -> BoxFuture<'static, Result<ChunkResults, TaskError>> {
        Box::pin(catch_panic(run_items(*self, work)))
    }

    fn join_results(
        &self,
        codec: Codec,
        results: Vec<u8>,
        count: usize,
    ) -> BoxFuture<'static, Result<JoinedResults, TaskError>> {
        Box::pin(catch_panic(join_results(*self, codec, results, count)))
    }
}
