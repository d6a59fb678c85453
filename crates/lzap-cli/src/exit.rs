//! Exit codes, at the path that the commands use. `lzap_core::exit` lists them, because each error has one.

pub(crate) use lzap_core::exit::Exit;
