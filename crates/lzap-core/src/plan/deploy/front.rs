//! What calls the function: the HTTP API, the keep-warm rule and the schedules, and that they may.

use std::collections::BTreeMap;

use super::{Deploy, delete_rule};
use crate::desired::Rule;
use crate::names::{API_PRINCIPAL, EVENTS_PRINCIPAL, STATEMENT_API, TARGET, rule_statement, statement_rule};
use crate::observed::{Api, LiveRule, Permission, is_ours};
use crate::plan::diff::{api_calls, missing_tags, rule_fields};
use crate::step::{Action, ApiRef, Call, Caller, FieldChange, IntegrationRef, Resource, StepId, VersionRef};

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

    pub(super) fn permissions(&mut self, api: &ApiRef, alias: Option<StepId>, callable: Option<StepId>) {
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
        let after: Vec<StepId> = callable.into_iter().chain(alias).collect();
        for name in self.stage.rules.keys() {
            let source_arn = names.rule_arn(name);
            let wanted = Permission { principal: EVENTS_PRINCIPAL.to_owned(), source_arn };
            self.permission(&rule_statement(name), Some(&wanted), Caller::Rule(name.clone()), &after);
        }
        let is_stale =
            |id: &&String| statement_rule(id).is_some_and(|name| !self.stage.rules.contains_key(name));
        for stale in self.observed.permissions.keys().filter(is_stale) {
            let change = self.builder.change(Resource::Permission, stale.clone(), Action::Delete);
            self.builder.step(change, Call::RemovePermission(stale.clone()), after.iter().copied());
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

    /// The rules. What a schedule asks for must be there before it is asked for: answers the step that looked, where only
    /// schedules are new, and no version is published and probed anyway.
    pub(super) fn rules(&mut self, alias: Option<StepId>) -> Option<StepId> {
        let mut looked = None;
        for (name, wanted) in &self.stage.rules {
            let live = self.observed.rules.get(name);
            looked = looked.or(self.wanted_rule((name, wanted), live, alias, looked));
        }
        // What is no longer wanted goes only when what is wanted instead was found to be possible.
        let after: Vec<StepId> = looked.into_iter().chain(alias).collect();
        let unwanted = self.observed.rules.iter();
        for (name, rule) in unwanted.filter(|(name, rule)| rule.ours && !self.stage.rules.contains_key(*name))
        {
            delete_rule(&mut self.builder, &self.stage.names, name, rule, &after);
        }
        looked
    }

    fn wanted_rule(
        &mut self,
        (name, wanted): (&String, &Rule),
        live: Option<&LiveRule>,
        alias: Option<StepId>,
        looked: Option<StepId>,
    ) -> Option<StepId> {
        let arn = self.stage.names.alias_arn();
        let rule_differs = live.is_none_or(|r| !r.enabled || r.schedule != wanted.schedule);
        let calls = |rule: &LiveRule| {
            rule.targets.iter().any(|t| t.id == TARGET && t.arn == arn && t.input == wanted.input)
        };
        let target_differs = !live.is_some_and(calls);
        let retags = live.is_some_and(|rule| self.retags(rule.ours));
        if !rule_differs && !target_differs && !retags {
            return None;
        }
        let (action, mut fields) = rule_fields(live, wanted, &arn);
        if retags {
            fields.push(FieldChange::of("tags", None, Some("this stage's".to_owned())));
        }
        let change = self.builder.change_fields(Resource::Rule, self.stage.names.rule(name), action, fields);
        if retags {
            let tags = self.stage.tags.clone();
            self.builder.step(change, Call::TagRule { rule: name.clone(), tags }, []);
        }
        let asks = wanted.task.is_some() && target_differs;
        let looked = looked.or_else(|| asks.then(|| self.look(change)).flatten());
        let ready: Vec<StepId> = looked.into_iter().chain(alias).collect();
        // Keep-warm's rule may be made before there is anything to call; a schedule's comes with its task.
        let early: &[StepId] = if wanted.task.is_some() { &ready } else { &[] };
        let put = rule_differs.then(|| {
            let tags = if live.is_none() { self.stage.tags.clone() } else { BTreeMap::default() };
            let call = Call::PutRule { rule: name.clone(), schedule: wanted.schedule.clone(), tags };
            self.builder.step(change, call, early.iter().copied())
        });
        if target_differs {
            let after: Vec<StepId> = put.into_iter().chain(ready).collect();
            let call = Call::PutTarget { rule: name.clone(), input: wanted.input.clone() };
            self.builder.step(change, call, after);
        }
        looked
    }

    /// Asks the live version for its tasks, unless the plan asks a new one.
    fn look(&mut self, change: usize) -> Option<StepId> {
        let probes = self.builder.plan.steps.iter().any(|step| matches!(step.call, Call::Probe { .. }));
        let live = self.observed.alias.as_ref().filter(|_| !probes)?;
        let call = Call::Probe {
            version: VersionRef::Known(live.version.clone()),
            tasks: self.stage.scheduled_tasks(),
            health_path: None,
        };
        Some(self.builder.step(change, call, []))
    }
}
