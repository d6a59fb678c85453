//! A map's chunks, to the stage's workers: another function of the same artifact.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::{Engine, Outcome};
use crate::task::error::TaskErrorKind;

/// To the workers; to the function itself, once the workers turn out to be gone (an older version was made live again,
/// whose workers were taken away) or may not be invoked (a role of the user's own).
#[derive(Debug)]
pub(crate) struct Workers {
    theirs: Arc<dyn Engine>,
    own: Arc<dyn Engine>,
    given_up: AtomicBool,
}

impl Workers {
    pub(crate) fn new(theirs: Arc<dyn Engine>, own: Arc<dyn Engine>) -> Self {
        Self { theirs, own, given_up: AtomicBool::new(false) }
    }

    async fn chunk(&self, event: Bytes) -> Outcome {
        if self.given_up.load(Ordering::Relaxed) {
            return self.own.invoke(event).await;
        }
        match self.theirs.invoke(event.clone()).await {
            Outcome::Refused { kind: TaskErrorKind::Unreachable | TaskErrorKind::Denied, message } => {
                if !self.given_up.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        reason = message,
                        "the workers can't be invoked: maps go to the function itself"
                    );
                }
                self.own.invoke(event).await
            }
            outcome => outcome,
        }
    }
}

impl Engine for Workers {
    fn invoke(&self, event: Bytes) -> BoxFuture<'_, Outcome> {
        Box::pin(self.chunk(event))
    }

    fn start(&self, event: Bytes) -> BoxFuture<'_, Outcome> {
        self.own.start(event)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Answers with its name and counts, or refuses.
    #[derive(Debug)]
    struct Function(&'static str, Option<TaskErrorKind>, Mutex<u32>);

    impl Engine for Function {
        fn invoke(&self, _: Bytes) -> BoxFuture<'_, Outcome> {
            *self.2.lock().expect("no test panics here") += 1;
            let outcome = match self.1 {
                Some(kind) => Outcome::Refused { kind, message: "no".to_owned() },
                None => Outcome::Answered(Bytes::from_static(self.0.as_bytes())),
            };
            Box::pin(std::future::ready(outcome))
        }

        fn start(&self, event: Bytes) -> BoxFuture<'_, Outcome> {
            self.invoke(event)
        }
    }

    async fn answers(workers: Option<TaskErrorKind>) -> (Vec<String>, u32) {
        let workers = Arc::new(Function("workers", workers, Mutex::new(0)));
        let own = Arc::new(Function("own", None, Mutex::new(0)));
        let engine = Workers::new(workers.clone(), own);
        let mut answers = Vec::new();
        for _ in 0..3 {
            answers.push(match engine.invoke(Bytes::new()).await {
                Outcome::Answered(name) => String::from_utf8_lossy(&name).into_owned(),
                other => format!("{other:?}"),
            });
        }
        let asked = *workers.2.lock().expect("no test panics here");
        (answers, asked)
    }

    #[tokio::test]
    async fn chunks_go_to_the_workers_and_where_these_are_gone_to_the_function_itself() {
        assert_eq!(answers(None).await, (vec!["workers".to_owned(); 3], 3));
        for gone in [TaskErrorKind::Unreachable, TaskErrorKind::Denied] {
            assert_eq!(answers(Some(gone)).await, (vec!["own".to_owned(); 3], 1), "they are asked once");
        }
        let (answers, _) = answers(Some(TaskErrorKind::Recursion)).await;
        assert!(answers[0].contains("Recursion"), "what would stop both is told: {answers:?}");
    }
}
