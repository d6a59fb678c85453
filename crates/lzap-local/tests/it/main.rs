//! The embedded cloud, asked by the real SDK clients.

mod cloud;
mod control;
mod gateway;
mod process;
mod storage;
