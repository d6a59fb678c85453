//! Invocations of the worker function: another function of the same artifact that computes a map's chunks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use lzap_tasks::{AttemptOutcome, Invoker, TaskErrorKind};

/// Sends chunks to the worker function. It sends them to the function itself once the worker function turns out to be
/// deleted (an older version was made live again) or may not be invoked (the role is the user's own).
#[derive(Debug)]
pub(crate) struct WorkerFunction {
    workers: Arc<dyn Invoker>,
    own: Arc<dyn Invoker>,
    workers_unusable: AtomicBool,
}

impl WorkerFunction {
    pub(crate) fn new(workers: Arc<dyn Invoker>, own: Arc<dyn Invoker>) -> Self {
        Self { workers, own, workers_unusable: AtomicBool::new(false) }
    }

    async fn invoke_worker(&self, event: Bytes) -> AttemptOutcome {
        if self.workers_unusable.load(Ordering::Relaxed) {
            return self.own.invoke(event).await;
        }
        match self.workers.invoke(event.clone()).await {
            AttemptOutcome::Refused { kind: TaskErrorKind::Unreachable | TaskErrorKind::Denied, message } => {
                if !self.workers_unusable.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        reason = message,
                        "the worker function can't be invoked: maps run in the function itself"
                    );
                }
                self.own.invoke(event).await
            }
            outcome => outcome,
        }
    }
}

impl Invoker for WorkerFunction {
    fn invoke(&self, event: Bytes) -> BoxFuture<'_, AttemptOutcome> {
        Box::pin(self.invoke_worker(event))
    }

    fn invoke_async(&self, event: Bytes) -> BoxFuture<'_, AttemptOutcome> {
        self.own.invoke_async(event)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Answers with its name, or refuses; counts its invocations.
    #[derive(Debug)]
    struct Function(&'static str, Option<TaskErrorKind>, Mutex<u32>);

    impl Invoker for Function {
        fn invoke(&self, _: Bytes) -> BoxFuture<'_, AttemptOutcome> {
            *self.2.lock().expect("no test panics here") += 1;
            let outcome = match self.1 {
                Some(kind) => AttemptOutcome::Refused { kind, message: "no".to_owned() },
                None => AttemptOutcome::Answered(Bytes::from_static(self.0.as_bytes())),
            };
            Box::pin(std::future::ready(outcome))
        }

        fn invoke_async(&self, event: Bytes) -> BoxFuture<'_, AttemptOutcome> {
            self.invoke(event)
        }
    }

    async fn answers(workers: Option<TaskErrorKind>) -> (Vec<String>, u32) {
        let workers = Arc::new(Function("workers", workers, Mutex::new(0)));
        let own = Arc::new(Function("own", None, Mutex::new(0)));
        let invoker = WorkerFunction::new(workers.clone(), own);
        let mut answers = Vec::new();
        for _ in 0..3 {
            answers.push(match invoker.invoke(Bytes::new()).await {
                AttemptOutcome::Answered(name) => String::from_utf8_lossy(&name).into_owned(),
                other => format!("{other:?}"),
            });
        }
        let asked = *workers.2.lock().expect("no test panics here");
        (answers, asked)
    }

    #[tokio::test]
    async fn chunks_go_to_the_function_itself_once_the_worker_function_is_refused() {
        assert_eq!(answers(None).await, (vec!["workers".to_owned(); 3], 3));
        for gone in [TaskErrorKind::Unreachable, TaskErrorKind::Denied] {
            assert_eq!(
                answers(Some(gone)).await,
                (vec!["own".to_owned(); 3], 1),
                "the worker function is invoked once"
            );
        }
        let (answers, _) = answers(Some(TaskErrorKind::Recursion)).await;
        assert!(answers[0].contains("Recursion"), "a recursive loop stops both functions: {answers:?}");
    }
}
