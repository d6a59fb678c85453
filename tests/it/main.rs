//! The command set, driven as a user drives it: the built `lzap` in temporary folders, against two clouds.
//!
//! [`commands`] holds what every cloud must do; [`moto`] and [`local`] run it, and add what only that cloud can show.
//! [`faults`] injects a fault at every call. [`errors`] is the gallery of errors. [`rie`] runs the artifact under AWS's own
//! emulator of the Lambda runtime, [`arm64`] an artifact for the other architecture. [`policy`] proves that the deploying
//! identity needs exactly the policy that lzap prints. [`soak`] runs for an hour, and only when it is named.
//!
//! Modules are stages of `cargo xtask test`: `config`, `errors` and `init` belong to the quick tier and may use neither
//! Python nor a running cloud; a module without a stage of its own runs in the stage `commands`.

mod arm64;
mod clouds;
mod commands;
mod config;
mod docs;
mod doctor;
mod errors;
mod faults;
mod fronts;
mod init;
mod invoke;
mod local;
mod moto;
mod output;
mod package;
mod policy;
mod rie;
mod schedules;
mod soak;
mod stub;
mod support;
mod tail;
mod workers;
