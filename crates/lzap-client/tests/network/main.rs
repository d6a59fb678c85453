//! The client against servers of this process: connections, silence, proxies, and what each operation makes of an
//! answer.

mod connections;
mod operations;
mod proxy;
mod silence;
mod stub;
