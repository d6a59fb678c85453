//! The embedded cloud, asked by the real SDK clients.

mod cloud;
mod concurrency;
mod control;
mod environments;
mod function_urls;
mod gateway;
mod process;
mod signing;
mod storage;
mod strangers;
