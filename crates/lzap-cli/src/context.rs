//! What every command starts from: the options, the project, the cloud.

use std::path::{Path, PathBuf};

use lzap_aws::{Clients, Cloud};
use lzap_build::project::{Project, Selection};
use lzap_core::check::{Warning, check};
use lzap_core::config::{Config, ConfigError, FILE_NAME, parse};
use lzap_core::names::{Names, Part, Place};
use lzap_core::platform::Architecture;
use lzap_core::settings::{LOCAL, Overrides, Settings, resolve};

use crate::cli::{Cli, Global};
use crate::error::CliError;
use crate::interrupt::Interrupts;
use crate::ui::printer::Printer;

/// The global options.
pub(crate) struct Context {
    pub(crate) printer: Printer,
    pub(crate) yes: bool,
    pub(crate) interrupts: Interrupts,
    /// Where the project is looked for.
    pub(crate) dir: PathBuf,
    config: Option<PathBuf>,
}

impl Context {
    pub(crate) fn new(cli: &Cli) -> Self {
        let Global { project, config, yes, .. } = &cli.global;
        Self {
            printer: Printer::new(&cli.global),
            yes: *yes,
            interrupts: Interrupts::default(),
            dir: project.clone().unwrap_or_else(|| PathBuf::from(".")),
            config: config.clone(),
        }
    }

    /// The configuration: the file that was named, else the nearest one from the project's folder upwards.
    ///
    /// Without a file, only the stage `local` is there.
    pub(crate) fn load(&self, stage: Option<&str>) -> Result<Loaded, CliError> {
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
                Err(CliError::NoConfig { dir: absolute(&self.dir) })
            };
        };
        let text = fs_err::read_to_string(&path)
            .map_err(|source| CliError::Unreadable { path: path.clone(), source })?;
        let config = parse(&text).map_err(|problem| CliError::Config {
            path: path.clone(),
            text: text.clone(),
            problem,
        })?;
        let dir = match &self.config {
            Some(_) => self.dir.clone(),
            None => path.parent().map_or_else(|| self.dir.clone(), Path::to_path_buf),
        };
        Ok(Loaded { dir, path, text, config })
    }

    fn nearest_config(&self) -> Option<PathBuf> {
        let start = absolute(&self.dir);
        let found = start.ancestors().map(|dir| dir.join(FILE_NAME)).find(|path| path.is_file())?;
        // The shorter path reads better in messages.
        let here = self.dir.join(FILE_NAME);
        Some(if here.is_file() { clean(&here) } else { found })
    }
}

fn clean(path: &Path) -> PathBuf {
    path.strip_prefix(".").map_or_else(|_| path.to_owned(), Path::to_path_buf)
}

pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A configuration that was read, but no stage of it yet.
pub(crate) struct Loaded {
    dir: PathBuf,
    pub(crate) path: PathBuf,
    text: String,
    pub(crate) config: Config,
}

impl Loaded {
    /// The crate that is deployed.
    pub(crate) fn project(&self, features: &[String]) -> Result<Project, CliError> {
        let dir = if self.dir.as_os_str().is_empty() { Path::new(".") } else { &self.dir };
        let package = self.config.package.as_ref().map(|name| name.get_ref().as_str());
        let bin = self.config.bin.as_ref().map(|name| name.get_ref().as_str());
        let selection = Selection { dir, package, bin, features };
        Ok(lzap_build::project::find(&selection)?)
    }

    /// The settings of a stage, checked against AWS's limits; warnings are printed.
    pub(crate) fn settings(&self, context: &Context, stage: Option<&str>) -> Result<Settings, CliError> {
        let (settings, warnings) = self.checked(stage)?;
        for warning in warnings {
            context.printer.warning(warning.message);
        }
        Ok(settings)
    }

    /// The settings of a stage, and what in them is probably not meant.
    pub(crate) fn checked(&self, stage: Option<&str>) -> Result<(Settings, Vec<Warning>), CliError> {
        let package = match &self.config.app {
            Some(app) => app.get_ref().clone(),
            None => self.project(&[])?.package,
        };
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let overrides = Overrides {
            package,
            stage: stage.map(str::to_owned),
            env_region: variable("AWS_REGION"),
            env_profile: variable("AWS_PROFILE"),
            host: Architecture::host(),
        };
        let settings = resolve(&self.config, &overrides).map_err(|problem| self.point_at(problem))?;
        let warnings = check(&self.config, &settings).map_err(|problem| self.point_at(problem))?;
        Ok((settings, warnings))
    }

    /// The names of all stages.
    pub(crate) fn stages(&self) -> Vec<String> {
        self.config.stage.keys().map(|name| name.get_ref().clone()).collect()
    }

    fn point_at(&self, problem: ConfigError) -> CliError {
        CliError::Config { path: self.path.clone(), text: self.text.clone(), problem }
    }
}

/// What a stage's things are called at a place.
pub(crate) fn names(settings: &Settings, place: Place) -> Names {
    let (app, stage) = (settings.app.clone(), settings.stage.clone());
    Names { app, stage, place, role: settings.role.name(), part: Part::App }
}

/// The cloud of a stage, and what the stage's things are called there.
pub(crate) struct Target {
    pub(crate) clients: Clients,
    pub(crate) names: Names,
}

impl Target {
    /// Connects to the stage's cloud, and asks it who is calling. The embedded cloud is started when it isn't running.
    pub(crate) async fn connect(context: &Context, settings: &Settings) -> Result<Self, CliError> {
        let cloud = if settings.is_local() {
            let status = crate::commands::local::ensure_running(context).await?;
            Cloud::Local { endpoint: status.endpoint, region: status.region }
        } else {
            Cloud::Aws { region: settings.region.clone(), profile: settings.profile.clone() }
        };
        let clients = Clients::connect(&cloud).await?;
        let place = lzap_aws::identity(&clients).await?;
        Ok(Self { clients, names: names(settings, place) })
    }
}
