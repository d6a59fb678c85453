//! A real app in a process of its own: behind a small Runtime API (`lambda`), and on a port (`local`).
//!
//! `app` has the app. Other tests run apps in AWS's own emulator.

mod answers;
mod app;
mod lambda;
mod local;
#[cfg(feature = "map")]
mod map;
#[cfg(feature = "map")]
mod resume;
mod runtime_api;
#[cfg(feature = "map")]
mod tasks;
