//! The names of all environment variables that lzap reads or sets.

/// The address on which `cargo run` listens: `HOST:PORT`. It overrides [`PORT`]. Read by the runtime crate.
pub const LZAP_ADDR: &str = "LZAP_ADDR";

/// The port on localhost where `cargo run` listens; 5000 unless set. Read by the runtime crate.
pub const PORT: &str = "PORT";

/// The app's name. Set on the function by a deploy.
pub const LZAP_APP: &str = "LZAP_APP";

/// The stage's name. Set on the function by a deploy.
pub const LZAP_STAGE: &str = "LZAP_STAGE";

/// The bucket for the function's job records and spilled payloads. Set on the function by a deploy when the app uses tasks
/// or `map`.
pub const LZAP_BUCKET: &str = "LZAP_BUCKET";

/// The account that owns [`LZAP_BUCKET`]. The runtime crate names it in every S3 request, so that S3 refuses the request
/// when a bucket of another account has that name. Set on the function by a deploy together with the bucket.
pub const LZAP_ACCOUNT: &str = "LZAP_ACCOUNT";

/// The worker function for a map's chunks, as `FUNCTION:VERSION`; the function itself unless set. Set on the function by a
/// deploy of a stage that has `[stage.NAME.workers]`.
pub const LZAP_WORKERS: &str = "LZAP_WORKERS";

/// The timeout of the function and of its worker function in seconds; 900 unless set. Set on the function by a deploy of an
/// app that uses `map`, for the maximum cost of maps.
pub const LZAP_TIMEOUT: &str = "LZAP_TIMEOUT";

/// The memory of the worker function in MB; that of the function itself unless set. Set on the function together with
/// [`LZAP_TIMEOUT`] by a deploy of a stage whose `[stage.NAME.workers]` sets `memory_mb`.
pub const LZAP_WORKERS_MEMORY: &str = "LZAP_WORKERS_MEMORY";

/// Maximum retry attempts of an asynchronous invocation; 2 unless set. Set on the function by a deploy of a stage whose
/// `[stage.NAME.async]` sets `retries`.
pub const LZAP_RETRIES: &str = "LZAP_RETRIES";

/// The port of the embedded cloud. Unless set, it is 4510, or another one when that is in use. Read by the tool.
pub const LZAP_LOCAL_PORT: &str = "LZAP_LOCAL_PORT";

/// The folder of the embedded cloud's state. Each folder is a separate cloud. Read by the tool.
pub const LZAP_STATE_DIR: &str = "LZAP_STATE_DIR";

/// The concurrency limit of the embedded cloud, in invocations; 1000 unless set, as in an AWS account. Read by the tool.
pub const LZAP_LOCAL_CONCURRENCY: &str = "LZAP_LOCAL_CONCURRENCY";

/// For lzap's own tests: a factor for each wait between two attempts and for the total time of all attempts; 1 unless set.
/// With 0.01, a timeout of one minute is 0.6 s. Read by the tool.
pub const LZAP_TEST_TIME_SCALE: &str = "LZAP_TEST_TIME_SCALE";

/// The address of the Runtime API. Set by Lambda and by the embedded cloud, so its presence means that the process runs there.
pub const AWS_LAMBDA_RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// Set by Lambda on Managed Instances: how many invocations one process gets at the same time; one unless set.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html>
pub const AWS_LAMBDA_MAX_CONCURRENCY: &str = "AWS_LAMBDA_MAX_CONCURRENCY";

/// Set by Lambda: how the execution environment was started, such as `on-demand` or `native-http`.
pub const AWS_LAMBDA_INITIALIZATION_TYPE: &str = "AWS_LAMBDA_INITIALIZATION_TYPE";

/// Set by Lambda for Web Functions: the address and port on which the process serves HTTP, such as `0.0.0.0:3000`.
pub const AWS_LAMBDA_HTTP_ENDPOINT: &str = "AWS_LAMBDA_HTTP_ENDPOINT";

/// The variables that Lambda sets itself and refuses in a function's configuration.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html> (read 2026-11).
pub const RESERVED_BY_LAMBDA: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];
