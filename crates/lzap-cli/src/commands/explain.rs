//! `lzap explain`: the page of an error code, or all codes.

use serde_json::json;

use crate::cli::ExplainArgs;
use crate::context::Context;
use crate::error::{CliError, UsageKind, pages};
use crate::exit::Exit;
use crate::ui::error_view;

pub(crate) fn run(context: &Context, args: &ExplainArgs) -> Result<Exit, CliError> {
    let Some(code) = &args.code else {
        let pages = pages::all();
        context.printer.data(error_view::list(&pages));
        context.printer.json(&json!({ "errors": pages }));
        return Ok(Exit::Done);
    };
    let page = pages::find(code).map_err(|near| unknown(code, near))?;
    context.printer.data(error_view::page(&page));
    context.printer.json(&json!(page));
    Ok(Exit::Done)
}

fn unknown(code: &str, near: Option<String>) -> CliError {
    let help = match near {
        Some(near) => format!("did you mean `lzap explain {near}`? `lzap explain` lists all codes"),
        None => "type `lzap explain` for all codes".to_owned(),
    };
    CliError::usage(UsageKind::UnknownCode, format!("there is no error code `{code}`"), help)
}
