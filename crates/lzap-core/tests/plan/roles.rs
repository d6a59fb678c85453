//! The execution role: its boundary first, never an existing one, never under another path.

use lzap_core::desired::Desired;
use lzap_core::explain::{CommandContext, Explained as _};
use lzap_core::observed::Observed;
use lzap_core::plan::plan;
use lzap_core::resource::Operation;
use lzap_core::resource::function::FunctionOperation;
use lzap_core::resource::role::{self, RoleOperation};
use lzap_core::role::RoleSetting;
use lzap_core::step::StepId;

use crate::{BOUNDARY, UNDEPLOY, deployed, made, names, stage};

#[test]
fn a_role_that_is_gone_is_made_again_and_set_again() {
    let wanted = stage(1, |_| ());
    let mut cloud = deployed(&wanted, &Observed::nothing(names()));
    cloud.role = None;
    let plan = plan(&Desired::Stage(Box::new(wanted)), &cloud).expect("a plan");
    assert!(plan.steps.iter().any(|step| matches!(
        step.operation,
        Operation::Function(FunctionOperation::UpdateConfiguration(_))
    )));
}

#[test]
fn a_role_is_bounded_before_anything_else_of_it_changes() {
    let cloud = deployed(&stage(1, |_| ()), &Observed::nothing(names()));
    let wanted = stage(1, |settings| settings.role = made("/", Some(BOUNDARY), &["s3:GetObject"]));
    let change = plan(&Desired::Stage(Box::new(wanted.clone())), &cloud).expect("a plan");
    let calls: Vec<&Operation> = change.steps.iter().map(|step| &step.operation).collect();
    assert!(
        matches!(calls.as_slice(), [Operation::Role(RoleOperation::PutPermissionsBoundary(arn)), Operation::Role(RoleOperation::PutPolicy(_))] if arn == BOUNDARY),
        "{calls:?}"
    );
    assert_eq!(change.steps[1].after, [StepId(0)]);
    let fields: Vec<String> = change.changes().remove(0).fields.into_iter().map(|it| it.field).collect();
    assert_eq!(fields, ["permissions boundary", "policy"]);
    // And back: a boundary that is no longer wanted, or was set by hand, goes.
    let bounded = deployed(&wanted, &cloud);
    let back = plan(&Desired::Stage(Box::new(stage(1, |_| ()))), &bounded).expect("a plan");
    assert!(
        back.steps
            .iter()
            .any(|step| step.operation == Operation::Role(RoleOperation::DeletePermissionsBoundary)),
        "{:?}",
        back.steps
    );
}

#[test]
fn a_role_under_another_path_is_an_error_that_says_both() {
    let cloud = deployed(&stage(1, |_| ()), &Observed::nothing(names()));
    let wanted = stage(1, |settings| settings.role = made("/team/", None, &[]));
    assert_eq!(wanted.function.role_arn, "arn:aws:iam::123456789012:role/team/shop-dev-eu-central-1-lzap");
    let error = plan(&Desired::Stage(Box::new(wanted)), &cloud).expect_err("a role can't be moved");
    assert!(error.to_string().contains("under the path `/`"), "{error}");
    let help = error.help(&CommandContext::new("deploy", Some("dev")));
    assert!(help.contains("role_path = \"/\"") && help.contains("lzap undeploy dev"), "{help}");
}

#[test]
fn of_an_existing_role_nothing_is_made_changed_or_deleted() {
    let arn = "arn:aws:iam::123456789012:role/team/shop";
    let wanted = stage(1, |settings| settings.role = RoleSetting::Existing(arn.to_owned()));
    let cloud = deployed(&wanted, &Observed::nothing(names()));
    assert_eq!(cloud.role, None);
    assert_eq!(cloud.function.as_ref().map(|function| function.config.role_arn.as_str()), Some(arn));
    let gone = plan(&UNDEPLOY, &cloud).expect("a plan");
    assert!(gone.changes().iter().all(|change| change.resource.kind != role::KIND), "{:?}", gone.changes());
}
