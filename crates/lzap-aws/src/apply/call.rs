//! From a step to its call: the only match over [`Call`].

use lzap_core::history;
use lzap_core::names::{API_PRINCIPAL, EVENTS_PRINCIPAL, STATEMENT_API, rule_statement};
use lzap_core::step::{Call, Caller};

use super::error::StepError;
use super::{Late, Made, Site};
use crate::error::AwsError;
use crate::lambda::{self, AliasWrite};
use crate::retry::{BUSY, FRESH, Progress, ROLE, THROTTLED, again};
use crate::{apigateway, events, iam, logs, s3};

/// The write, tried again as the policy says.
macro_rules! write {
    ($retry:ident, $progress:ident, $call:expr) => {
        again($retry, $progress, || $call).await?
    };
}

impl Site<'_> {
    /// Makes the call of one step, and again while AWS is busy.
    #[expect(clippy::too_many_lines, reason = "a table: one arm for each call, and nothing beside it")]
    pub(super) async fn carry_out(
        self,
        call: &Call,
        late: &Late,
        progress: Progress<'_>,
    ) -> Result<Made, StepError> {
        let Self { clients, names, .. } = self;
        match call {
            Call::CreateBucket
            | Call::BlockPublicAccess
            | Call::EncryptBucket
            | Call::PutBucketLifecycle
            | Call::AddBucketExpiry
            | Call::TagBucket
            | Call::UploadArtifact(_)
            | Call::DeleteObjects(_)
            | Call::DeleteBucketIfEmpty => self.carry_out_bucket(call, progress).await?,
            Call::CreateRole { .. }
            | Call::UpdateTrustPolicy(_)
            | Call::PutPermissionsBoundary(_)
            | Call::DeletePermissionsBoundary
            | Call::PutRolePolicy(_)
            | Call::TagRole(_)
            | Call::DeleteRolePolicy(_)
            | Call::DetachRolePolicy(_)
            | Call::DeleteRole => self.carry_out_role(call, progress).await?,
            Call::CreateLogGroup { tags } => {
                write!(BUSY, progress, logs::create_log_group(clients, names, tags));
            }
            Call::PutRetention(days) => {
                write!(FRESH, progress, logs::put_retention(clients, names, *days));
            }
            Call::TagLogGroup(tags) => {
                write!(FRESH, progress, logs::tag_log_group(clients, names, tags));
            }
            Call::DeleteLogGroup => write!(BUSY, progress, logs::delete_log_group(clients, names)),
            Call::PutRule { .. }
            | Call::PutTarget { .. }
            | Call::TagRule { .. }
            | Call::RemoveTargets { .. }
            | Call::DeleteRule(_) => self.carry_out_rule(call, progress).await?,
            Call::CreateFunction { config, artifact, tags } => {
                self.create_function(&late.named(config)?, artifact, tags, progress).await?;
            }
            Call::UpdateFunctionConfiguration(config) => {
                self.update_configuration(&late.named(config)?, progress).await?;
            }
            Call::UpdateFunctionCode { artifact, config } => {
                self.update_code(config, artifact, progress).await?;
            }
            Call::TagFunction(tags) => {
                write!(BUSY, progress, lambda::tag_function(clients, names, tags));
            }
            Call::PutConcurrency(n) => {
                write!(BUSY, progress, lambda::set_concurrency(clients, names, Some(*n)));
            }
            Call::DeleteConcurrency => {
                write!(BUSY, progress, lambda::set_concurrency(clients, names, None));
            }
            Call::OfWorkers(call) => return self.carry_out_workers(call, late, progress).await,
            Call::PublishVersion { description, code_sha256 } => {
                return Ok(Made::Version(self.publish(description, code_sha256, progress).await?));
            }
            Call::Probe { version, tasks, health_path } => {
                let version = late.probed(version)?;
                return self.probe(&version, tasks, health_path.as_deref(), progress).await;
            }
            Call::CreateAlias(version) => {
                let version = late.number(version)?.to_owned();
                let alias = AliasWrite { version, description: String::new(), canary: None };
                write!(FRESH, progress, lambda::create_alias(clients, names, &alias));
                return Ok(Made::Switched(alias.version));
            }
            Call::UpdateAlias { version, canary, live, description, direction } => {
                let version = late.number(version)?.to_owned();
                let canary = late.share(canary.as_ref())?;
                let description = history::moved(*direction, description, live, &version);
                let alias = AliasWrite { version, description, canary };
                write!(FRESH, progress, lambda::update_alias(clients, names, &alias));
                return Ok(Made::Switched(alias.version));
            }
            Call::DeleteVersion(version) => {
                write!(BUSY, progress, lambda::delete_version(clients, names, version));
            }
            Call::PutAsync(_) | Call::DeleteAsync | Call::AddPermission(_) | Call::RemovePermission(_) => {
                self.carry_out_alias(call, late, progress).await?;
            }
            Call::DeleteFunction => write!(BUSY, progress, lambda::delete_function(clients, names)),
            Call::DeleteApi(id) => write!(BUSY, progress, apigateway::delete_api(clients, id)),
            Call::CreateApi { .. }
            | Call::CreateIntegration(_)
            | Call::UpdateIntegration { .. }
            | Call::CreateRoute { .. }
            | Call::UpdateRoute { .. }
            | Call::CreateStage { .. }
            | Call::UpdateStage(_)
            | Call::TagApi { .. } => return self.carry_out_api(call, late, progress).await,
        }
        Ok(Made::Nothing)
    }

    /// A call to the workers: the same, under their names.
    async fn carry_out_workers(
        self,
        call: &Call,
        late: &Late,
        progress: Progress<'_>,
    ) -> Result<Made, StepError> {
        let names = self.names.workers();
        let late = Late { published: late.workers.clone(), ..Late::default() };
        let workers = Site { names: &names, ..self };
        Ok(match Box::pin(workers.carry_out(call, &late, progress)).await? {
            Made::Version(version) => Made::Workers(version),
            made => made,
        })
    }

    /// The calls about who may call the alias, and what becomes of events that nobody waits for.
    async fn carry_out_alias(
        self,
        call: &Call,
        late: &Late,
        progress: Progress<'_>,
    ) -> Result<(), StepError> {
        let Self { clients, names, .. } = self;
        match call {
            Call::PutAsync(config) => {
                // The destination is checked against what the role may do.
                write!(ROLE, progress, lambda::put_async(clients, names, config));
            }
            Call::DeleteAsync => write!(BUSY, progress, lambda::delete_async(clients, names)),
            Call::AddPermission(caller) => {
                let [statement, principal, source] = self.permission(caller, late)?;
                write!(
                    FRESH,
                    progress,
                    lambda::add_permission(clients, names, &statement, &principal, &source)
                );
            }
            Call::RemovePermission(id) => {
                write!(BUSY, progress, lambda::remove_permission(clients, names, id));
            }
            // `carry_out` has all the others.
            _ => {}
        }
        Ok(())
    }

    /// The calls to S3.
    async fn carry_out_bucket(self, call: &Call, progress: Progress<'_>) -> Result<(), StepError> {
        let Self { clients, names, .. } = self;
        match call {
            Call::CreateBucket => write!(BUSY, progress, s3::create_bucket(clients, names)),
            Call::BlockPublicAccess => {
                write!(FRESH, progress, s3::block_public_access(clients, names));
            }
            Call::EncryptBucket => write!(FRESH, progress, s3::encrypt_bucket(clients, names)),
            Call::PutBucketLifecycle => write!(FRESH, progress, s3::put_lifecycle(clients, names)),
            Call::AddBucketExpiry => write!(FRESH, progress, s3::add_expiry(clients, names)),
            Call::TagBucket => write!(FRESH, progress, s3::tag_bucket(clients, names)),
            Call::UploadArtifact(artifact) => {
                write!(FRESH, progress, s3::put_object(clients, names, artifact, progress));
            }
            Call::DeleteObjects(keys) => {
                write!(BUSY, progress, s3::delete_objects(clients, names, keys));
            }
            Call::DeleteBucketIfEmpty => write!(BUSY, progress, s3::delete_bucket(clients, names)),
            // `carry_out` has all the others.
            _ => {}
        }
        Ok(())
    }

    /// The calls to `EventBridge`.
    async fn carry_out_rule(self, call: &Call, progress: Progress<'_>) -> Result<(), StepError> {
        let Self { clients, names, .. } = self;
        match call {
            Call::PutRule { rule, schedule, tags } => {
                write!(BUSY, progress, events::put_rule(clients, names, rule, schedule, tags));
            }
            Call::PutTarget { rule, input } => {
                write!(FRESH, progress, events::put_target(clients, names, rule, input));
            }
            Call::TagRule { rule, tags } => {
                write!(FRESH, progress, events::tag_rule(clients, names, rule, tags));
            }
            Call::RemoveTargets { rule, ids } => {
                write!(BUSY, progress, events::remove_targets(clients, names, rule, ids));
            }
            Call::DeleteRule(rule) => write!(BUSY, progress, events::delete_rule(clients, names, rule)),
            // `carry_out` has all the others.
            _ => {}
        }
        Ok(())
    }

    /// The calls to IAM.
    async fn carry_out_role(self, call: &Call, progress: Progress<'_>) -> Result<(), StepError> {
        let Self { clients, names, .. } = self;
        match call {
            Call::CreateRole { permissions_boundary, trust_policy, tags } => {
                let boundary = permissions_boundary.as_deref();
                write!(BUSY, progress, iam::create_role(clients, names, boundary, trust_policy, tags));
            }
            Call::UpdateTrustPolicy(policy) => {
                write!(BUSY, progress, iam::update_trust_policy(clients, names, policy));
            }
            Call::PutPermissionsBoundary(arn) => {
                write!(BUSY, progress, iam::put_permissions_boundary(clients, names, arn));
            }
            Call::DeletePermissionsBoundary => {
                write!(BUSY, progress, iam::delete_permissions_boundary(clients, names));
            }
            Call::PutRolePolicy(policy) => {
                write!(FRESH, progress, iam::put_role_policy(clients, names, policy));
            }
            Call::TagRole(tags) => write!(FRESH, progress, iam::tag_role(clients, names, tags)),
            Call::DeleteRolePolicy(policy) => {
                write!(BUSY, progress, iam::delete_role_policy(clients, names, policy));
            }
            Call::DetachRolePolicy(arn) => {
                write!(BUSY, progress, iam::detach_role_policy(clients, names, arn));
            }
            Call::DeleteRole => write!(BUSY, progress, iam::delete_role(clients, names)),
            // `carry_out` has all the others.
            _ => {}
        }
        Ok(())
    }

    /// The calls to API Gateway.
    async fn carry_out_api(
        self,
        call: &Call,
        late: &Late,
        progress: Progress<'_>,
    ) -> Result<Made, StepError> {
        let Self { clients, names, .. } = self;
        match call {
            Call::CreateApi { tags } => {
                let (id, endpoint) =
                    write!(THROTTLED, progress, apigateway::create_api(clients, names, tags));
                return Ok(Made::Api(id, endpoint));
            }
            Call::CreateIntegration(api) => {
                let api = late.api(api)?;
                return Ok(Made::Integration(write!(
                    FRESH,
                    progress,
                    apigateway::create_integration(clients, names, api)
                )));
            }
            Call::UpdateIntegration { api, integration } => {
                let api = late.api(api)?;
                write!(BUSY, progress, apigateway::update_integration(clients, names, api, integration));
            }
            Call::CreateRoute { api, integration } => {
                let (api, integration) = (late.api(api)?, late.integration(integration)?);
                write!(FRESH, progress, apigateway::create_route(clients, api, integration));
            }
            Call::UpdateRoute { api, route, integration } => {
                let (api, integration) = (late.api(api)?, late.integration(integration)?);
                write!(FRESH, progress, apigateway::update_route(clients, api, route, integration));
            }
            Call::CreateStage { api, tags } => {
                let api = late.api(api)?;
                write!(FRESH, progress, apigateway::create_stage(clients, api, tags));
            }
            Call::UpdateStage(api) => {
                let api = late.api(api)?;
                write!(BUSY, progress, apigateway::update_stage(clients, api));
            }
            Call::TagApi { api, tags } => {
                write!(BUSY, progress, apigateway::tag_api(clients, names, api, tags));
            }
            // `carry_out` has all the others.
            _ => {}
        }
        Ok(Made::Nothing)
    }

    /// Statement id, principal and source of a permission.
    fn permission(self, caller: &Caller, late: &Late) -> Result<[String; 3], AwsError> {
        let names = self.names;
        let (statement, principal, source) = match caller {
            Caller::Api(api) => {
                (STATEMENT_API.to_owned(), API_PRINCIPAL, names.api_source_arn(late.api(api)?))
            }
            Caller::Rule(rule) => (rule_statement(rule), EVENTS_PRINCIPAL, names.rule_arn(rule)),
        };
        Ok([statement, principal.to_owned(), source])
    }
}
