//! TLS on this machine's CPU: each test with both providers, where graviola can run.

#[path = "../certificates/mod.rs"]
mod certificates;
mod choice;
mod connections;
mod known_answers;
mod pair;
mod signatures;
