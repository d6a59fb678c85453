//! The whole command set, driven as a user drives it: the built `lzap` in temporary folders, against two clouds.
//!
//! [`commands`] holds what must hold in any cloud; [`moto`] and [`local`] run it, and add what only that cloud can
//! show. [`errors`] is the gallery of what a user meets when something is wrong. [`rie`] runs the artifact where AWS's
//! own emulator of the Lambda runtime runs it; [`tail`] and [`doctor`] look at what is there. The modules' names are the
//! stages of `cargo xtask test`; those that aren't run in its stage `cli`.

mod clouds;
mod commands;
mod config;
mod docs;
mod doctor;
mod errors;
mod init;
mod local;
mod moto;
mod package;
mod rie;
mod stub;
mod support;
mod tail;
