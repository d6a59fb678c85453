//! The Lambda quotas of the account.
//!
//! For `lzap doctor` only: a deploy lets AWS refuse what exceeds them.

use aws_sdk_lambda::types::AccountLimit;
use lzap_core::doctor::Limits;

use crate::clients::Clients;
use crate::error::{AwsError, Named};

/// `lambda:GetAccountSettings`: concurrency and code storage of the account in the region. One call, which
/// reads no function. A number that the answer lacks is 0.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html>
///
/// # Errors
/// The call was refused, or AWS didn't respond.
pub(crate) async fn account_limits(clients: &Clients) -> Result<Limits, AwsError> {
    let answer = clients.lambda().get_account_settings().send().await.named("lambda:GetAccountSettings");
    let answer = answer.map_err(|error| clients.explain(error))?;
    let (limit, usage) = (answer.account_limit(), answer.account_usage());
    // The SDK's integers are signed; AWS never returns a negative one.
    let count = |number: i32| u64::try_from(number).unwrap_or(0);
    let bytes = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(Limits {
        concurrency: limit.map_or(0, |limit| count(limit.concurrent_executions())),
        unreserved: limit.and_then(AccountLimit::unreserved_concurrent_executions).map_or(0, count),
        code_bytes: usage.map_or(0, |usage| bytes(usage.total_code_size())),
        code_limit_bytes: limit.map_or(0, |limit| bytes(limit.total_code_size())),
    })
}
