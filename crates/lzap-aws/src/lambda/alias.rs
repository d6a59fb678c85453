//! The alias, and who may call it.

use aws_sdk_lambda::types::AliasRoutingConfiguration;
use lzap_core::names::{ALIAS, Names};

use crate::clients::{Attempts, Clients};
use crate::error::{Absent, AwsError, Named};

/// Where the alias goes, and what it says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AliasWrite {
    /// The version.
    pub(crate) version: String,
    /// See `lzap_core::history`.
    pub(crate) description: String,
    /// Another version, and its share in percent.
    pub(crate) canary: Option<(String, u8)>,
}

impl AliasWrite {
    /// The shares. An empty map ends a canary; leaving it out would keep one.
    fn routing(&self) -> AliasRoutingConfiguration {
        let weights =
            self.canary.iter().map(|(version, percent)| (version.clone(), f64::from(*percent) / 100.0));
        AliasRoutingConfiguration::builder().set_additional_version_weights(Some(weights.collect())).build()
    }
}

/// `lambda:CreateAlias`.
pub(crate) async fn create_alias(
    clients: &Clients,
    names: &Names,
    alias: &AliasWrite,
) -> Result<(), AwsError> {
    let attempts = Attempts::default();
    let call = clients
        .lambda()
        .create_alias()
        .function_name(names.function())
        .name(ALIAS)
        .function_version(&alias.version)
        .description(&alias.description);
    let outcome = call.customize().interceptor(attempts.clone()).send().await.named("lambda:CreateAlias");
    attempts.settle(outcome).map(drop)
}

/// `lambda:UpdateAlias`: the switch.
pub(crate) async fn update_alias(
    clients: &Clients,
    names: &Names,
    alias: &AliasWrite,
) -> Result<(), AwsError> {
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

/// `lambda:AddPermission` on the alias.
pub(crate) async fn add_permission(
    clients: &Clients,
    names: &Names,
    statement: &str,
    principal: &str,
    source_arn: &str,
) -> Result<(), AwsError> {
    let attempts = Attempts::default();
    let call = clients
        .lambda()
        .add_permission()
        .function_name(names.function())
        .qualifier(ALIAS)
        .statement_id(statement)
        .action("lambda:InvokeFunction")
        .principal(principal)
        .source_arn(source_arn);
    let outcome = call.customize().interceptor(attempts.clone()).send().await.named("lambda:AddPermission");
    attempts.settle(outcome).map(drop)
}

/// `lambda:RemovePermission` from the alias.
pub(crate) async fn remove_permission(
    clients: &Clients,
    names: &Names,
    statement: &str,
) -> Result<(), AwsError> {
    let call = clients
        .lambda()
        .remove_permission()
        .function_name(names.function())
        .qualifier(ALIAS)
        .statement_id(statement);
    call.send().await.named("lambda:RemovePermission").or_gone()
}
