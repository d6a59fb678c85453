//! Reads the state of the account for `lzap doctor`: everything at once, reads only.

use std::future::Future;
use std::time::Duration;

use futures::future::join;
use lzap_core::doctor::{Bucket, Limits};

use crate::account::account_limits;
use crate::clients::{Clients, Cloud};
use crate::error::{AwsError, Kind};
use crate::resource::bucket::observe_bucket;
use crate::sts::{Caller, Greeting, get_caller_identity};

/// The findings; `None` if a prerequisite of the read is missing.
#[derive(Debug)]
pub struct Survey {
    /// The configured region; `None` if none is set.
    pub region: Option<String>,
    /// The caller's identity.
    pub caller: Result<Caller, AwsError>,
    /// Number of seconds that this machine's clock is ahead of AWS's.
    pub ahead_secs: Option<i64>,
    /// The account's quotas; reading them needs a region and credentials.
    pub limits: Option<Result<Limits, AwsError>>,
    /// The bucket of the account and region; reading it needs both.
    pub bucket: Option<Result<Bucket, AwsError>>,
}

/// The region for the call to STS if none is configured: the caller's identity is the same in every region.
const ANY_REGION: &str = "us-east-1";
/// The user waits at the terminal, so a later response counts as no response.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads the account in four calls; independent ones run at the same time.
pub async fn survey(cloud: &Cloud) -> Survey {
    match Clients::connect(cloud).await {
        Ok(clients) => read_account(&clients).await,
        Err(error) if error.kind() == Kind::NoRegion => {
            // A missing region must not hide a problem with the credentials, so the caller is read in any region.
            let profile = if let Cloud::Aws { profile, .. } = cloud { profile.clone() } else { None };
            let anywhere = Cloud::Aws { region: Some(ANY_REGION.to_owned()), profile };
            match Clients::connect(&anywhere).await {
                Ok(clients) => Survey::from(greet_within_limit(&clients).await),
                Err(error) => Survey::from(Greeting { caller: Err(error), ahead_secs: None }),
            }
        }
        Err(error) => Survey::from(Greeting { caller: Err(error), ahead_secs: None }),
    }
}

/// Reads the account with clients that have a region. Independent reads run at the same time.
async fn read_account(clients: &Clients) -> Survey {
    // The bucket's name contains the account, so its read waits for the caller; the quotas don't.
    let place = async {
        let greeting = greet_within_limit(clients).await;
        let bucket = match &greeting.caller {
            Ok(caller) => {
                Some(limit_wait("s3:GetPublicAccessBlock", observe_bucket(clients, &caller.place)).await)
            }
            Err(_) => None,
        };
        (greeting, bucket)
    };
    let limits = limit_wait("lambda:GetAccountSettings", account_limits(clients));
    let ((greeting, bucket), limits) = join(Box::pin(place), Box::pin(limits)).await;
    // Without valid credentials the quotas fail for the same reason: one error is enough.
    let limits = greeting.caller.is_ok().then_some(limits);
    Survey { region: Some(clients.region().to_owned()), limits, bucket, ..Survey::from(greeting) }
}

/// The findings without a region: everything that needs one is `None`.
impl From<Greeting> for Survey {
    fn from(Greeting { caller, ahead_secs }: Greeting) -> Self {
        Self { region: None, caller, ahead_secs, limits: None, bucket: None }
    }
}

/// Reads the caller; a response later than [`PATIENCE`] is an error.
async fn greet_within_limit(clients: &Clients) -> Greeting {
    tokio::time::timeout(PATIENCE, get_caller_identity(clients)).await.unwrap_or_else(|_| {
        let error = clients.explain(AwsError::no_answer("sts:GetCallerIdentity", PATIENCE));
        Greeting { caller: Err(error), ahead_secs: None }
    })
}

/// Waits for a read, at most for [`PATIENCE`]; a later response is the same error as none. `operation` names
/// the call in that error.
async fn limit_wait<T>(
    operation: &'static str,
    read: impl Future<Output = Result<T, AwsError>>,
) -> Result<T, AwsError> {
    // The SDK's own retries can take minutes.
    let late = |_| Err(AwsError::no_answer(operation, PATIENCE));
    tokio::time::timeout(PATIENCE, read).await.unwrap_or_else(late)
}
