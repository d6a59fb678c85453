//! Two first deploys at once, from two processes: always one stage, whole.

use lzap_testkit::Account;
use serde_json::{Value, json};

use super::flows::{Config, Workshop};
use crate::support::{REGION, Result, new_app};

const TIMES: usize = 20;
/// Exit code: another deploy holds the lock.
const LOCKED: i32 = 6;

#[test]
fn two_first_deploys_at_once_make_one_stage() -> Result {
    let workshop = Workshop::new(new_app("hello-twins")?)?;
    let empty = Account::start_empty(REGION, 10)?;
    // The build is remembered from here on, so that the two meet at AWS and not at cargo.
    let alone = empty.start_copy()?;
    drop(workshop.run(alone.url(), "deploy", Config::First)?.expect_success());
    let whole = alone.dump_resources()?;
    for time in 1..=TIMES {
        let account = empty.start_copy()?;
        let twins = [(); 2].map(|()| workshop.spawn(account.url(), "deploy", Config::First));
        let mut succeeded = 0;
        for twin in twins {
            let outcome = twin?.wait_for_exit(std::time::Duration::from_mins(2))?;
            assert!(matches!(outcome.code, Some(0 | LOCKED)), "time {time}: {outcome}");
            succeeded += usize::from(outcome.code == Some(0));
        }
        assert!(succeeded > 0, "time {time}: one of the two gets through");
        assert_eq!(account.dump_resources()?, whole, "time {time}: as if one had deployed alone");
        one_of_each(&account.dump_resources()?);
        let again = workshop.run(account.url(), "deploy", Config::First)?.expect_success();
        assert!(again.stderr.contains("nothing to do"), "time {time}: {again}");
    }
    Ok(())
}

/// One API, one function, and every reference leads to them.
fn one_of_each(account: &Value) {
    let count = |list: &str| account[list].as_array().map_or(0, Vec::len);
    assert_eq!((count("apis"), count("functions"), count("rules")), (1, 1, 1), "{account:#}");
    let api = &account["apis"][0];
    let parts = ["integrations", "routes", "stages"].map(|part| api[part].as_array().map_or(0, Vec::len));
    assert_eq!(parts, [1; 3], "{api:#}");
    let function = &account["functions"][0];
    let policy = &function["aliases"][0]["policy"]["Statement"];
    assert_eq!(policy.as_array().map_or(0, Vec::len), 2, "{policy:#}");
    // The dump calls the API by its number; another id would stand there as it is.
    assert!(policy.to_string().contains(":[API 1]/*/*"), "{policy:#}");
    assert_eq!(
        function["versions"]["Versions"].as_array().map_or(0, Vec::len),
        2,
        "$LATEST and 1: {function:#}"
    );
    assert_eq!(function["aliases"][0]["alias"]["FunctionVersion"], json!("1"));
}
