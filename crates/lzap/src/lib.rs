//! Put an ordinary Rust web app on AWS Lambda, and keep it an ordinary Rust web app.
//!
//! Pass a router to [`App`] and run it. The same binary serves on localhost under `cargo run` and behind the Runtime
//! API in Lambda; the `lzap` command builds it, deploys it, and creates everything it needs in an AWS account.
//!
//! # Quick start
//!
//! ```toml
//! [dependencies]
//! axum = { version = "0.8", default-features = false }
//! lzap = "0.1"
//! tokio = { version = "1", features = ["macros", "rt"] }
//! ```
//!
//! ```no_run
//! use axum::{Router, routing::get};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), lzap::Error> {
//!     let router = Router::new().route("/", get(async || "It works"));
//!     lzap::App::new(router).run().await
//! }
//! ```
//!
//! `cargo run` serves it on <http://localhost:5000>. `lzap init` and `lzap deploy` put it on AWS; `lzap deploy local`
//! runs the very same zip in a cloud on your own machine.
//!
//! One thread is enough for most apps: in Lambda a process has one request at a time, except on
//! [Managed Instances](#several-requests-at-once), and it starts faster without a thread pool.
//!
//! # Any tower service
//!
//! State, layers and extractors of axum work as they always do. Other frameworks and plain functions fit as well, as
//! long as they are a [`tower::Service`](HttpService) over `http::Request<`[`lzap::Body`](Body)`>`:
//!
//! ```no_run
//! use std::convert::Infallible;
//! use http::{Request, Response};
//!
//! async fn answer(request: Request<lzap::Body>) -> Result<Response<String>, Infallible> {
//!     Ok(Response::new(format!("You asked for {}\n", request.uri().path())))
//! }
//!
//! # async fn example() -> Result<(), lzap::Error> {
//! lzap::App::new(tower::service_fn(answer)).run().await
//! # }
//! ```
//!
//! A type that doesn't fit is a compile error, which says what it lacks.
//!
//! # On localhost and in Lambda
//!
//! [`App::run`] looks at the environment variable `AWS_LAMBDA_RUNTIME_API`, which Lambda sets.
//!
//! | | localhost | Lambda |
//! |---|---|---|
//! | listens | `localhost:5000` (`127.0.0.1` and `::1`); `PORT=5001` or `LZAP_ADDR=0.0.0.0:80` change it | not at all: it polls the Runtime API |
//! | requests | any number at once | one at a time in each process, and Lambda starts more processes; on Managed Instances [several at once](#several-requests-at-once) |
//! | bodies | any size, streamed | 6 MB each way (load balancer: 1 MB), whole, counted as JSON text |
//! | work after the answer | continues | is frozen until the next request: finish before you answer |
//! | stops | Ctrl-C or SIGTERM; requests in flight have ten seconds | when Lambda stops the environment |
//! | logs | readable, on stderr | one JSON line per event |
//!
//! # Several requests at once
//!
//! On Lambda Managed Instances one process gets several invocations at once: `AWS_LAMBDA_MAX_CONCURRENCY`, which Lambda sets,
//! says how many. [`App::run`] then serves them in as many tokio tasks. For an app this changes:
//!
//! - **Threads**: use `#[tokio::main]` without `flavor = "current_thread"`, and tokio's feature `rt-multi-thread`. One
//!   thread would serve all requests; lzap logs a warning when the process starts.
//! - **State**: what belongs to one request has no place in a global, an environment variable or a file in `/tmp` of a fixed
//!   name. State that requests share (axum's `State`) is used by several of them at the same time.
//! - **Deadline**: Lambda doesn't end the process. lzap answers the invocation with the error `lzap::TimedOut` and drops its
//!   work at the next `.await`; other invocations go on. Code that blocks, and work that the app spawned, runs to its end.
//!
//! `docs/concurrency.md` in the repository has the details, and what lzap does where Lambda sends requests over HTTP
//! (`AWS_LAMBDA_HTTP_ENDPOINT`; not verified on AWS, where only Node.js can run in this way as of 2026-11).
//!
//! # Events
//!
//! Explicit keys tell what an event is; no format is tried after another:
//!
//! - **HTTP**: API Gateway HTTP APIs (payload 2.0 and 1.0) and REST APIs, function URLs, and application load
//!   balancers. A request gets the same answer behind each of them as under `cargo run`, except for what an event can't
//!   carry: `docs/requests.md` in the repository lists it. `lambda_http::RequestExt` reads the request context.
//! - **lzap's own**: keep-warm pings and deploy probes are answered before your code, and reach neither your router
//!   nor your access log. The events of tasks, with the feature `tasks`, don't reach them either: they run the task.
//! - **Any other event** fails the invocation with an error that names the event's source. Your code doesn't see it.
//!
//! # Panics and errors
//!
//! A panic in a handler, and an error of a service that can fail, become a 500:
//!
//! ```json
//! {"message":"Internal Server Error","requestId":"8f5e0d3a-…"}
//! ```
//!
//! The client gets the request id and nothing else; the log has the message and the place. The process survives, so
//! the next request needs no cold start. That needs unwinding: leave `panic = "abort"` out of your profile.
//!
//! # Logs
//!
//! `run` installs a subscriber for [`tracing`], so that your own events come out as well:
//!
//! ```
//! tracing::info!(order = 17, "shipped");
//! ```
//!
//! In Lambda that is one JSON line with the fields of the event and of the spans around it:
//!
//! ```json
//! {"timestamp":"2026-11-22T20:15:04.123456Z","level":"INFO","target":"shop","requestId":"8f5e0d3a-…","coldStart":false,"message":"shipped","order":17}
//! ```
//!
//! Each line that a request writes has its `requestId` and `coldStart`, which is true for the first invocation of a
//! process. A task that you spawn has them too when you give it the current span (`tracing::Instrument`). Each request
//! adds one line with the target `lzap::access`: `method`, `path` (never the query), `status` and `duration_ms`. The
//! status is what the client gets.
//!
//! A JSON line always begins a line of its own. Text that the app prints without a newline stays in Rust's buffer until
//! its newline comes; a program that flushes such text itself breaks the next JSON line.
//!
//! `RUST_LOG` filters by level and target, as in `RUST_LOG=info,shop=debug`; without it, `AWS_LAMBDA_LOG_LEVEL`
//! counts (Lambda sets it from the function's logging configuration), and without both, `info`. The request id is kept
//! with any filter. In Lambda, `run` also installs a panic hook that logs panics as JSON.
//!
//! An app that has set a global subscriber before `run` keeps it, and its panic hook; the spans carry the same fields.
//!
//! # Tasks and maps
//!
//! With the feature `tasks`, a function can run in another Lambda; with `map`, on each item of a list in as many Lambdas
//! as that is worth:
//!
//! ```
//! #[lzap::task]
//! fn square(n: u64) -> Result<u64, String> {
//!     n.checked_mul(n).ok_or_else(|| format!("{n} is too large"))
//! }
//!
//! # async fn example(router: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
//! let squares: Vec<u64> = square.map(1..=1000).values().await?;
//! lzap::App::new(router).task(square).run().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Under `cargo run` and `cargo test` tasks run in the process, through the same serialization. The guide "From a loop to
//! a thousand Lambdas" (`docs/map.md` in the repository) goes through it step by step; [`testing`] is a Lambda with faults
//! for an app's own tests.
//!
//! # Features
//!
//! | feature | what it does | compile time | zip | cold start |
//! |---|---|---:|---:|---:|
//! | (none) | serves the app on localhost and in Lambda | 119 s | 0.98 MB | below 1 ms |
//! | `tasks` | [`task`](macro@task), [`Task`], [`Job`]: typed tasks in other Lambdas | 202 s | 1.93 MB | below 1 ms |
//! | `map` | [`Task::map`]: one task on many items; contains `tasks` | 209 s | 2.16 MB | below 1 ms |
//!
//! No feature is on by default. The figures are those of an app of one route for x86-64, axum and all dependencies included.
//! The compile time is processor time of a first release build, and the cold start is the process's own, to which AWS adds
//! the start of the environment. `cargo xtask bench features` measures them (`docs/benchmarks/features.md`).
//!
//! Nothing here compiles C, whatever the features, so an app of pure Rust cross-compiles with `rustup target add` alone.
//! There is no AWS SDK in an app; one without tasks has no TLS in it either. What a function reads from its environment for its
//! calls to AWS, and how long they take, is in `docs/aws-calls.md`.

mod app;
#[cfg(feature = "tasks")]
mod app_tasks;
mod error;
#[cfg(feature = "map")]
pub mod testing;
#[cfg(feature = "tasks")]
mod typed_task;

pub use app::App;
pub use error::Error;
/// The body of a request: axum's. [`HttpService`] has an example.
#[doc(inline)]
pub use lzap_http::Body;
pub use lzap_http::HttpService;
/// Turns a function into a [`Task`] of the same name.
///
/// A plain `fn` computes, and a map runs its items in parallel on all cores of a Lambda. An `async fn` waits, and a map runs
/// its items one after the other. Several arguments become a tuple.
///
/// ```
/// #[lzap::task]
/// fn add(a: u64, b: u64) -> Result<u64, String> {
///     a.checked_add(b).ok_or_else(|| format!("{a} + {b} is too large"))
/// }
///
/// /// Runs at most once for each call, and has a name of its own.
/// #[lzap::task(name = "send-mail", idempotent = false)]
/// async fn send_mail(to: String) -> Result<(), String> {
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lzap::TaskError> {
/// assert_eq!(add.call((1, 2)).await?, 3);
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "tasks")]
pub use lzap_macros::task;
#[cfg(feature = "map")]
pub use lzap_map::{Explanation, ItemError, JoinTask, Map, MapError, MapOutput, MapStream, Object, Rows};
#[cfg(feature = "map")]
pub use lzap_map_scheduler::budget::ReachedLimit;
#[cfg(feature = "map")]
pub use lzap_map_scheduler::report::{MapReport, Progress, Span};
#[cfg(feature = "map")]
pub use lzap_map_scheduler::{Caller, Chunk, Hedge, OnError};
/// The kind of an error, from [`TaskError::kind`]. [`TaskError`] has an example.
#[cfg(feature = "tasks")]
pub use lzap_tasks::TaskErrorKind;
#[cfg(feature = "tasks")]
pub use lzap_tasks::{Job, JobState, TaskError};
#[cfg(feature = "map")]
pub use lzap_wire::encoding::Codec;
#[cfg(feature = "tasks")]
pub use typed_task::Task;

/// For the macro's code.
#[cfg(feature = "tasks")]
#[doc(hidden)]
pub mod __private {
    pub use lzap_tasks::TaskResult;
}

/// The guide's blocks run.
#[cfg(all(doctest, feature = "map"))]
#[doc = include_str!("../../../docs/map.md")]
struct Guide;

/// The README's app compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
