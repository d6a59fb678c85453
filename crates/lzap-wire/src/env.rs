//! Every environment variable that lzap reads or sets, by name.

/// Where `cargo run` listens: `HOST:PORT`. Wins over [`PORT`]. Read by the runtime crate.
pub const LZAP_ADDR: &str = "LZAP_ADDR";

/// The port on localhost where `cargo run` listens; 5000 unless set. Read by the runtime crate.
pub const PORT: &str = "PORT";

/// The app's name. Set on the function by a deploy.
pub const LZAP_APP: &str = "LZAP_APP";

/// The stage's name. Set on the function by a deploy.
pub const LZAP_STAGE: &str = "LZAP_STAGE";

/// The bucket that the function keeps job records and spilled payloads in. Set on the function by a deploy when the app
/// uses tasks or `map`.
pub const LZAP_BUCKET: &str = "LZAP_BUCKET";

/// The account that owns [`LZAP_BUCKET`]: every S3 request of the runtime crate names it, so that a bucket of another
/// account that took the name is refused. Set on the function by a deploy together with the bucket.
pub const LZAP_ACCOUNT: &str = "LZAP_ACCOUNT";

/// Where a map's chunks go, as `FUNCTION:VERSION`; to the function itself unless set. Set on the function by a deploy of a
/// stage that has `[stage.NAME.workers]`.
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

/// The port of the embedded cloud; 4510 unless set, another when it is taken. Read by the tool.
pub const LZAP_LOCAL_PORT: &str = "LZAP_LOCAL_PORT";

/// The folder of the embedded cloud's state. Two folders are two clouds. Read by the tool.
pub const LZAP_STATE_DIR: &str = "LZAP_STATE_DIR";

/// How many invocations the embedded cloud runs at once; 1000 unless set, as on AWS. More are throttled. Read by the tool.
pub const LZAP_LOCAL_CONCURRENCY: &str = "LZAP_LOCAL_CONCURRENCY";

/// For lzap's own tests: a factor for every wait between two attempts, and for how long attempts go on; 1 unless set.
/// With 0.01 a minute of patience takes 0.6 s. Read by the tool.
pub const LZAP_TEST_TIME_SCALE: &str = "LZAP_TEST_TIME_SCALE";

/// Set by Lambda: present means that the process runs in Lambda (or in the embedded cloud).
pub const AWS_LAMBDA_RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// Set by Lambda on Managed Instances: how many invocations one process gets at the same time; one unless set.
///
/// AWS: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html>
pub const AWS_LAMBDA_MAX_CONCURRENCY: &str = "AWS_LAMBDA_MAX_CONCURRENCY";

/// Set by Lambda: how the execution environment was started, such as `on-demand` or `native-http`.
pub const AWS_LAMBDA_INITIALIZATION_TYPE: &str = "AWS_LAMBDA_INITIALIZATION_TYPE";

/// Set by Lambda for Web Functions: the address and port on which the process serves HTTP, such as `0.0.0.0:3000`.
pub const AWS_LAMBDA_HTTP_ENDPOINT: &str = "AWS_LAMBDA_HTTP_ENDPOINT";

/// Names that Lambda sets itself and refuses in a function's environment.
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
