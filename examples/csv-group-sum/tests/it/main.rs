//! The app as its clients see it: requests to the router, and what comes back.

mod browser;
mod caps;
mod common;
mod hostile;
mod log;
mod memory;
mod mistakes;
mod page;
mod properties;
mod real;
mod report;
mod source;
mod spread;
mod sums;
