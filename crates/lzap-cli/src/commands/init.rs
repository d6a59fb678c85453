//! `lzap init`: `lzap.toml` for the crate that is here, or a new crate from a template.
//!
//! Needs no AWS account. The files that are written are templates of `lzap-build`.

use std::path::{Path, PathBuf};

use lzap_build::project::{Selection, find_project, lines_to_add};
use lzap_build::scaffold::{InitAnswers, config_text, create_crate, write_config};
use lzap_core::platform::Architecture;
use serde_json::json;

use crate::cli::InitArgs;
use crate::context::{Context, absolute_path};
use crate::error::{CliError, UsageKind};
use crate::exit::Exit;
use crate::ui::ask;

/// Writes a new crate from a template, or the `lzap.toml` of the crate in the folder.
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

/// Writes the crate of a template into `dir`. The crate is named after the folder, so nothing is asked. The
/// template has an `lzap.toml` of its own.
fn from_template(context: &Context, template: &str, dir: &Path) -> Result<Exit, CliError> {
    let name = fit_name(context, crate_name(dir)?);
    let files = create_crate(template, dir, &name)?;
    context.printer.print_status("Created", format_args!("{name} from the template {template}"));
    print_next_commands(context, dir, &files);
    Ok(Exit::Done)
}

/// Returns the folder's name as a crate's. Names that cargo refuses for another reason are left to
/// `create_crate`, whose error says why.
fn crate_name(dir: &Path) -> Result<String, CliError> {
    let folder = absolute_path(dir);
    // `.` and `..` have no name of their own.
    let folder = folder.canonicalize().unwrap_or(folder);
    match folder.file_name().and_then(|name| name.to_str()) {
        // Blanks and dots are common in folder names, and cargo refuses them.
        Some(name) => Ok(name.to_lowercase().replace([' ', '.'], "-")),
        None => Err(CliError::usage(
            UsageKind::FolderName,
            format!("{} has no name to give to the crate", folder.display()),
            "name a folder: `lzap init my-app --template hello`",
        )),
    }
}

/// Returns the name, cut to a length that leaves room for the rest of the names in AWS, of which some have 64 characters
/// at most. Says so if it cuts.
fn fit_name(context: &Context, name: String) -> String {
    const MAX_CHARS: usize = 40;
    if name.chars().count() <= MAX_CHARS {
        return name;
    }
    let start: String = name.chars().take(MAX_CHARS).collect();
    let short = start.trim_end_matches(['-', '_']);
    context.printer.print_warning(format_args!(
        "a name of {} characters is too long for names in AWS: the app is called `{short}`",
        name.chars().count()
    ));
    short.to_owned()
}

/// Writes `lzap.toml` for the crate in `dir`, beside its `Cargo.toml`. Asks on a terminal, unless `--yes` was
/// given. The crate's source is not touched: the lines to add are printed.
async fn in_crate(context: &Context, dir: &Path, force: bool) -> Result<Exit, CliError> {
    let project = find_project(&Selection { dir, package: None, bin: None, features: &[] })?;
    if let Some(framework) = project.framework {
        context.printer.print_status("Found", format_args!("{} ({framework})", project.package));
    } else {
        context.printer.print_status("Found", &project.package);
    }
    let defaults = default_answers(context, &project.package).await;
    let answers = if context.yes || !ask::is_interactive() {
        defaults
    } else {
        ask_questions(context, defaults).await?
    };
    let path = write_config(&project.root, &config_text(&answers), force)?;
    context.printer.print_status("Wrote", path.display());
    if project.lzap.is_none() {
        context.printer.print_note(&format!(
            "\n{} does not use lzap yet. {}\n",
            project.package,
            lines_to_add(&project)
        ));
    }
    print_next_commands(context, &project.root, &[path]);
    Ok(Exit::Done)
}

/// Returns the answers of `--yes`: the flags, the package's name, and the region that the environment or the
/// default profile names. Nothing else is chosen for the user.
async fn default_answers(context: &Context, package: &str) -> InitAnswers {
    let region = match &context.place.region_flag {
        Some(region) => Some(region.clone()),
        None => lzap_aws::default_region().await,
    };
    InitAnswers {
        app: fit_name(context, package.to_owned()),
        region,
        profile: context.place.profile_flag.clone(),
        architecture: Architecture::Arm64,
    }
}

/// Asks up to four questions, each with a default. What a flag answers is not asked, nor the profile if there
/// is at most one.
async fn ask_questions(context: &Context, defaults: InitAnswers) -> Result<InitAnswers, CliError> {
    let app = ask::ask_for_text("Name of the app?", &defaults.app)?;
    let profiles = lzap_aws::profiles().await;
    let mut profile = defaults.profile;
    if profile.is_none() && profiles.len() > 1 {
        let names: Vec<String> = profiles.iter().map(|profile| profile.name.clone()).collect();
        let default = names.iter().position(|name| name == "default").unwrap_or(0);
        profile = Some(ask::ask_for_choice("AWS profile?", names, default)?);
    }
    // The profile's region is the default of the next question.
    let region_of = |name: &String| profiles.iter().find(|p| p.name == *name).and_then(|p| p.region.clone());
    let region = if let Some(region) = &context.place.region_flag {
        region.clone()
    } else {
        let region = profile.as_ref().and_then(region_of).or(defaults.region);
        ask::ask_for_text("AWS region?", region.as_deref().unwrap_or("eu-central-1"))?
    };
    let options = vec!["arm64 (20 % cheaper)".to_owned(), "x86_64".to_owned()];
    let architecture = match ask::ask_for_choice("Architecture?", options, 0)?.as_str() {
        "x86_64" => Architecture::X86_64,
        _ => Architecture::Arm64,
    };
    Ok(InitAnswers { app, region: Some(region), profile, architecture })
}

/// Prints the commands that can come next, and the JSON document with the files that were written.
fn print_next_commands(context: &Context, dir: &Path, files: &[PathBuf]) {
    let here = absolute_path(Path::new("."));
    let away = absolute_path(dir).strip_prefix(&here).map(Path::to_path_buf).unwrap_or_default();
    let go = if away.as_os_str().is_empty() { String::new() } else { format!("cd {} && ", away.display()) };
    context.printer.print_note(&format!(
        "\nNext: `{go}lzap deploy local` (the embedded cloud on this machine, no account needed)\n  or: \
         `{go}lzap deploy` (your AWS account)\n"
    ));
    context.printer.print_json(&json!({"path": absolute_path(dir), "files": files}));
}
