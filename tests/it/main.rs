//! The whole command set, driven as a user drives it: the built `lzap` in temporary folders, against two clouds.
//!
//! [`commands`] holds what must hold in any cloud; [`moto`] and [`local`] run it, and add what only that cloud can
//! show. [`faults`] breaks every call. [`errors`] is the gallery of what a user meets when something is wrong. [`rie`]
//! runs the artifact where AWS's own emulator of the Lambda runtime runs it, [`arm64`] what is built for the other
//! architecture. [`policy`] proves that the deploying identity needs no more than it is told. The modules' names are the
//! stages of `cargo xtask test`.

mod arm64;
mod clouds;
mod commands;
mod config;
mod docs;
mod doctor;
mod errors;
mod faults;
mod init;
mod invoke;
mod local;
mod moto;
mod package;
mod policy;
mod rie;
mod schedules;
mod soak;
mod stub;
mod support;
mod tail;
mod workers;
