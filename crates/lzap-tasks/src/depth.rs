//! The depth of a chain of tasks that call tasks.

use lzap_invocation::Invocation;

use crate::error::{TaskError, TaskErrorKind};

/// The deepest chain of tasks that call tasks. Lambda stops a chain after about 16 invocations; this limit is lower, so that
/// the error names the cause.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>
pub(crate) const MAX_DEPTH: u32 = 4;

/// The depth of a task that the calling code calls: 1 from an HTTP request, and one more in each task.
///
/// # Errors
/// [`TaskErrorKind::TooDeep`] when the chain gets longer than four tasks.
pub fn next_depth() -> Result<u32, TaskError> {
    let depth = Invocation::current().depth + 1;
    if depth > MAX_DEPTH {
        return Err(TaskError::new(
            TaskErrorKind::TooDeep,
            format!("tasks call tasks more than {MAX_DEPTH} deep: fan out from one place instead"),
        ));
    }
    Ok(depth)
}
