//! Region and profile: which of flag, key and environment variable wins.

use super::key::Key;
use super::keys;
use super::origin::{Origin, Warning};
use super::picker::Picker;
use crate::config::ConfigError;

const REGION_FLAG: &str = "--region";
const REGION_VARIABLE: &str = "AWS_REGION";
const PROFILE_FLAG: &str = "--profile";
const PROFILE_VARIABLE: &str = "AWS_PROFILE";

/// Region and profile from the command line and the environment.
#[derive(Clone, Debug, Default)]
pub struct PlaceOverrides {
    /// `--region`.
    pub region_flag: Option<String>,
    /// `--profile`.
    pub profile_flag: Option<String>,
    /// `AWS_REGION`.
    pub region_variable: Option<String>,
    /// `AWS_PROFILE`.
    pub profile_variable: Option<String>,
    /// The environment has credentials (`AWS_ACCESS_KEY_ID`), which the AWS SDK takes before those of any profile.
    pub has_credentials: bool,
}

/// Region and profile; `None` leaves the choice to the AWS SDK.
pub(crate) struct ResolvedPlace {
    pub(crate) region: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) warnings: Vec<Warning>,
}

/// Chooses region and profile of a stage on AWS.
///
/// The key `region` comes before `AWS_REGION`, because a stage belongs to a region, and a CI job's environment must not
/// move it. `AWS_PROFILE` comes before the key `profile`, because the name of a profile belongs to a machine.
pub(crate) fn resolve_place(
    pick: &mut Picker<'_>,
    overrides: &PlaceOverrides,
) -> Result<ResolvedPlace, ConfigError> {
    let mut warnings = Vec::new();
    let region = match &overrides.region_flag {
        Some(flag) => {
            keys::REGION.check_text(REGION_FLAG, flag)?;
            pick.note(&keys::REGION, Origin::Flag(REGION_FLAG), Some(flag.clone()))
        }
        None => match pick.require_readable(&keys::REGION)? {
            Some(region) => {
                warnings.extend(warn_of_variable(&region, overrides.region_variable.as_deref()));
                Some(region)
            }
            None => note_variable(pick, &keys::REGION, REGION_VARIABLE, overrides.region_variable.clone()),
        },
    };
    let profile = match (&overrides.profile_flag, &overrides.profile_variable) {
        (Some(flag), _) => {
            if overrides.has_credentials {
                warnings.push(Warning {
                    message: format!(
                        "the credentials in the environment (AWS_ACCESS_KEY_ID) are used, not those of the profile `{flag}`: unset \
                         them to use the profile"
                    ),
                });
            }
            pick.note(&keys::PROFILE, Origin::Flag(PROFILE_FLAG), Some(flag.clone()))
        }
        (None, Some(_)) => {
            note_variable(pick, &keys::PROFILE, PROFILE_VARIABLE, overrides.profile_variable.clone())
        }
        (None, None) => pick.require_readable(&keys::PROFILE)?,
    };
    Ok(ResolvedPlace { region, profile, warnings })
}

/// Returns the place of the embedded cloud, which has one region and needs no credentials. Flags that have no
/// effect are warnings.
pub(crate) fn resolve_local_place(pick: &mut Picker<'_>, overrides: &PlaceOverrides) -> ResolvedPlace {
    pick.note(&keys::REGION, Origin::Default, None);
    pick.note(&keys::PROFILE, Origin::Default, None);
    let flags = [(REGION_FLAG, &overrides.region_flag), (PROFILE_FLAG, &overrides.profile_flag)];
    let given = flags.into_iter().filter(|(_, value)| value.is_some());
    let warnings = given.map(|(flag, _)| Warning {
        message: format!("`{flag}` has no effect on the stage `local`, which is the embedded cloud"),
    });
    ResolvedPlace { region: None, profile: None, warnings: warnings.collect() }
}

/// Returns the variable's value, and notes it as the origin if it is set.
fn note_variable(
    pick: &mut Picker<'_>,
    key: &Key<Option<String>>,
    variable: &'static str,
    value: Option<String>,
) -> Option<String> {
    let origin = if value.is_some() { Origin::Environment(variable) } else { Origin::Default };
    pick.note(key, origin, value)
}

/// Warns if the variable names another region than the file, which wins.
fn warn_of_variable(region: &str, variable: Option<&str>) -> Option<Warning> {
    let other = variable.filter(|other| *other != region)?;
    Some(Warning {
        message: format!(
            "the stage's region is {region}, as lzap.toml says, and {REGION_VARIABLE}={other} is not used; `{REGION_FLAG} {other}` \
             would use it"
        ),
    })
}
