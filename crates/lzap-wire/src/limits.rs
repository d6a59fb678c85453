//! AWS quotas as constants: unit in the name, page and date in the comment.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html> unless another page is named; all
//! read 2026-11. AWS counts a megabyte as 1024 × 1024 bytes.

use std::ops::RangeInclusive;

const MB: u64 = 1024 * 1024;

/// Request and response of a synchronous invoke, each.
pub const SYNC_PAYLOAD_BYTES: u64 = 6 * MB;
/// The JSON text that a function answers a load balancer with.
/// AWS: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>
pub const LOAD_BALANCER_RESPONSE_BYTES: u64 = MB;
/// Request of an asynchronous invoke.
pub const ASYNC_PAYLOAD_BYTES: u64 = MB;
/// How often a failed asynchronous event may be tried again.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>
pub const ASYNC_RETRIES: u32 = 2;
/// How long an asynchronous event may be kept.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>
pub const ASYNC_MAX_AGE_SECS: RangeInclusive<u32> = 60..=21_600;
/// A zip sent inside `CreateFunction` or `UpdateFunctionCode`.
pub const INLINE_ZIP_BYTES: u64 = 50 * MB;
/// A deployment package, unzipped, layers included.
pub const UNZIPPED_BYTES: u64 = 250 * MB;
/// A function's memory.
pub const MEMORY_MB: RangeInclusive<u32> = 128..=10_240;
/// A function's timeout.
pub const TIMEOUT_SECS: RangeInclusive<u32> = 1..=900;
/// `/tmp` of a function.
pub const EPHEMERAL_STORAGE_MB: RangeInclusive<u32> = 512..=10_240;
/// All of a function's environment variables together, keys and values.
pub const ENVIRONMENT_BYTES: usize = 4096;
/// A function's name.
pub const FUNCTION_NAME_CHARS: usize = 64;
/// A role's name.
/// AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const ROLE_NAME_CHARS: usize = 64;
/// A role's path.
/// AWS: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
pub const ROLE_PATH_CHARS: usize = 512;
/// All inline policies of a role together, white space not counted.
/// AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const ROLE_POLICY_CHARS: usize = 10_240;
/// A managed policy, white space not counted.
/// AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const MANAGED_POLICY_CHARS: usize = 6_144;
/// The name of an `EventBridge` rule.
/// AWS: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>
pub const RULE_NAME_CHARS: usize = 64;
/// A rule target's constant input.
/// AWS: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html>
pub const RULE_INPUT_BYTES: usize = 8192;
/// The schedules of a stage: each is a statement of some 350 to 450 bytes in the function's resource policy, which has
/// 20 KB at most.
pub const SCHEDULES: usize = 40;
/// A function's or version's description.
pub const DESCRIPTION_CHARS: usize = 256;
/// How long an HTTP API waits for its integration; not raisable.
/// AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
pub const HTTP_API_TIMEOUT_SECS: u32 = 30;
/// How long a function may take to start before it is started again.
pub const INIT_SECS: u32 = 10;
/// The newest glibc symbol version that `provided.al2023` has.
/// AWS: <https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html>
pub const AL2023_GLIBC: (u16, u16) = (2, 34);
/// The retentions, in days, that CloudWatch Logs accepts.
/// AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
pub const LOG_RETENTION_DAYS: &[u16] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];
