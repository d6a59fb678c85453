//! The AWS account: who calls, the clock, the limits, the bucket.

use lzap_wire::limits::UNRESERVED_CONCURRENCY;

use super::check::{Check, Failure, Status};
use crate::text::format_size;

/// The Lambda quotas of the account in the region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Environments that may run at once, all functions together.
    pub concurrency: u64,
    /// The part of the concurrency that no function has reserved.
    pub unreserved: u64,
    /// Code that is stored.
    pub code_bytes: u64,
    /// Code that may be stored.
    pub code_limit_bytes: u64,
}

/// The bucket of the account and region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// Not there yet.
    Missing {
        /// Its name.
        name: String,
    },
    /// lzap made it.
    Managed {
        /// Its name.
        name: String,
    },
    /// The account's, but not made by lzap: it is used, and never deleted.
    Theirs {
        /// Its name.
        name: String,
    },
}

/// Checks that a region is set. Which regions exist isn't checked.
pub fn region(region: Option<&str>) -> Check {
    match region {
        Some(region) => Check::new("region", Status::Ok, region),
        None => Check::new("region", Status::Problem, "no AWS region is set").help(
            "write `region = \"eu-central-1\"` into the stage's section of lzap.toml, or set AWS_REGION",
        ),
    }
}

/// Checks the credentials: the caller's account and ARN.
pub fn credentials(caller: Result<(&str, &str), &Failure>) -> Check {
    match caller {
        Ok((account, arn)) => Check::new("credentials", Status::Ok, format!("account {account}, {arn}")),
        Err(failure) => Check::failed("credentials", failure),
    }
}

/// Checks this machine's clock, which is `ahead_secs` ahead of AWS's. AWS refuses requests that are more than
/// 5 minutes off; a minute is a warning, because the difference may grow.
///
/// AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html>
pub fn clock(ahead_secs: Option<i64>) -> Check {
    let Some(ahead) = ahead_secs else {
        return Check::new(
            "clock",
            Status::Skipped,
            "AWS did not answer, so there is nothing to compare with",
        );
    };
    let off = ahead.unsigned_abs();
    let way = if ahead < 0 { "behind" } else { "ahead of" };
    let detail =
        format!("{} {way} AWS", if off < 120 { format!("{off} s") } else { format!("{} min", off / 60) });
    let status = match off {
        0..=60 => {
            return Check::new(
                "clock",
                Status::Ok,
                if off < 2 { "agrees with AWS".to_owned() } else { detail },
            );
        }
        61..=300 => Status::Warning,
        _ => Status::Problem,
    };
    Check::new("clock", status, detail).help("sudo timedatectl set-ntp true")
}

/// Checks that enough environments may run at once. New accounts may have only 10, and every reservation
/// leaves 100 unreserved. Never more than a warning.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html>
pub fn concurrency(limits: &Limits) -> Check {
    const QUOTA: &str =
        "ask for more: https://console.aws.amazon.com/servicequotas/home/services/lambda/quotas";
    let Limits { concurrency, unreserved, .. } = *limits;
    let detail = format!("{concurrency} functions at once, {unreserved} of them unreserved");
    if concurrency <= 10 {
        let detail = format!("{detail}: more requests than that at the same time are refused");
        Check::new("concurrency", Status::Warning, detail).help(QUOTA)
    } else if unreserved < u64::from(UNRESERVED_CONCURRENCY) {
        let detail = format!("{detail}: other functions have reserved the rest");
        Check::new("concurrency", Status::Warning, detail)
            .help("lower their reserved concurrency, or ".to_owned() + QUOTA)
    } else {
        Check::new("concurrency", Status::Ok, detail)
    }
}

/// Checks that more versions can be stored: a warning above 80 % of the quota.
pub fn code_storage(limits: &Limits) -> Check {
    let Limits { code_bytes, code_limit_bytes, .. } = *limits;
    // A quota of 0 means that AWS's answer had none: no division by it.
    let percent = (u128::from(code_bytes) * 100).checked_div(u128::from(code_limit_bytes)).unwrap_or(0);
    let detail =
        format!("{} of {} used ({percent} %)", format_size(code_bytes), format_size(code_limit_bytes));
    if percent > 80 {
        return Check::new("code storage", Status::Warning, detail).help(
            "delete old functions and versions: https://console.aws.amazon.com/lambda/home#/functions",
        );
    }
    Check::new("code storage", Status::Ok, detail)
}

/// Describes the bucket of the account and region. One of another account is an error of the read, and
/// doesn't get here.
pub fn bucket(bucket: &Bucket) -> Check {
    let detail = match bucket {
        Bucket::Missing { name } => format!("{name} is made by the first deploy"),
        Bucket::Managed { name } => format!("{name} is there"),
        Bucket::Theirs { name } => format!("{name} is the account's own; lzap uses it and never deletes it"),
    };
    Check::new("bucket", Status::Ok, detail)
}

/// Returns the check for a read that AWS refused: the deploy needs other permissions than the doctor, so it
/// is no problem yet.
pub fn unread(name: &'static str, failure: &Failure) -> Check {
    Check { status: Status::Warning, ..Check::failed(name, failure) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(ahead: i64) -> Status {
        clock(Some(ahead)).status
    }

    #[test]
    fn a_clock_may_be_a_little_off_either_way() {
        assert_eq!([status(0), status(60), status(-60)], [Status::Ok; 3]);
        assert_eq!([status(61), status(-300)], [Status::Warning; 2]);
        assert_eq!([status(301), status(-86_400)], [Status::Problem; 2]);
        assert_eq!(clock(Some(-600)).detail, "10 min behind AWS");
        assert_eq!(clock(None).status, Status::Skipped);
    }

    #[test]
    fn few_environments_are_told() {
        let limits = |concurrency, unreserved| Limits { concurrency, unreserved, ..Limits::default() };
        assert_eq!(concurrency(&limits(1000, 1000)).status, Status::Ok);
        let new = concurrency(&limits(10, 10));
        assert_eq!(new.status, Status::Warning);
        assert!(new.help.is_some_and(|help| help.contains("servicequotas")));
        assert!(concurrency(&limits(1000, 99)).detail.contains("reserved the rest"));
    }

    #[test]
    fn a_full_code_storage_is_told_before_it_is_full() {
        let limits =
            |used: u64| Limits { code_bytes: used << 30, code_limit_bytes: 75 << 30, ..Limits::default() };
        assert_eq!(code_storage(&limits(60)).status, Status::Ok);
        let full = code_storage(&limits(61));
        assert_eq!(
            (full.status, full.detail.as_str()),
            (Status::Warning, "61.0 GiB of 75.0 GiB used (81 %)")
        );
        assert_eq!(code_storage(&Limits::default()).status, Status::Ok);
    }

    #[test]
    fn what_is_missing_is_a_problem() {
        assert_eq!(region(None).status, Status::Problem);
        let failure = Failure { what: "no credentials".into(), help: Some("aws configure".into()) };
        assert_eq!(credentials(Err(&failure)).help.as_deref(), Some("aws configure"));
        assert_eq!(unread("concurrency", &failure).status, Status::Warning);
        assert_eq!(bucket(&Bucket::Missing { name: "b".into() }).status, Status::Ok);
    }
}
