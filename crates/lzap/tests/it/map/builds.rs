//! A map and a deploy: which build answers, and what an answer of another one means.

use lzap::TaskErrorKind;
use lzap::testing::Fault;

use super::{assert_doubled, cloud, doubled};

#[tokio::test]
async fn another_build_s_answer_ends_the_map_and_names_the_deploy() {
    let error = cloud().fault(|_| Some(Fault::OtherBuild)).run(doubled().run()).await.expect_err("skew");
    assert_eq!(error.kind(), TaskErrorKind::WrongBuild);
    let error = cloud().fault(|_| Some(Fault::Garbage)).run(doubled().run()).await.expect_err("garbage");
    assert_eq!(error.kind(), TaskErrorKind::BadOutput);
    assert!(error.to_string().contains("another"), "{error}");
}

/// The map invokes the version that it runs as, and that one stays what it is.
#[tokio::test]
async fn a_deploy_in_the_middle_changes_nothing_for_a_published_version() {
    let deployed = || cloud().deploy_at(5);
    let reports = [
        assert_doubled(deployed().run(doubled().run()).await),
        assert_doubled(deployed().run_over_http(doubled().run()).await.expect("a free port")),
    ];
    for report in reports {
        assert_eq!((report.attempts, report.retries, report.workers), (20, 0, 1), "{report:?}");
    }
}

/// Only `$LATEST` answers, and that is another build by now: an error, and no result of it.
#[tokio::test]
async fn a_deploy_in_the_middle_of_an_unpublished_version_s_map_ends_it() {
    let deployed = || cloud().unpublished().deploy_at(5);
    let errors = [
        deployed().run(doubled().run()).await.expect_err("skew"),
        deployed().run_over_http(doubled().run()).await.expect("a free port").expect_err("skew"),
    ];
    for error in errors {
        assert_eq!(error.kind(), TaskErrorKind::WrongBuild, "{error}");
        assert!(error.to_string().contains("a deploy happened in between; try again"), "{error}");
        assert!(error.report().done <= 40, "{:?}", error.report());
    }
    // Before the deploy, it is as good as a published one.
    assert_doubled(cloud().unpublished().deploy_at(21).run(doubled().run()).await);
}
