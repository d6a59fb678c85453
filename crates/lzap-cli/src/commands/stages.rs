//! The stages of a command: one, or all with `--all`.

use serde_json::{Value, json};

use crate::cli::StagesArgs;
use crate::context::{Context, Loaded};
use crate::error::CliError;
use crate::exit::Exit;

/// The stages that a command works on, one after the other. The first stage that fails ends the command.
pub(crate) struct Stages {
    /// The configuration, which is read once for all stages.
    pub(crate) loaded: Loaded,
    /// The stages to work on; `None` stands for the default stage.
    pub(crate) names: Vec<Option<String>>,
    /// Set if `--all` was typed: the JSON document is then a list, even of one stage.
    pub(crate) all: bool,
}

impl Stages {
    /// Reads the configuration, and the names of the selected stages.
    pub(crate) fn load(context: &Context, args: &StagesArgs) -> Result<Self, CliError> {
        let named = args.stage.stage.clone();
        let loaded = context.load_config(named.as_deref())?;
        let names = if args.all { loaded.stages().into_iter().map(Some).collect() } else { vec![named] };
        Ok(Self { loaded, names, all: args.all })
    }

    /// Prints the one JSON document: that of the only stage, or with `--all` `{"stages": […]}`. Prints
    /// nothing in text mode, where each stage has printed its own lines.
    pub(crate) fn report(&self, context: &Context, mut documents: Vec<Value>) -> Exit {
        match documents.pop() {
            Some(document) if !self.all => context.printer.print_json(&document),
            last => {
                documents.extend(last);
                context.printer.print_json(&json!({ "stages": documents }));
            }
        }
        Exit::Done
    }
}
