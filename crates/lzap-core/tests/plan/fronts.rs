//! The fronts: another owner's API stops only a deploy that would take its place.

use lzap_core::desired::Desired;
use lzap_core::observed::Observed;
use lzap_core::plan::{PlanError, plan};
use lzap_core::resource::front::Front;

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
