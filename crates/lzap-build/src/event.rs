//! The events that a build reports while it runs.

use lzap_core::platform::Linker;

/// An event of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildEvent {
    /// This linker was chosen, for this reason.
    Linker {
        /// Never [`Linker::Auto`].
        linker: Linker,
        /// A clause, for a sentence like "linking with zig: …".
        reason: String,
    },
    /// Rust's standard library for this target is being fetched through rustup.
    AddingTarget(String),
    /// A property of the project that will cost the user later; a sentence.
    Warning(String),
    /// A crate is being compiled.
    Compiling {
        /// Its name.
        name: String,
        /// Units that are done.
        done: usize,
        /// Units in all, once cargo has told.
        total: Option<usize>,
    },
    /// Another cargo holds the target folder, and this one waits for it.
    Waiting,
    /// A line that cargo would have written to a terminal, the progress bar apart. It holds color sequences
    /// if [`CompileOptions::color`](crate::compile::CompileOptions::color) is set.
    CargoLine(String),
}

/// The callback that gets the events, in the order in which cargo writes. The build waits while it runs.
pub(crate) type OnEvent<'a> = &'a mut (dyn FnMut(BuildEvent) + Send);
