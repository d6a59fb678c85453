//! The project, as far as there is one: its configuration, how it would be built, and whether there is space for that.
//!
//! A folder without a project is no problem: `lzap doctor` is also for a machine before the first project.

use std::path::Path;

use lzap_build::project::Project;
use lzap_build::survey;
use lzap_core::doctor::{Check, Status, Tools, machine};
use lzap_core::platform::{Architecture, Linker};
use lzap_core::settings::Settings;

use super::failure::describe_failure;
use crate::context::{Context, Loaded, absolute_path};
use crate::error::CliError;

/// The parts of a project that were found.
pub(super) struct Found {
    /// The crate, where there is one.
    pub(super) project: Option<Project>,
    /// The settings of the stage that is meant; `None` if the configuration is wrong, or several stages are
    /// there and none is the default.
    pub(super) settings: Option<Settings>,
    /// The checks that were made while the project was read: of the configuration and of the crate.
    checks: Vec<Check>,
}

/// Reads the configuration, every stage of it, and the crate. Runs `cargo metadata`, and calls no cloud.
pub(super) fn find_project(context: &Context, stage: Option<&str>) -> Found {
    let loaded = match context.load_config(stage) {
        Ok(loaded) => loaded,
        Err(CliError::NoConfig { dir }) => return Found::none(&dir),
        Err(error) => {
            let check = Check::failed("config", &describe_failure(context, &error));
            return Found { project: None, settings: None, checks: vec![check] };
        }
    };
    let settings = loaded.check_settings(context, stage);
    let features = settings.as_ref().map(|(it, _)| it.features.clone()).unwrap_or_default();
    let project = loaded.project(&features);
    // The stage `local` needs no file, so that nothing may be here at all.
    if project.is_err() && !loaded.path.is_file() {
        return Found::none(&absolute_path(&context.dir));
    }
    let mut checks = check_config(context, &loaded);
    // The stage that was named may have no table, and then the loop over the tables hasn't reported it.
    let told = checks.iter().any(|check| check.status == Status::Problem);
    if let (Err(error @ CliError::Config { .. }), Some(_), false) = (&settings, stage, told) {
        checks.push(Check::failed("config", &describe_failure(context, error)));
    }
    checks.push(match &project {
        Ok(project) => check_runtime_crate(project),
        Err(error) => Check::failed("crate", &describe_failure(context, error)),
    });
    Found { project: project.ok(), settings: settings.ok().map(|(settings, _)| settings), checks }
}

/// Checks that each stage can be read, and that its values are within AWS's limits. Returns one check if all
/// is well, else one for each finding.
fn check_config(context: &Context, loaded: &Loaded) -> Vec<Check> {
    let stages = loaded.stages();
    let mut checks = Vec::new();
    for stage in &stages {
        match loaded.check_settings(context, Some(stage)) {
            Ok((_, warnings)) => {
                checks.extend(warnings.into_iter().map(|it| {
                    Check::new("config", Status::Warning, format!("stage {stage}: {}", it.message))
                }));
            }
            Err(error @ CliError::Config { .. }) => {
                let mut check = Check::failed("config", &describe_failure(context, &error));
                check.detail = format!("stage {stage}: {}", check.detail);
                checks.push(check);
            }
            // The crate is checked on its own.
            Err(_) => {}
        }
    }
    if checks.is_empty() {
        let names = if stages.is_empty() { "no stage but local".to_owned() } else { stages.join(", ") };
        checks.push(Check::new("config", Status::Ok, format!("{}: {names}", loaded.path.display())));
    }
    checks
}

/// Checks that the crate depends on the runtime crate `lzap`.
fn check_runtime_crate(project: &Project) -> Check {
    match &project.lzap {
        Some(lzap) => {
            let detail = format!("{} {}, with lzap {}", project.package, project.version, lzap.version);
            Check::new("crate", Status::Ok, detail)
        }
        None => Check::new("crate", Status::Problem, format!("{} does not use lzap yet", project.package))
            .help("`lzap init` prints the lines to add"),
    }
}

impl Found {
    /// Returns the result for a folder without a project. The other checks are still useful there, so it is
    /// not a problem.
    fn none(dir: &Path) -> Self {
        let detail = format!("no project in {} or above it, so none is checked", dir.display());
        let check = Check::new("config", Status::Skipped, detail).help("`lzap init` starts one");
        Self { project: None, settings: None, checks: vec![check] }
    }

    /// Returns all checks of the project. Runs rustc for those of the build.
    pub(super) async fn checks(self, context: &Context, tools: &Tools) -> Vec<Check> {
        let Self { project, settings, mut checks } = self;
        let Some(project) = project else { return checks };
        // The defaults of lzap.toml, for a project whose settings are wrong: its toolchain is still worth a
        // check.
        let (linker, architecture) =
            settings.as_ref().map_or((Linker::Auto, Architecture::Arm64), |it| (it.linker, it.architecture));
        match survey::survey_linking(&project, linker, architecture).await {
            Ok(linking) => checks.extend([machine::target(&linking, tools), machine::linker(&linking)]),
            // Without rustc there is one problem already.
            Err(_) if tools.rustc.is_err() => {}
            Err(error) => checks.push(Check::failed("linker", &describe_failure(context, &error.into()))),
        }
        // Only the embedded cloud runs the binary on this machine; a stage on AWS needs no emulator.
        if settings.is_some_and(|it| it.is_local()) && Architecture::host() != Some(architecture) {
            let found = survey::find_emulator(architecture).map(|path| path.display().to_string());
            checks.push(machine::qemu(architecture, found.as_deref()));
        }
        let target = project.target_dir.display().to_string();
        checks.push(machine::disk(&target, survey::free_bytes(&project.target_dir)));
        checks
    }
}
