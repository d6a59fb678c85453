//! `lzap explain`: the page of an error code, or all codes.

use serde_json::json;

use crate::cli::ExplainArgs;
use crate::context::Context;
use crate::error::{CliError, UsageKind, pages};
use crate::exit::Exit;
use crate::ui::error_view;

/// Prints the page of a code, or the list of all codes. Needs no project: the pages are in this program.
pub(crate) fn run(context: &Context, args: &ExplainArgs) -> Result<Exit, CliError> {
    let Some(code) = &args.code else {
        let pages = pages::all_pages();
        context.printer.print_data(error_view::format_list(&pages));
        context.printer.print_json(&json!({ "errors": pages }));
        return Ok(Exit::Done);
    };
    let page = pages::find_page(code).map_err(|near| unknown_code_error(code, near))?;
    context.printer.print_data(error_view::format_page(&page));
    context.printer.print_json(&json!(page));
    Ok(Exit::Done)
}

/// Returns the error for an unknown code, with the code that was probably meant.
fn unknown_code_error(code: &str, near: Option<String>) -> CliError {
    let help = match near {
        Some(near) => format!("did you mean `lzap explain {near}`? `lzap explain` lists all codes"),
        None => "type `lzap explain` for all codes".to_owned(),
    };
    CliError::usage(UsageKind::UnknownCode, format!("there is no error code `{code}`"), help)
}
