//! The alias `live`: see `lzap_core::resource::alias`.
//!
//! Fronts, rules and permissions name the alias and never a version, so that one write to it is the whole
//! switch. AWS: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html>

use std::collections::BTreeSet;

use aws_sdk_lambda::types::AliasRoutingConfiguration;
use lzap_core::history;
use lzap_core::ids::VersionNumber;
use lzap_core::names::{ALIAS, Names};
use lzap_core::resource::alias::{AliasOperation, Canary, ObservedAlias};

use super::step::{Created, StepContext};
use crate::clients::{Attempts, Clients};
use crate::error::{AwsError, Named};
use crate::retry::{PROPAGATION, again};

/// Applies one operation. The version was published a moment ago, so that "not found" can mean "not yet". The
/// alias is written with all of its fields: a repeated call is the same call.
pub(crate) async fn apply_alias(
    context: StepContext<'_>,
    operation: &AliasOperation,
) -> Result<Created, AwsError> {
    let StepContext { clients, names, progress, .. } = context;
    let alias = match operation {
        AliasOperation::Create(version) => {
            let version = context.resolve_version(version)?.clone();
            let alias = AliasWrite { version, description: String::new(), canary: None };
            again(PROPAGATION, progress, || create_alias(clients, names, &alias)).await?;
            alias
        }
        AliasOperation::Update { version, canary, live, description, direction } => {
            let version = context.resolve_version(version)?.clone();
            let description = history::moved(*direction, description, live, &version);
            let canary = match canary {
                Some(share) => {
                    let version = context.resolve_version(&share.version)?.clone();
                    Some(Canary { version, percent: share.percent })
                }
                None => None,
            };
            let alias = AliasWrite { version, description, canary };
            again(PROPAGATION, progress, || update_alias(clients, names, &alias)).await?;
            alias
        }
    };
    Ok(Created::Switched { version: alias.version, canary: alias.canary })
}

/// The desired alias.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AliasWrite {
    /// The version.
    version: VersionNumber,
    /// The versions that were live; see `lzap_core::history`.
    description: String,
    /// Another version that gets a share of the requests.
    canary: Option<Canary>,
}

impl AliasWrite {
    /// Returns the traffic shares as AWS has them, from 0 to 1. An empty map ends a canary; leaving the field
    /// out would keep it.
    fn routing(&self) -> AliasRoutingConfiguration {
        let weight = |canary: &Canary| (canary.version.to_string(), f64::from(canary.percent) / 100.0);
        let weights = self.canary.iter().map(weight);
        AliasRoutingConfiguration::builder().set_additional_version_weights(Some(weights.collect())).build()
    }
}

/// `lambda:CreateAlias`. An alias that exists already is an error, unless this very call created it.
async fn create_alias(clients: &Clients, names: &Names, alias: &AliasWrite) -> Result<(), AwsError> {
    let attempts = Attempts::default();
    let call = clients
        .lambda()
        .create_alias()
        .function_name(names.function())
        .name(ALIAS)
        .function_version(&alias.version)
        .description(&alias.description);
    let outcome = call.customize().interceptor(attempts.clone()).send().await.named("lambda:CreateAlias");
    attempts.accept_own_creation(outcome).map(drop)
}

/// `lambda:UpdateAlias`: the switch. From then on new invocations of the alias go to the version; those in
/// flight end on the old one. AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html>
async fn update_alias(clients: &Clients, names: &Names, alias: &AliasWrite) -> Result<(), AwsError> {
    let call = clients
        .lambda()
        .update_alias()
        .function_name(names.function())
        .name(ALIAS)
        .function_version(&alias.version)
        .description(&alias.description)
        .routing_config(alias.routing());
    call.send().await.named("lambda:UpdateAlias").map(drop)
}

/// `lambda:ListAliases`, all pages: the alias `live`, and the versions that any alias holds.
pub(crate) async fn list_aliases(
    clients: &Clients,
    names: &Names,
) -> Result<(Option<ObservedAlias>, BTreeSet<VersionNumber>), AwsError> {
    let (mut live, mut held) = (None, BTreeSet::new());
    let mut marker = None;
    loop {
        let call = clients.lambda().list_aliases().function_name(names.function()).set_marker(marker);
        let page = call.send().await.named("lambda:ListAliases")?;
        for alias in page.aliases() {
            let canary = parse_canary(alias.routing_config());
            let version = VersionNumber::new(alias.function_version().unwrap_or_default());
            // A version that any alias holds must not be deleted, so all aliases count, not only `live`.
            held.insert(version.clone());
            held.extend(canary.iter().map(|canary| canary.version.clone()));
            if alias.name() == Some(ALIAS) {
                let description = alias.description().unwrap_or_default().to_owned();
                live = Some(ObservedAlias { version, description, canary });
            }
        }
        marker = page.next_marker().filter(|marker| !marker.is_empty()).map(str::to_owned);
        if marker.is_none() {
            return Ok((live, held));
        }
    }
}

/// Returns the version that gets a share of the traffic; `None` if there is none, or its share is 0. AWS
/// allows one in addition to the alias's own.
fn parse_canary(routing: Option<&AliasRoutingConfiguration>) -> Option<Canary> {
    let (version, weight) = routing?.additional_version_weights()?.iter().next()?;
    let percents = 1..=99_u8;
    // AWS returns the share as a floating-point number: the nearest percent is the one that was written.
    let percent = percents.min_by(|a, b| {
        let distance = |percent: u8| (f64::from(percent) / 100.0 - weight).abs();
        distance(*a).total_cmp(&distance(*b))
    })?;
    (*weight > 0.0).then(|| Canary { version: VersionNumber::new(version), percent })
}
