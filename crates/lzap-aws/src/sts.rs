//! STS: who calls.

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
    const OPERATION: &str = "sts:GetCallerIdentity";
    let caller = match clients.sts().get_caller_identity().send().await.named(OPERATION) {
        Ok(caller) => caller,
        Err(error) => return Err(clients.explain_credentials(error).await),
    };
    let account = caller.account().ok_or_else(|| AwsError::broken(OPERATION, "no account in the answer"))?;
    Ok(Place {
        partition: partition(caller.arn().unwrap_or_default()).to_owned(),
        account: account.to_owned(),
        region: clients.region().to_owned(),
    })
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
