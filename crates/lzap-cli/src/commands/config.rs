//! `lzap config`: the effective settings of a stage and where each comes from, or the JSON Schema.

use lzap_core::settings::ListedSetting;
use serde_json::{Value, json};

use crate::cli::ConfigArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::report;

/// Prints the effective settings, or the JSON Schema. Asks neither AWS nor the embedded cloud.
///
/// The schema goes through both functions: each prints in one format only, and JSON is the schema's text form
/// too.
pub(crate) fn run(context: &Context, args: &ConfigArgs) -> Result<Exit, CliError> {
    if args.schema {
        let schema = lzap_core::settings::schema();
        context.printer.print_data(format_args!("{schema:#}\n"));
        context.printer.print_json(&schema);
        return Ok(Exit::Done);
    }
    let settings =
        context.load_config(args.stage.stage.as_deref())?.settings(context, args.stage.stage.as_deref())?;
    context.printer.print_data(format_args!("# {} {}\n", settings.app, settings.stage));
    for ListedSetting { key, value, origin } in &settings.listing {
        context.printer.print_data(format_args!("{key:<25} {value:<22} # {origin}\n"));
    }
    let rows: Vec<Value> = settings
        .listing
        .iter()
        .map(|listed| json!({"key": listed.key, "value": listed.value, "origin": listed.origin.to_string()}))
        .collect();
    context.printer.print_json(&report::add_fields(
        json!({"app": settings.app, "stage": settings.stage}),
        json!({"settings": rows}),
    ));
    Ok(Exit::Done)
}
