//! Maps during a deploy: a map never uses results of another build.

use lzap::TaskErrorKind;
use lzap::testing::Fault;

use super::{assert_doubled, cloud, doubled};

#[tokio::test]
async fn answer_of_another_build_ends_the_map() {
    let error = cloud().fault(|_| Some(Fault::OtherBuild)).run(doubled().run()).await.expect_err("skew");
    assert_eq!(error.kind(), TaskErrorKind::WrongBuild);
    let error = cloud().fault(|_| Some(Fault::Garbage)).run(doubled().run()).await.expect_err("garbage");
    assert_eq!(error.kind(), TaskErrorKind::BadOutput);
    assert!(error.to_string().contains("another"), "{error}");
}

/// The map invokes the version that it runs as, and a published version never changes.
#[tokio::test]
async fn deploy_during_a_map_does_not_affect_a_published_version() {
    let deployed = || cloud().deploy_at(5);
    let reports = [
        assert_doubled(deployed().run(doubled().run()).await),
        assert_doubled(deployed().run_over_http(doubled().run()).await.expect("a free port")),
    ];
    for report in reports {
        assert_eq!((report.attempts, report.retries, report.workers), (20, 0, 1), "{report:?}");
    }
}

/// `$LATEST` is another build after the deploy, so the map fails and has no result of it.
#[tokio::test]
async fn deploy_during_a_map_of_an_unpublished_version_ends_it() {
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
    // Without a deploy during the map, an unpublished version works.
    assert_doubled(cloud().unpublished().deploy_at(21).run(doubled().run()).await);
}
