//! AWS quotas as constants. Each name has the unit, and each comment the page.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html> unless the comment names another page; all
//! pages were read in 2026-11. AWS counts a megabyte as 1024 × 1024 bytes.

use std::ops::RangeInclusive;

const MB: u64 = 1024 * 1024;

/// The payload of a synchronous invocation, in each direction.
pub const SYNC_PAYLOAD_BYTES: u64 = 6 * MB;
/// The JSON text of a function's answer to a load balancer.
/// AWS: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>
pub const LOAD_BALANCER_RESPONSE_BYTES: u64 = MB;
/// The event of an asynchronous invocation: smaller than a synchronous one's.
pub const ASYNC_PAYLOAD_BYTES: u64 = MB;
/// The default and the largest value of an asynchronous invocation's maximum retry attempts.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>
pub const ASYNC_RETRIES: u32 = 2;
/// The allowed values of an asynchronous invocation's maximum event age.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>
pub const ASYNC_MAX_AGE_SECS: RangeInclusive<u32> = 60..=21_600;
/// A zip in a request of `CreateFunction` or `UpdateFunctionCode`. Larger ones must be in S3.
pub const INLINE_ZIP_BYTES: u64 = 50 * MB;
/// An unzipped deployment package with its layers.
pub const UNZIPPED_BYTES: u64 = 250 * MB;
/// The memory of a function, in steps of 1 MB. CPU grows in proportion: 1,769 MB have one vCPU.
pub const MEMORY_MB: RangeInclusive<u32> = 128..=10_240;
/// The timeout of a function: 15 minutes at most.
pub const TIMEOUT_SECS: RangeInclusive<u32> = 1..=900;
/// The size of `/tmp` in an execution environment. The first 512 MB are free.
pub const EPHEMERAL_STORAGE_MB: RangeInclusive<u32> = 512..=10_240;
/// The environment variables of a function: keys and values of all together, as a JSON text. The error of a larger one
/// quotes that text.
pub const ENVIRONMENT_BYTES: usize = 4096;
/// The reserved concurrency of an account leaves at least this much for functions that reserve none.
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html>
pub const UNRESERVED_CONCURRENCY: u32 = 100;
/// The tags of a resource.
/// AWS: <https://docs.aws.amazon.com/tag-editor/latest/userguide/reference.html>
pub const TAGS: usize = 50;
/// The key of a tag. It is not empty.
/// AWS: <https://docs.aws.amazon.com/tag-editor/latest/userguide/reference.html>
pub const TAG_KEY_CHARS: usize = 128;
/// The value of a tag.
/// AWS: <https://docs.aws.amazon.com/tag-editor/latest/userguide/reference.html>
pub const TAG_VALUE_CHARS: usize = 256;
/// The name of a function without its ARN: ASCII letters, digits, `-` and `_`.
pub const FUNCTION_NAME_CHARS: usize = 64;
/// The name of an IAM role.
/// AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const ROLE_NAME_CHARS: usize = 64;
/// The path of an IAM role, with the `/` at both ends.
/// AWS: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
pub const ROLE_PATH_CHARS: usize = 512;
/// The inline policies of a role together. IAM doesn't count white space.
/// AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const ROLE_POLICY_CHARS: usize = 10_240;
/// A managed policy. IAM doesn't count white space.
/// AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const MANAGED_POLICY_CHARS: usize = 6_144;
/// The name of an `EventBridge` rule.
/// AWS: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>
pub const RULE_NAME_CHARS: usize = 64;
/// A rule target's constant input.
/// AWS: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html>
pub const RULE_INPUT_BYTES: usize = 8192;
/// The schedules of a stage. This is lzap's own limit: each schedule is a statement of 350 to 450 bytes in the function's
/// resource policy, and AWS limits that to 20 KB.
pub const SCHEDULES: usize = 40;
/// The description of a function or of a published version, in characters and not in bytes.
pub const DESCRIPTION_CHARS: usize = 256;
/// The time for which an HTTP API waits for its integration. AWS doesn't raise it.
/// AWS: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
pub const HTTP_API_TIMEOUT_SECS: u32 = 30;
/// The time of the init phase. When it takes longer, Lambda runs it again in the first invocation.
pub const INIT_SECS: u32 = 10;
/// The version of glibc in `provided.al2023`: a binary may need no symbol of a newer one.
/// AWS: <https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html>
pub const AL2023_GLIBC: (u16, u16) = (2, 34);
/// The retention periods of a log group that CloudWatch Logs accepts.
/// AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
pub const LOG_RETENTION_DAYS: &[u16] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];
