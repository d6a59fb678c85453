//! Waits until a write to Lambda has taken effect, because Lambda refuses the next write before.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>

use aws_sdk_lambda::types::{LastUpdateStatus, State as LambdaState};
use lzap_core::ids::VersionNumber;
use lzap_core::names::Names;

use crate::clients::Clients;
use crate::error::{AwsError, Named};
use crate::retry::{FUNCTION_STATE, Progress, again};

const OPERATION: &str = "lambda:GetFunctionConfiguration";

/// The propagation state of the last write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The write has taken effect.
    Settled,
    /// The write is taking effect; the text is Lambda's name of the state.
    Changing(String),
    /// The write failed; the text is Lambda's reason.
    Failed(String),
}

/// The state in an answer: the SDK has one type for each operation, all with the same fields.
macro_rules! state_of {
    ($answer:expr) => {
        State::new(
            $answer.state(),
            $answer.state_reason(),
            $answer.last_update_status(),
            $answer.last_update_status_reason(),
        )
    };
}
pub(crate) use state_of;

impl State {
    /// Judges the two states of a function. An idle one (`Inactive`) accepts writes as an active one does.
    /// Emulators return no states.
    pub(crate) fn new(
        state: Option<&LambdaState>,
        reason: Option<&str>,
        update: Option<&LastUpdateStatus>,
        update_reason: Option<&str>,
    ) -> Self {
        match (state, update) {
            (Some(LambdaState::Failed), _) => Self::Failed(reason.unwrap_or("no reason given").to_owned()),
            (_, Some(LastUpdateStatus::Failed)) => {
                Self::Failed(update_reason.unwrap_or("no reason given").to_owned())
            }
            (Some(LambdaState::Pending), _) => Self::Changing("Pending".to_owned()),
            (_, Some(LastUpdateStatus::InProgress)) => Self::Changing("InProgress".to_owned()),
            // No state counts as settled, because emulators have none.
            _ => Self::Settled,
        }
    }
}

/// `lambda:GetFunctionConfiguration`: returns the state of `$LATEST`, or of a version.
async fn get_state(
    clients: &Clients,
    names: &Names,
    version: Option<&VersionNumber>,
) -> Result<State, AwsError> {
    let call = clients
        .lambda()
        .get_function_configuration()
        .function_name(names.function())
        .set_qualifier(version.map(String::from));
    let answer = call.send().await.named(OPERATION)?;
    Ok(state_of!(answer))
}

/// Waits for `$LATEST` or for a version. Needs no call if `state` is final already.
pub(crate) async fn wait_until_settled(
    clients: &Clients,
    names: &Names,
    state: State,
    version: Option<&VersionNumber>,
    progress: Progress<'_>,
) -> Result<(), AwsError> {
    let what = match version {
        Some(version) => format!("version {version} of function {}", names.function()),
        None => format!("function {}", names.function()),
    };
    let judge = |state: State| match state {
        State::Settled => Ok(()),
        State::Changing(state) => Err(AwsError::unsettled(OPERATION, what.clone(), &state)),
        State::Failed(reason) => Err(AwsError::failed(OPERATION, what.clone(), reason)),
    };
    // The write's own response has a state too, which often is final: then there is no call at all.
    let mut first = Some(state);
    let judge = &judge;
    again(FUNCTION_STATE, progress, || {
        let known = first.take();
        async move {
            match known {
                Some(state) => judge(state),
                None => judge(get_state(clients, names, version).await?),
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_settled_when_neither_state_nor_update_is_under_way() {
        let changing = |state: &str| State::Changing(state.to_owned());
        let failed = State::Failed("no subnet".to_owned());
        for (state, update, expected) in [
            (Some(LambdaState::Pending), None, changing("Pending")),
            (Some(LambdaState::Active), Some(LastUpdateStatus::InProgress), changing("InProgress")),
            (Some(LambdaState::Active), Some(LastUpdateStatus::Successful), State::Settled),
            (Some(LambdaState::Inactive), Some(LastUpdateStatus::Successful), State::Settled),
            (Some(LambdaState::Active), Some(LastUpdateStatus::Failed), failed.clone()),
            (Some(LambdaState::Failed), None, failed.clone()),
            (None, None, State::Settled),
        ] {
            let found = State::new(state.as_ref(), Some("no subnet"), update.as_ref(), Some("no subnet"));
            assert_eq!(found, expected, "{state:?} {update:?}");
        }
    }
}
