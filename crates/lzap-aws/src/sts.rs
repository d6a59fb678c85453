//! STS: the caller's identity, and the difference between this machine's clock and AWS's.

use lzap_core::names::Place;

use crate::clients::{AnswerTime, Clients};
use crate::error::{AwsError, Named};

/// Returns the caller's account, the partition that its ARN names, and the region of `clients`: all that the
/// names of resources need.
///
/// One `sts:GetCallerIdentity`, which needs no permission.
/// AWS: <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
///
/// # Errors
/// No credentials, expired ones, a missing profile, a wrong clock, no response.
pub async fn identity(clients: &Clients) -> Result<Place, AwsError> {
    get_caller_identity(clients).await.caller.map(|caller| caller.place)
}

/// The caller's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The caller's account and region.
    pub place: Place,
    /// The ARN of the user or of the assumed role.
    pub arn: String,
}

/// The result of one call to STS.
#[derive(Debug)]
pub(crate) struct Greeting {
    /// The caller, or the reason why it is unknown.
    pub(crate) caller: Result<Caller, AwsError>,
    /// Number of seconds that this machine's clock is ahead of AWS's; `None` without a response. A refusal has a date
    /// too.
    pub(crate) ahead_secs: Option<i64>,
}

/// Reads the caller's identity, and compares the clocks. One `sts:GetCallerIdentity`.
pub(crate) async fn get_caller_identity(clients: &Clients) -> Greeting {
    const OPERATION: &str = "sts:GetCallerIdentity";
    // A refused request has a `Date` header too, so a wrong clock is visible in the very error that it causes.
    let time = AnswerTime::default();
    let call = clients.sts().get_caller_identity().customize().interceptor(time.clone());
    let caller = match call.send().await.named(OPERATION) {
        Ok(answer) => parse_caller(clients, answer.account(), answer.arn().unwrap_or_default())
            .ok_or_else(|| AwsError::broken(OPERATION, "no account in the answer")),
        Err(error) => Err(clients.explain_credentials(error).await),
    };
    Greeting { caller, ahead_secs: time.ahead_secs() }
}

/// Returns the caller; `None` if the answer has no account, without which no resource could be named.
fn parse_caller(clients: &Clients, account: Option<&str>, arn: &str) -> Option<Caller> {
    Some(Caller {
        place: Place {
            partition: parse_partition(arn).to_owned(),
            account: account?.to_owned(),
            region: clients.region().to_owned(),
        },
        arn: arn.to_owned(),
    })
}

/// Returns `aws-cn` for `arn:aws-cn:…`.
fn parse_partition(arn: &str) -> &str {
    // An answer without an ARN counts as the commercial partition.
    arn.split(':').nth(1).filter(|partition| !partition.is_empty()).unwrap_or("aws")
}

#[cfg(test)]
mod tests {
    use super::parse_partition;

    #[test]
    fn the_partition_is_the_callers_own() {
        assert_eq!(parse_partition("arn:aws-cn:iam::123456789012:user/ci"), "aws-cn");
        assert_eq!(parse_partition("arn:aws:sts::123456789012:assumed-role/x/y"), "aws");
        assert_eq!(parse_partition(""), "aws");
    }
}
