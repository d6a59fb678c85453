//! One stage in the embedded cloud, deployed, requested, updated and rolled back again and again: nothing may break, and
//! the cloud may not grow. Only `cargo xtask test exhaustive soak` runs it.

use std::time::{Duration, Instant};

use fs_err as fs;
use hyper::Method;
use lzap_testkit::{LocalCloud, send_request};
use serde_json::Value;

use crate::clouds::Cloud;
use crate::support::Result;

/// Unless `LZAP_SOAK_MINUTES` says another number.
const MINUTES: u64 = 60;
/// Requests between two changes of the stage.
const REQUESTS: usize = 200;
/// Rounds before the cloud's memory is measured for the first time: what it loads once is loaded by then.
const WARM_UP: u32 = 5;
/// What the cloud may grow after that, over the whole run. It keeps versions and log lines, which is little.
const MOST_GROWTH_KIB: u64 = 64 * 1024;

#[test]
#[ignore = "takes an hour: cargo xtask test exhaustive soak"]
fn a_stage_changed_and_requested_for_an_hour_stays_the_same() -> Result {
    let minutes = std::env::var("LZAP_SOAK_MINUTES").ok().and_then(|it| it.parse().ok()).unwrap_or(MINUTES);
    let until = Instant::now() + Duration::from_secs(minutes * 60);
    let cloud = LocalCloud::start()?;
    drop(cloud.deploy("deploy", "")?);
    let mut first_size = None;
    let mut round = 0;
    while Instant::now() < until || round <= WARM_UP {
        round += 1;
        let memory = if round % 2 == 0 { 128 } else { 256 };
        let updated = cloud.deploy("deploy", &format!("memory_mb = {memory}"))?;
        request_often(&updated, round)?;
        drop(cloud.run("rollback", &[], "")?.expect_success());
        request_often(&updated, round)?;
        if round == WARM_UP {
            first_size = Some(resident_kib(&cloud)?);
        }
    }
    let (before, after) = (first_size.unwrap_or_default(), resident_kib(&cloud)?);
    assert!(after < before + MOST_GROWTH_KIB, "from {before} to {after} KiB in {round} rounds");
    drop(cloud.run("undeploy", &["--yes"], "")?.expect_success());
    Ok(())
}

/// Each request is answered, whatever is changed meanwhile.
fn request_often(deployed: &Value, round: u32) -> Result {
    let url = deployed["url"].as_str().unwrap_or_default();
    for number in 0..REQUESTS {
        let answer = send_request(&Method::GET, url, "text/plain", "")?;
        assert_eq!(answer.status, 200, "request {number} of round {round}: {}", answer.text());
    }
    Ok(())
}

/// The memory of the cloud's own process, without its functions.
fn resident_kib(cloud: &LocalCloud) -> Result<u64> {
    let status = cloud.read_status()?;
    let process = fs::read_to_string(format!("/proc/{}/status", status["pid"]))?;
    let line = process.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default())
}
