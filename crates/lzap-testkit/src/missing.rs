//! The sentence for a tool that is missing.

use std::io;

/// The error of a test whose tool `what` is missing.
pub fn not_set_up(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{what} is missing: run `cargo xtask setup`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_set_up_names_the_tool_and_the_command() {
        assert_eq!(not_set_up("moto").to_string(), "moto is missing: run `cargo xtask setup`");
    }
}
