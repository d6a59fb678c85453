//! Lambda's steps: each waits until its write has taken effect, since the next write would be refused before.

use std::collections::{BTreeMap, BTreeSet};

use lzap_core::desired::{Artifact, FunctionConfig};

use super::error::StepError;
use super::{Made, Site};
use crate::error::AwsError;
use crate::lambda::{self, Published, Question, State, Verdict};
use crate::retry::{BUSY, Progress, ROLE, SETTLED, again};

const OPERATION: &str = "lambda:GetFunctionConfiguration";

impl Site<'_> {
    pub(super) async fn create_function(
        self,
        config: &FunctionConfig,
        artifact: &Artifact,
        tags: &BTreeMap<String, String>,
        progress: Progress<'_>,
    ) -> Result<(), AwsError> {
        let create = || lambda::create_function(self.clients, self.names, config, artifact, tags);
        let state = again(ROLE, progress, create).await?;
        self.settled(state, None, progress).await
    }

    pub(super) async fn update_configuration(
        self,
        config: &FunctionConfig,
        progress: Progress<'_>,
    ) -> Result<(), AwsError> {
        let update = || lambda::update_configuration(self.clients, self.names, config);
        let state = again(ROLE, progress, update).await?;
        self.settled(state, None, progress).await
    }

    pub(super) async fn update_code(
        self,
        config: &FunctionConfig,
        artifact: &Artifact,
        progress: Progress<'_>,
    ) -> Result<(), AwsError> {
        let update = || lambda::update_code(self.clients, self.names, config, artifact);
        let state = again(BUSY, progress, update).await?;
        self.settled(state, None, progress).await
    }

    pub(super) async fn publish(
        self,
        description: &str,
        code_sha256: &str,
        progress: Progress<'_>,
    ) -> Result<Published, AwsError> {
        let publish = || lambda::publish_version(self.clients, self.names, description, code_sha256);
        let published = again(BUSY, progress, publish).await?;
        self.settled(published.state.clone(), Some(&published.number), progress).await?;
        Ok(published)
    }

    /// Whether a version starts and has the tasks; and whether it answers a request, where the stage names one.
    pub(super) async fn probe(
        self,
        version: &Published,
        tasks: &BTreeSet<String>,
        health_path: Option<&str>,
        progress: Progress<'_>,
    ) -> Result<Made, StepError> {
        let number = || version.number.clone();
        for question in [Some(Question::Start), health_path.map(Question::Health)].into_iter().flatten() {
            let invoke = || lambda::invoke_probe(self.clients, self.names, version, question);
            let known = match again(ROLE, progress, invoke).await? {
                Verdict::Answers { tasks } => tasks,
                Verdict::Refuses { reason, log_tail } => {
                    return Err(StepError::Probe { version: number(), reason, log_tail });
                }
            };
            let missing = tasks.iter().find(|task| !known.contains(task));
            if let Some(task) = missing.filter(|_| question == Question::Start) {
                return Err(StepError::NoTask { version: number(), task: task.clone(), known });
            }
        }
        Ok(Made::Nothing)
    }

    /// Waits for `$LATEST`, or for a version. An answer that is final already needs no call.
    async fn settled(
        self,
        state: State,
        version: Option<&str>,
        progress: Progress<'_>,
    ) -> Result<(), AwsError> {
        let what = match version {
            Some(version) => format!("version {version} of function {}", self.names.function()),
            None => format!("function {}", self.names.function()),
        };
        let judge = |state: State| match state {
            State::Settled => Ok(()),
            State::Changing(state) => Err(AwsError::unsettled(OPERATION, what.clone(), &state)),
            State::Failed(reason) => Err(AwsError::failed(OPERATION, what.clone(), reason)),
        };
        let mut first = Some(state);
        let judge = &judge;
        again(SETTLED, progress, || {
            let known = first.take();
            async move {
                match known {
                    Some(state) => judge(state),
                    None => judge(lambda::get_state(self.clients, self.names, version).await?),
                }
            }
        })
        .await
    }
}
