//! `lzap package`: build and zip; path, size and hash on stdout.

use serde_json::json;
use tokio::sync::Notify;

use crate::cli::StageArgs;
use crate::commands::artifact::{self, Source};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::progress::Progress;

/// Builds the zip, and prints its path, size and hash. Calls no cloud: it works without credentials.
pub(crate) async fn run(context: &Context, args: &StageArgs) -> Result<Exit, CliError> {
    let loaded = context.load_config(args.stage.as_deref())?;
    let settings = loaded.settings(context, args.stage.as_deref())?;
    let source = Source::read(artifact::find_lzap_project(&loaded, &settings)?).await?;
    let built = {
        let progress = Progress::new(context.printer);
        // There are no prerequisites to create meanwhile, so nothing listens for the start of the compiler.
        artifact::build_artifact(context.printer, &progress, &source, &settings, &Notify::new()).await?
    };
    let artifact = &built.artifact;
    context.printer.print_data(format_args!(
        "path    {}\nbytes   {}\nsha256  {}\n",
        artifact.path.display(),
        artifact.bytes,
        artifact.sha256
    ));
    context.printer.print_json(&json!({
        "app": settings.app,
        "stage": settings.stage,
        "artifact": {
            "path": artifact.path,
            "bytes": artifact.bytes,
            "unzipped_bytes": artifact.unzipped_bytes,
            "sha256": artifact.sha256,
            "architecture": artifact.architecture.as_str(),
        },
    }));
    Ok(Exit::Done)
}
