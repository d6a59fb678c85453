//! STS: who calls, and what time it is there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use lzap_core::names::Place;

use crate::clients::Clients;
use crate::error::{AwsError, Named};

/// The caller's account, and the partition that its ARN names.
///
/// One `sts:GetCallerIdentity`, which needs no permission.
/// AWS: <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
///
/// # Errors
/// No credentials, expired ones, a missing profile, a wrong clock, nobody there.
pub async fn identity(clients: &Clients) -> Result<Place, AwsError> {
    greet(clients).await.caller.map(|caller| caller.place)
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Where.
    pub place: Place,
    /// The user or role.
    pub arn: String,
}

/// What one call to STS tells.
#[derive(Debug)]
pub(crate) struct Greeting {
    /// Who calls, or why that can't be told.
    pub(crate) caller: Result<Caller, AwsError>,
    /// How many seconds this machine's clock is ahead of AWS's; `None` where nobody answered. A refusal tells it too.
    pub(crate) ahead_secs: Option<i64>,
}

/// Asks STS who calls, and compares the clocks. One `sts:GetCallerIdentity`.
pub(crate) async fn greet(clients: &Clients) -> Greeting {
    const OPERATION: &str = "sts:GetCallerIdentity";
    let clock = Clock::default();
    let call = clients.sts().get_caller_identity().customize().interceptor(clock.clone());
    let caller = match call.send().await.named(OPERATION) {
        Ok(answer) => caller(clients, answer.account(), answer.arn().unwrap_or_default())
            .ok_or_else(|| AwsError::broken(OPERATION, "no account in the answer")),
        Err(error) => Err(clients.explain_credentials(error).await),
    };
    Greeting { caller, ahead_secs: clock.ahead_secs() }
}

fn caller(clients: &Clients, account: Option<&str>, arn: &str) -> Option<Caller> {
    Some(Caller {
        place: Place {
            partition: partition(arn).to_owned(),
            account: account?.to_owned(),
            region: clients.region().to_owned(),
        },
        arn: arn.to_owned(),
    })
}

/// Reads the `Date` of each answer.
#[derive(Clone, Debug, Default)]
struct Clock(Arc<Mutex<Option<i64>>>);

impl Clock {
    fn ahead_secs(&self) -> Option<i64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Clock {
    fn name(&self) -> &'static str {
        "Clock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        if let Some(theirs) = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok()) {
            let ours = DateTime::from(SystemTime::now());
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ours.secs() - theirs.secs());
        }
        Ok(())
    }
}

/// `aws-cn` of `arn:aws-cn:…`.
fn partition(arn: &str) -> &str {
    arn.split(':').nth(1).filter(|partition| !partition.is_empty()).unwrap_or("aws")
}

#[cfg(test)]
mod tests {
    use super::partition;

    #[test]
    fn the_partition_is_the_callers_own() {
        assert_eq!(partition("arn:aws-cn:iam::123456789012:user/ci"), "aws-cn");
        assert_eq!(partition("arn:aws:sts::123456789012:assumed-role/x/y"), "aws");
        assert_eq!(partition(""), "aws");
    }
}
