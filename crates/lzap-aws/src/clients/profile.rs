//! Looks for a profile in the AWS config files, only after something else was missing.

use std::borrow::Cow;

use aws_config::profile::load;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};

use crate::error::AwsError;

/// The error of a profile that isn't in the AWS configuration; `None` if it exists, or if none was requested.
///
/// `name` is the profile of the settings; without it `AWS_PROFILE` counts, as in the SDK.
pub(super) async fn find_missing(name: Option<&str>) -> Option<AwsError> {
    let over = name.map(|name| Cow::Owned(name.to_owned()));
    let profiles = load(&Fs::default(), &Env::default(), &EnvConfigFiles::default(), over).await.ok()?;
    let wanted = profiles.selected_profile().to_owned();
    // A missing `default` profile is no error: the environment may have the credentials.
    let asked_for = name.is_some() || wanted != "default";
    if !asked_for || profiles.get_profile(&wanted).is_some() {
        return None;
    }
    let mut existing: Vec<String> = profiles.profiles().map(str::to_owned).collect();
    existing.sort_unstable();
    Some(AwsError::no_profile(wanted, existing))
}
