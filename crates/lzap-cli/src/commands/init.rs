//! `lzap init`: `lzap.toml` for the crate that is here, or a new crate from a template.

use std::path::{Path, PathBuf};

use lzap_build::project::{Selection, find, lines_to_add};
use lzap_build::scaffold::{InitAnswers, config_text, create, write_config};
use lzap_core::platform::Architecture;
use serde_json::json;

use crate::cli::InitArgs;
use crate::context::{Context, absolute};
use crate::error::{CliError, UsageKind};
use crate::exit::Exit;
use crate::ui::ask;

pub(crate) async fn run(context: &Context, args: &InitArgs) -> Result<Exit, CliError> {
    let dir = match &args.path {
        Some(path) => context.dir.join(path),
        None => context.dir.clone(),
    };
    match &args.template {
        Some(template) => from_template(context, template, &dir),
        None => in_crate(context, &dir, args.force).await,
    }
}

fn from_template(context: &Context, template: &str, dir: &Path) -> Result<Exit, CliError> {
    let name = crate_name(dir)?;
    let files = create(template, dir, &name)?;
    context.printer.status("Created", format_args!("{name} from the template {template}"));
    finish(context, dir, &files);
    Ok(Exit::Done)
}

/// The folder's name, as a crate's.
fn crate_name(dir: &Path) -> Result<String, CliError> {
    let folder = absolute(dir);
    // `.` and `..` have no name of their own.
    let folder = folder.canonicalize().unwrap_or(folder);
    match folder.file_name().and_then(|name| name.to_str()) {
        Some(name) => Ok(name.to_lowercase().replace([' ', '.'], "-")),
        None => Err(CliError::usage(
            UsageKind::FolderName,
            format!("{} has no name to give to the crate", folder.display()),
            "name a folder: `lzap init my-app --template hello`",
        )),
    }
}

async fn in_crate(context: &Context, dir: &Path, force: bool) -> Result<Exit, CliError> {
    let project = find(&Selection { dir, package: None, bin: None, features: &[] })?;
    if let Some(framework) = project.framework {
        context.printer.status("Found", format_args!("{} ({framework})", project.package));
    } else {
        context.printer.status("Found", &project.package);
    }
    let defaults = defaults(context, &project.package).await;
    let answers =
        if context.yes || !ask::is_interactive() { defaults } else { questions(context, defaults).await? };
    let path = write_config(&project.root, &config_text(&answers), force)?;
    context.printer.status("Wrote", path.display());
    if project.lzap.is_none() {
        context.printer.talk(&format!(
            "\n{} does not use lzap yet. {}\n",
            project.package,
            lines_to_add(&project)
        ));
    }
    finish(context, &project.root, &[path]);
    Ok(Exit::Done)
}

/// The answers of `--yes`: the flags, and the architecture. Nothing else is chosen for the user.
async fn defaults(context: &Context, package: &str) -> InitAnswers {
    let region = match &context.place.region_flag {
        Some(region) => Some(region.clone()),
        None => lzap_aws::default_region().await,
    };
    InitAnswers {
        app: package.to_owned(),
        region,
        profile: context.place.profile_flag.clone(),
        architecture: Architecture::Arm64,
    }
}

/// Four questions, each with a default. What a flag answers is not asked.
async fn questions(context: &Context, defaults: InitAnswers) -> Result<InitAnswers, CliError> {
    let app = ask::text("Name of the app?", &defaults.app)?;
    let profiles = lzap_aws::profiles().await;
    let mut profile = defaults.profile;
    if profile.is_none() && profiles.len() > 1 {
        let names: Vec<String> = profiles.iter().map(|profile| profile.name.clone()).collect();
        let default = names.iter().position(|name| name == "default").unwrap_or(0);
        profile = Some(ask::select("AWS profile?", names, default)?);
    }
    let region_of = |name: &String| profiles.iter().find(|p| p.name == *name).and_then(|p| p.region.clone());
    let region = if let Some(region) = &context.place.region_flag {
        region.clone()
    } else {
        let region = profile.as_ref().and_then(region_of).or(defaults.region);
        ask::text("AWS region?", region.as_deref().unwrap_or("eu-central-1"))?
    };
    let options = vec!["arm64 (20 % cheaper)".to_owned(), "x86_64".to_owned()];
    let architecture = match ask::select("Architecture?", options, 0)?.as_str() {
        "x86_64" => Architecture::X86_64,
        _ => Architecture::Arm64,
    };
    Ok(InitAnswers { app, region: Some(region), profile, architecture })
}

/// Names the next command.
fn finish(context: &Context, dir: &Path, files: &[PathBuf]) {
    let here = absolute(Path::new("."));
    let away = absolute(dir).strip_prefix(&here).map(Path::to_path_buf).unwrap_or_default();
    let go = if away.as_os_str().is_empty() { String::new() } else { format!("cd {} && ", away.display()) };
    context.printer.talk(&format!(
        "\nNext: `{go}lzap deploy local` (the embedded cloud on this machine, no account needed)\n  or: \
         `{go}lzap deploy` (your AWS account)\n"
    ));
    context.printer.json(&json!({"path": absolute(dir), "files": files}));
}
