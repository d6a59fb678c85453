//! A real app in a process of its own: behind a small Runtime API (`lambda`), and on a port (`local`).
//!
//! The app is in `app`. What AWS's own emulator makes of it is tested elsewhere.

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
