//! The task that joins the results of a map.

use lzap_tasks::TaskDefinition;

/// A task that joins two results into one, for [`Map::reduce`](crate::Map::reduce): a task of two arguments of the type `O`
/// that returns an `O`. Only tasks are such types.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot join two results of type `{O}`",
    label = "expected a task that takes two `{O}` and returns a `{O}`"
)]
pub trait JoinTask<O> {
    /// The task as the layers below know it.
    #[doc(hidden)]
    fn definition(self) -> TaskDefinition<(O, O), O>;
}
