//! What calls the function: the HTTP API and the keep-warm rule, and that they may.

use std::collections::BTreeMap;

use super::{Deploy, delete_rule};
use crate::desired::Rule;
use crate::names::{API_PRINCIPAL, EVENTS_PRINCIPAL, STATEMENT_API, STATEMENT_KEEP_WARM, TARGET};
use crate::observed::{Api, LiveRule, Permission, is_ours};
use crate::plan::diff::{api_calls, missing_tags, rule_fields};
use crate::step::{Action, ApiRef, Call, Caller, FieldChange, IntegrationRef, Resource, StepId};

impl Deploy<'_> {
    /// The API, its integration, its one route and its one stage.
    pub(super) fn api(&mut self) -> ApiRef {
        let name = self.stage.names.api();
        let tags = self.stage.tags.clone();
        let Some(api) = self.observed.api() else {
            let change = self.builder.change(Resource::Api, name, Action::Create);
            let create = self.builder.step(change, Call::CreateApi { tags: tags.clone() }, []);
            let integration = self.builder.step(change, Call::CreateIntegration(ApiRef::Created), [create]);
            let route = Call::CreateRoute { api: ApiRef::Created, integration: IntegrationRef::Created };
            self.builder.step(change, route, [integration]);
            self.builder.step(change, Call::CreateStage { api: ApiRef::Created, tags }, [create]);
            return ApiRef::Created;
        };
        self.api_update(api, name);
        self.twins();
        ApiRef::Known(api.id.clone())
    }

    fn api_update(&mut self, api: &Api, name: String) {
        let known = ApiRef::Known(api.id.clone());
        let (calls, mut fields) = api_calls(api, &self.stage.names.alias_arn(), &self.stage.tags);
        let tags = missing_tags(&api.tags, &self.stage.tags);
        let tags_differ = !tags.is_empty();
        fields.extend(tags);
        if fields.is_empty() {
            return;
        }
        let change = self.builder.change_fields(Resource::Api, name, Action::Update, fields);
        if tags_differ {
            let call = Call::TagApi { api: api.id.clone(), tags: self.stage.tags.clone() };
            self.builder.step(change, call, []);
        }
        let mut integration = None;
        for call in calls {
            let after = match call {
                Call::CreateRoute { .. } | Call::UpdateRoute { .. } => integration,
                _ => None,
            };
            let makes_integration = call == Call::CreateIntegration(known.clone());
            let id = self.builder.step(change, call, after);
            if makes_integration {
                integration = Some(id);
            }
        }
    }

    /// APIs that a deploy answered into the void left behind. One that only has the stage's name is nobody's twin.
    fn twins(&mut self) {
        let names = &self.stage.names;
        for twin in self.observed.apis.iter().skip(1).filter(|api| is_ours(&api.tags, names)) {
            let change = self.builder.change(Resource::Api, twin.id.clone(), Action::Delete);
            self.builder.step(change, Call::DeleteApi(twin.id.clone()), []);
        }
    }

    pub(super) fn permissions(&mut self, api: &ApiRef, alias: Option<StepId>) {
        let names = &self.stage.names;
        let source = match api {
            ApiRef::Known(id) => Some(names.api_source_arn(id)),
            ApiRef::Created => None,
        };
        let created =
            self.builder.plan.steps.iter().position(|step| matches!(step.call, Call::CreateApi { .. }));
        let after: Vec<StepId> = alias.into_iter().chain(created).collect();
        let wanted = source.map(|source_arn| Permission { principal: API_PRINCIPAL.to_owned(), source_arn });
        self.permission(STATEMENT_API, wanted.as_ref(), Caller::Api(api.clone()), &after);
        let after: Vec<StepId> = alias.into_iter().collect();
        if self.stage.keep_warm.is_some() {
            let source_arn = names.keep_warm_rule_arn();
            let wanted = Permission { principal: EVENTS_PRINCIPAL.to_owned(), source_arn };
            self.permission(STATEMENT_KEEP_WARM, Some(&wanted), Caller::KeepWarm, &after);
        } else if self.observed.permissions.contains_key(STATEMENT_KEEP_WARM) {
            let change =
                self.builder.change(Resource::Permission, STATEMENT_KEEP_WARM.to_owned(), Action::Delete);
            self.builder.step(change, Call::RemovePermission(STATEMENT_KEEP_WARM.to_owned()), after);
        }
    }

    /// A statement can't be changed: one that differs is removed and added. `None`: what is wanted isn't known yet.
    fn permission(&mut self, statement: &str, wanted: Option<&Permission>, caller: Caller, after: &[StepId]) {
        let after = after.iter().copied();
        match self.observed.permissions.get(statement) {
            Some(live) if Some(live) == wanted => {}
            Some(_) => {
                let change = self.builder.change(Resource::Permission, statement.to_owned(), Action::Replace);
                let remove = Call::RemovePermission(statement.to_owned());
                let removed = self.builder.step(change, remove, after);
                self.builder.step(change, Call::AddPermission(caller), [removed]);
            }
            None => {
                let change = self.builder.change(Resource::Permission, statement.to_owned(), Action::Create);
                self.builder.step(change, Call::AddPermission(caller), after);
            }
        }
    }

    pub(super) fn rule(&mut self, alias: Option<StepId>) {
        match (&self.stage.keep_warm, &self.observed.rule) {
            (None, None) => {}
            (None, Some(rule)) => delete_rule(&mut self.builder, self.stage.names.keep_warm_rule(), rule),
            (Some(wanted), live) => self.wanted_rule(wanted, live.as_ref(), alias),
        }
    }

    fn wanted_rule(&mut self, wanted: &Rule, live: Option<&LiveRule>, alias: Option<StepId>) {
        let arn = self.stage.names.alias_arn();
        let rule_differs = live.is_none_or(|r| !r.enabled || r.schedule != wanted.schedule);
        let calls = |rule: &LiveRule| {
            rule.targets.iter().any(|t| t.id == TARGET && t.arn == arn && t.input == wanted.input)
        };
        let target_differs = !live.is_some_and(calls);
        let retags = live.is_some_and(|rule| self.retags(rule.ours));
        if !rule_differs && !target_differs && !retags {
            return;
        }
        let (action, mut fields) = rule_fields(live, &wanted.schedule, target_differs);
        if retags {
            fields.push(FieldChange::of("tags", None, Some("this stage's".to_owned())));
        }
        let name = self.stage.names.keep_warm_rule();
        let change = self.builder.change_fields(Resource::Rule, name, action, fields);
        if retags {
            self.builder.step(change, Call::TagRule(self.stage.tags.clone()), []);
        }
        let put = rule_differs.then(|| {
            let tags = if live.is_none() { self.stage.tags.clone() } else { BTreeMap::default() };
            self.builder.step(change, Call::PutRule { schedule: wanted.schedule.clone(), tags }, [])
        });
        if target_differs {
            let after: Vec<StepId> = put.into_iter().chain(alias).collect();
            self.builder.step(change, Call::PutTarget { input: wanted.input.clone() }, after);
        }
    }
}
