//! A real app in a process of its own: behind a small Runtime API (`lambda`, and `concurrency` for several invocations at
//! once), and on a port (`local`, and `native_http` where Lambda names the port).
//!
//! `app` has the app. Other tests run apps in AWS's own emulator.

mod answers;
mod app;
mod concurrency;
mod lambda;
mod local;
#[cfg(feature = "map")]
mod map;
mod native_http;
#[cfg(feature = "map")]
mod resume;
mod runtime_api;
#[cfg(feature = "map")]
mod tasks;
