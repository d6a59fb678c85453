//! The fronts: another owner's API stops only a deploy that would take its place, and of several APIs the one in use stays.

use lzap_core::desired::Desired;
use lzap_core::ids::ApiId;
use lzap_core::observed::Observed;
use lzap_core::plan::{PlanError, plan};
use lzap_core::resource::Operation;
use lzap_core::resource::alias::AliasOperation;
use lzap_core::resource::front::Front;
use lzap_core::resource::http_api::{HttpApiOperation, ObservedApi};

use crate::{deployed, names, stage};

#[test]
fn foreign_api_stops_a_deploy_with_an_http_api_and_no_other() {
    let with_url = stage(1, |settings| settings.front = Front::FunctionUrl);
    let mut cloud = deployed(&with_url, &Observed::nothing(names()));
    let mut theirs = deployed(&stage(1, |_| ()), &Observed::nothing(names())).apis.remove(0);
    theirs.tags.clear();
    cloud.apis.push(theirs);
    let again = plan(&Desired::Stage(Box::new(with_url)), &cloud).expect("a plan");
    assert!(again.is_empty(), "{again:#?}");
    let refused = plan(&Desired::Stage(Box::new(stage(1, |_| ()))), &cloud);
    assert!(matches!(refused, Err(PlanError::NotOurs { resource: "HTTP API", .. })), "{refused:?}");
    cloud.function_url = None;
    assert_eq!(cloud.url(Front::FunctionUrl), None, "another owner's URL is not the stage's");
}

/// A `CreateApi` whose answer was lost leaves an API that can become visible only after the next one serves the stage.
#[test]
fn of_several_apis_the_one_that_may_invoke_the_alias_stays() {
    let first = deployed(&stage(1, |_| ()), &Observed::nothing(names()));
    let twin = ObservedApi { id: ApiId::new("twin000000"), ..first.apis[0].clone() };
    let deletion = Operation::HttpApi(HttpApiOperation::Delete(twin.id.clone()));
    for at in [0, 1] {
        let mut cloud = first.clone();
        cloud.apis.insert(at, twin.clone());
        assert_eq!(cloud.api(), first.api());
        let again = plan(&Desired::Stage(Box::new(stage(1, |_| ()))), &cloud).expect("a plan");
        let operations: Vec<&Operation> = again.steps.iter().map(|step| &step.operation).collect();
        assert_eq!(operations, [&deletion]);
        assert!(!again.destructive_changes().is_empty());

        let next = plan(&Desired::Stage(Box::new(stage(2, |_| ()))), &cloud).expect("a plan");
        let find =
            |wanted: &dyn Fn(&Operation) -> bool| next.steps.iter().position(|it| wanted(&it.operation));
        let switch = find(&|operation| matches!(operation, Operation::Alias(AliasOperation::Update { .. })));
        let deleted = find(&|operation| *operation == deletion).expect("a deletion");
        assert!(next.steps[deleted].after.iter().any(|earlier| Some(earlier.0) == switch), "{next:#?}");
    }
}
