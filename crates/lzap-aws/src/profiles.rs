//! Lists the profiles in this machine's AWS config files, for the questions of `lzap init`. The SDK's own reader parses
//! them.

use aws_config::default_provider::region::DefaultRegionChain;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};

/// A profile of the AWS config files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its region, if it has one.
    pub region: Option<String>,
}

/// Returns the profiles of the AWS config files, sorted by name; none where the files are missing or can't be
/// read. Reads files, and sends nothing.
///
/// AWS: <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>
pub async fn profiles() -> Vec<Profile> {
    let files = EnvConfigFiles::default();
    let Ok(set) = aws_config::profile::load(&Fs::real(), &Env::real(), &files, None).await else {
        return Vec::new();
    };
    let mut profiles: Vec<Profile> = set
        .profiles()
        .map(|name| Profile {
            name: name.to_owned(),
            region: set.get_profile(name).and_then(|profile| profile.get("region")).map(str::to_owned),
        })
        .collect();
    profiles.sort_by(|a, b| a.name.cmp(&b.name));
    profiles
}

/// Returns the region that the SDK would take by itself from `AWS_REGION` or the selected profile; `None`
/// without `AWS_REGION` and without any profile.
pub async fn default_region() -> Option<String> {
    let set = std::env::var_os("AWS_REGION").is_some() || !profiles().await.is_empty();
    if !set {
        // The chain would go on to ask a cloud machine's metadata service, and wait.
        return None;
    }
    DefaultRegionChain::builder().build().region().await.map(|region| region.to_string())
}
