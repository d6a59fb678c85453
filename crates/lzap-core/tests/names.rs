//! Names keep within AWS's limits, and two stages never share one.

use lzap_core::ids::ApiId;
use lzap_core::names::{Names, Part, Place, RoleName, partition, role};
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_role_name_fits_and_tells_stages_apart(
        app in "[a-z][a-z0-9-]{0,40}",
        one in "[a-z]{1,12}",
        two in "[a-z]{1,12}",
    ) {
        let region = "ap-southeast-1";
        prop_assert!(role(&app, &one, region).len() <= 64);
        prop_assert_eq!(one == two, role(&app, &one, region) == role(&app, &two, region));
    }
}

#[test]
fn arns_carry_the_partition() {
    let names = Names {
        app: "shop".to_owned(),
        stage: "dev".to_owned(),
        place: Place {
            partition: "aws-cn".to_owned(),
            account: "1".to_owned(),
            region: "cn-north-1".to_owned(),
        },
        role: RoleName::default(),
        part: Part::App,
    };
    assert_eq!(names.alias_arn(), "arn:aws-cn:lambda:cn-north-1:1:function:shop-dev:live");
    assert_eq!(names.role_arn(), "arn:aws-cn:iam::1:role/shop-dev-cn-north-1-lzap");
    let team = Names { role: RoleName::Made { path: "/team/".to_owned() }, ..names.clone() };
    assert_eq!(team.role_arn(), "arn:aws-cn:iam::1:role/team/shop-dev-cn-north-1-lzap");
    let existing =
        Names { role: RoleName::Existing("arn:aws-cn:iam::1:role/app".to_owned()), ..names.clone() };
    assert_eq!(existing.role_arn(), "arn:aws-cn:iam::1:role/app");
    assert_eq!(
        ["eu-central-1", "cn-north-1", "us-gov-west-1"].map(partition),
        ["aws", "aws-cn", "aws-us-gov"]
    );
    assert_eq!(names.bucket(), "lzap-1-cn-north-1");
    assert_eq!(names.api_source_arn(&ApiId::new("abc")), "arn:aws-cn:execute-api:cn-north-1:1:abc/*/*");
}
