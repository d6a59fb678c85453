//! The error message for a missing tool.

use std::io;

/// Returns the error for a missing tool `what`, with the command that installs it.
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
