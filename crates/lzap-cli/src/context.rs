//! The inputs of every command: the options, the project, the cloud.
//!
//! A command goes from [`Context`] (options) to [`Loaded`] (the file) to `Settings` (one stage of it) to
//! [`Target`] (its cloud, connected). Only the last step needs a network.

use std::path::{Path, PathBuf};

use lzap_aws::{Clients, Cloud, LocalKey};
use lzap_build::project::{Project, Selection, find_package_name, find_project};
use lzap_core::check::{check, check_uses};
use lzap_core::config::{Config, ConfigError, FILE_NAME, parse};
use lzap_core::explain::CommandContext;
use lzap_core::names::{Names, Part, Place};
use lzap_core::platform::Architecture;
use lzap_core::settings::{
    LOCAL, Overrides, PlaceOverrides, Settings, Warning, read_app, read_target, resolve, resolve_deployed,
    stage_name, stage_names,
};
use lzap_core::uses::Uses;

use crate::cli::{Cli, Global};
use crate::command_line::TypedCommand;
use crate::embedded_cloud;
use crate::error::CliError;
use crate::interrupt::Interrupts;
use crate::ui::printer::Printer;

/// Returns a variable of the environment. An empty one counts as unset, as for the AWS SDK.
fn read_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The global options, and the command as it was typed.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) printer: Printer,
    /// Set by `--yes`: questions are not asked.
    pub(crate) yes: bool,
    /// Shared by all clones of the context, as the signals of the process are.
    pub(crate) interrupts: Interrupts,
    /// The folder in which the search for the project begins: that of `--project`, else the current one.
    pub(crate) dir: PathBuf,
    /// Region and profile, as flags and environment variables name them.
    pub(crate) place: PlaceOverrides,
    /// The configuration file that `--config` names; `None` for the nearest `lzap.toml`.
    config: Option<PathBuf>,
    /// The command as it was typed, for help texts.
    typed: TypedCommand,
}

impl Context {
    pub(crate) fn new(cli: &Cli, typed: TypedCommand) -> Self {
        let Global { project, config, yes, region, profile, .. } = &cli.global;
        Self {
            printer: Printer::new(&cli.global),
            yes: *yes,
            interrupts: Interrupts::default(),
            dir: project.clone().unwrap_or_else(|| PathBuf::from(".")),
            config: config.clone(),
            place: PlaceOverrides {
                region_flag: region.clone(),
                profile_flag: profile.clone(),
                region_variable: read_variable("AWS_REGION"),
                profile_variable: read_variable("AWS_PROFILE"),
                has_credentials: read_variable("AWS_ACCESS_KEY_ID").is_some(),
            },
            typed,
        }
    }

    /// Returns the command for the help of an error. Reads lzap.toml for the default stage if no stage was
    /// typed.
    pub(crate) fn command(&self) -> CommandContext {
        self.typed.context(|| {
            let loaded = self.load_config(None).ok()?;
            stage_name(&loaded.config, None).ok()
        })
    }

    /// Reads the configuration: the file that was named, else the nearest one from the project's folder
    /// upwards.
    ///
    /// Without a file only the stage `local` exists, with the defaults for everything.
    pub(crate) fn load_config(&self, stage: Option<&str>) -> Result<Loaded, CliError> {
        let path = match &self.config {
            Some(path) => Some(path.clone()),
            None => self.nearest_config(),
        };
        let Some(path) = path else {
            return if stage == Some(LOCAL) {
                Ok(Loaded {
                    dir: self.dir.clone(),
                    path: self.dir.join(FILE_NAME),
                    text: String::new(),
                    config: Config::default(),
                })
            } else {
                Err(CliError::NoConfig { dir: absolute_path(&self.dir) })
            };
        };
        // The text is kept: an error shows the line that it is about.
        let text = fs_err::read_to_string(&path)
            .map_err(|source| CliError::Unreadable { path: path.clone(), source })?;
        let config = parse(&text).map_err(|problem| CliError::Config {
            path: path.clone(),
            text: text.clone(),
            problem: Box::new(problem),
        })?;
        // A file that was named can lie anywhere, so it doesn't say where the crate is.
        let dir = match &self.config {
            Some(_) => self.dir.clone(),
            None => path.parent().map_or_else(|| self.dir.clone(), Path::to_path_buf),
        };
        Ok(Loaded { dir, path, text, config })
    }

    /// Returns the nearest `lzap.toml`, in the project's folder or in one above it.
    fn nearest_config(&self) -> Option<PathBuf> {
        let start = absolute_path(&self.dir);
        let found = start.ancestors().map(|dir| dir.join(FILE_NAME)).find(|path| path.is_file())?;
        // The shorter path reads better in messages.
        let here = self.dir.join(FILE_NAME);
        Some(if here.is_file() { shorten_path(&here) } else { found })
    }
}

/// Returns the path without a leading `./`.
fn shorten_path(path: &Path) -> PathBuf {
    path.strip_prefix(".").map_or_else(|_| path.to_owned(), Path::to_path_buf)
}

/// Returns the absolute path. Doesn't follow links, and the path need not exist.
pub(crate) fn absolute_path(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A configuration that was read, but no stage of it yet.
pub(crate) struct Loaded {
    /// The folder in which the search for the crate begins: that of the file, unless `--config` names one
    /// elsewhere.
    dir: PathBuf,
    /// The file. It may be missing for the stage `local`, which needs none.
    pub(crate) path: PathBuf,
    /// The text of the file, for errors with a line.
    text: String,
    pub(crate) config: Config,
}

impl Loaded {
    /// Returns the crate that is deployed. Runs `cargo metadata`, which takes a while and may fetch
    /// dependencies.
    pub(crate) fn project(&self, features: &[String]) -> Result<Project, CliError> {
        let (package, bin) = read_target(&self.config).map_err(|problem| self.point_at(problem))?;
        let (package, bin) = (package.as_deref(), bin.as_deref());
        Ok(find_project(&Selection { dir: self.start_dir(), package, bin, features })?)
    }

    /// Returns the name of the crate that is deployed. Runs `cargo metadata` without dependencies.
    fn package_name(&self) -> Result<String, CliError> {
        let (package, bin) = read_target(&self.config).map_err(|problem| self.point_at(problem))?;
        let (package, bin) = (package.as_deref(), bin.as_deref());
        Ok(find_package_name(&Selection { dir: self.start_dir(), package, bin, features: &[] })?)
    }

    fn start_dir(&self) -> &Path {
        // The parent of a bare file name is an empty path.
        if self.dir.as_os_str().is_empty() { Path::new(".") } else { &self.dir }
    }

    /// Returns the settings of a stage, checked against AWS's limits; warnings are printed. For commands that
    /// change the stage: a wrong key is an error.
    pub(crate) fn settings(&self, context: &Context, stage: Option<&str>) -> Result<Settings, CliError> {
        let (settings, warnings) = self.check_settings(context, stage)?;
        for warning in warnings {
            context.printer.print_warning(warning.message);
        }
        Ok(settings)
    }

    /// Checks the rules that depend on what the app uses.
    pub(crate) fn check_uses(&self, settings: &Settings, uses: Uses) -> Result<(), CliError> {
        check_uses(&self.config, settings, uses).map_err(|problem| self.point_at(problem))
    }

    /// Returns the settings of a stage, and warnings about what in them is probably not meant. Prints
    /// nothing.
    pub(crate) fn check_settings(
        &self,
        context: &Context,
        stage: Option<&str>,
    ) -> Result<(Settings, Vec<Warning>), CliError> {
        let point_at = |problem| self.point_at(problem);
        let settings = resolve(&self.config, &self.read_overrides(context, stage)?).map_err(point_at)?;
        let warnings = check(&self.config, &settings).map_err(point_at)?;
        Ok((settings, warnings))
    }

    /// Returns the settings of a stage, for a command that needs to find what is deployed and no more: other
    /// keys may be wrong, which is a warning, and the stage's table may be gone when `--region` is given.
    pub(crate) fn deployed_settings(
        &self,
        context: &Context,
        stage: Option<&str>,
    ) -> Result<Settings, CliError> {
        let overrides = self.read_overrides(context, stage)?;
        let settings =
            resolve_deployed(&self.config, &overrides).map_err(|problem| self.point_at(problem))?;
        for warning in &settings.warnings {
            context.printer.print_warning(&warning.message);
        }
        for problem in &settings.problems {
            let line = problem.span.as_ref().map(|span| format!(":{}", line_number(&self.text, span.start)));
            context.printer.print_warning(format_args!(
                "{}{}: {}; this command goes on without it",
                self.path.display(),
                line.unwrap_or_default(),
                problem.message
            ));
        }
        Ok(settings)
    }

    /// Returns the values that come from outside of the file. Runs `cargo metadata` only if the file doesn't
    /// name the app, for the package's name.
    fn read_overrides(&self, context: &Context, stage: Option<&str>) -> Result<Overrides, CliError> {
        let app = read_app(&self.config).map_err(|problem| self.point_at(problem))?;
        Ok(Overrides {
            package: app.map_or_else(|| self.package_name(), Ok)?,
            stage: stage.map(str::to_owned),
            place: context.place.clone(),
            host: Architecture::host(),
        })
    }

    /// Returns the names of the stages that have a table; `local` is among them only if it has one.
    pub(crate) fn stages(&self) -> Vec<String> {
        stage_names(&self.config).map(str::to_owned).collect()
    }

    /// Returns the error that shows `problem` with its line in the file.
    fn point_at(&self, problem: ConfigError) -> CliError {
        CliError::Config { path: self.path.clone(), text: self.text.clone(), problem: Box::new(problem) }
    }
}

/// Returns the number of the line at this byte, from 1.
fn line_number(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// Returns the names of a stage's resources at a place.
pub(crate) fn resource_names(settings: &Settings, place: Place) -> Names {
    let (app, stage) = (settings.app.clone(), settings.stage.clone());
    Names { app, stage, place, role: settings.role.name(), part: Part::App }
}

/// The cloud of a stage, and the names of the stage's resources there.
pub(crate) struct Target {
    pub(crate) clients: Clients,
    pub(crate) names: Names,
}

impl Target {
    /// Connects to the stage's cloud, and asks it who is calling: one `sts:GetCallerIdentity`, because names
    /// contain the account. The embedded cloud is started when it isn't running.
    pub(crate) async fn connect(context: &Context, settings: &Settings) -> Result<Self, CliError> {
        let cloud = if settings.is_local() {
            let status = embedded_cloud::ensure_running(context.printer).await?;
            let key = embedded_cloud::read_key()?;
            let key = LocalKey { id: key.id, secret: key.secret };
            Cloud::Local { endpoint: status.endpoint, region: status.region, key }
        } else {
            Cloud::Aws { region: settings.region.clone(), profile: settings.profile.clone() }
        };
        let clients = Clients::connect(&cloud).await?;
        let place = lzap_aws::identity(&clients).await?;
        Ok(Self { clients, names: resource_names(settings, place) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_number_counts_from_1_and_knows_the_first_byte_of_a_line() {
        let text = "app = \"a\"\nmemroy = 1\n";
        assert_eq!([0, 8, 10, 14, 99].map(|at| line_number(text, at)), [1, 1, 2, 2, 3]);
    }
}
