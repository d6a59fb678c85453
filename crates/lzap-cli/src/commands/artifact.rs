//! From the project to the zip: compile, check, archive, with a status line for each.
//!
//! The work is done in `lzap-build`; here it is put in order and reported. Shared by `deploy`, `plan` and
//! `package`.

use std::path::Path;
use std::time::{Duration, Instant};

use lzap_build::archive::{Artifact, archive};
use lzap_build::compile::{BuildEvent, CompileOptions, compile};
use lzap_build::project::{Project, lines_to_add};
use lzap_build::toolchain::Toolchain;
use lzap_build::{BuildError, elf, git};
use lzap_core::release::Release;
use lzap_core::resource::artifact::Artifact as DesiredArtifact;
use lzap_core::resource::front::Front;
use lzap_core::settings::Settings;
use lzap_core::uses::Uses;
use lzap_wire::limits::HTTP_API_TIMEOUT_SECS;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use crate::context::{Context, Loaded, Target};
use crate::error::CliError;
use crate::ui::printer::Printer;
use crate::ui::progress::Progress;
use crate::ui::text::{format_bytes, format_seconds};

/// The crate to deploy, and what else its folder tells of.
pub(crate) struct Source {
    pub(crate) project: Project,
    /// The Rust toolchain that builds the crate.
    pub(crate) toolchain: Toolchain,
    /// The commit that is checked out, and the present time.
    pub(crate) release: Release,
}

impl Source {
    /// Asks rustc and git in the project's folder, at the same time.
    pub(crate) async fn read(project: Project) -> Result<Self, CliError> {
        let (toolchain, release) =
            tokio::join!(Toolchain::of(&project.root), describe_release(&project.root));
        Ok(Self { toolchain: toolchain?, release, project })
    }
}

/// Connects to the stage's cloud, and reads the source while that answers.
///
/// # Errors
/// That of [`Target::connect`] if both fail.
pub(crate) async fn connect_and_read(
    context: &Context,
    settings: &Settings,
    project: Project,
) -> Result<(Target, Source), CliError> {
    // A task of its own: to start a process blocks the thread, and the request would be sent only after that.
    let reading = AbortOnDropHandle::new(tokio::spawn(Source::read(project)));
    let target = Target::connect(context, settings).await?;
    let source = reading.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    Ok((target, source))
}

/// A zip, and the time that it took to make.
pub(crate) struct Built {
    /// The zip, in the folder `lzap/STAGE` of cargo's target folder.
    pub(crate) artifact: Artifact,
    /// The time that cargo took, with the check of the binary.
    pub(crate) build: Duration,
    /// The time that the zip took.
    pub(crate) package: Duration,
}

impl Built {
    /// Returns the artifact as the planner knows it.
    pub(crate) fn desired(&self) -> DesiredArtifact {
        DesiredArtifact {
            path: self.artifact.path.clone(),
            sha256: self.artifact.sha256.clone(),
            code_sha256: self.artifact.code_sha256.clone(),
            bytes: self.artifact.bytes,
        }
    }
}

/// Returns the crate to deploy, which must use lzap: Lambda starts the binary, and without the runtime crate
/// it wouldn't fetch a single event.
///
/// # Errors
/// [`CliError::NoRuntime`] with the lines to add. The settings don't fit what the app uses.
pub(crate) fn find_lzap_project(loaded: &Loaded, settings: &Settings) -> Result<Project, CliError> {
    let project = loaded.project(&settings.features)?;
    if project.lzap.is_none() {
        return Err(CliError::NoRuntime { package: project.package.clone(), lines: lines_to_add(&project) });
    }
    loaded.check_uses(settings, read_uses(&project))?;
    Ok(project)
}

/// Warns about settings that have no effect for this project.
pub(crate) fn warn_of_idle_settings(printer: Printer, settings: &Settings, project: &Project) {
    for warning in idle_settings(settings, read_uses(project)) {
        printer.print_warning(warning);
    }
}

/// Returns a warning for each setting that has no effect for an app with these uses. A long timeout is for tasks;
/// only HTTP can't use it.
fn idle_settings(settings: &Settings, uses: Uses) -> Vec<String> {
    let Settings { stage, timeout_secs, front, .. } = settings;
    let mut warnings = Vec::new();
    if settings.workers.is_some() && !uses.map {
        warnings.push(format!(
            "[stage.{stage}.workers] does nothing: only maps go there, and the app's `lzap` lacks the feature `map`"
        ));
    }
    if *timeout_secs > HTTP_API_TIMEOUT_SECS && *front == Front::HttpApi && !uses.any() {
        warnings.push(format!(
            "timeout_secs = {timeout_secs} is of no use without tasks: an HTTP API waits {HTTP_API_TIMEOUT_SECS} s at \
             most, and answers 503 then; a function URL (`front = \"function-url\"`) waits as long as the function may run"
        ));
    }
    warnings
}

/// Returns the parts of the runtime crate that the project uses, by the enabled features; none without the
/// crate.
pub(crate) fn read_uses(project: &Project) -> Uses {
    let features = project.lzap.iter().flat_map(|lzap| &lzap.features);
    Uses::of_features(features.map(String::as_str))
}

/// Builds and zips the crate for the stage. Notifies `compiling` when cargo really compiles: a build
/// without changes ends sooner than the prerequisites could be created.
///
/// Dropping the future ends cargo. The zip is written synchronously, so that an interrupt waits for it.
pub(crate) async fn build_artifact(
    printer: Printer,
    progress: &Progress,
    source: &Source,
    settings: &Settings,
    compiling: &Notify,
) -> Result<Built, CliError> {
    let started = Instant::now();
    let Source { project, toolchain, .. } = source;
    let binary = {
        let options = CompileOptions {
            architecture: settings.architecture,
            linker: settings.linker,
            color: printer.draws_progress(),
        };
        progress.show_activity("Compiling", project.package.clone());
        // A `Notify` keeps one notification, so it doesn't matter that each crate sends one.
        let mut tell = |event| {
            if matches!(event, BuildEvent::Compiling { .. }) {
                compiling.notify_one();
            }
            show_build_event(printer, progress, project, event);
        };
        let compiled = compile(project, toolchain, &options, &mut tell).await;
        compiled.map_err(|error| if printer.shows_details() { shorten(error) } else { error })?
    };
    // Before the upload: Lambda would accept the zip, and fail at the first invocation.
    elf::check(&elf::inspect(&binary.path)?, settings.architecture)?;
    let build = started.elapsed();
    printer.print_status(
        "Compiled",
        format_args!(
            "{} ({}, {}) in {}",
            project.bin,
            binary.architecture,
            binary.linker.as_str(),
            format_seconds(build)
        ),
    );
    let started = Instant::now();
    let out = project.target_dir.join("lzap").join(&settings.stage).join(format!("{}.zip", settings.app));
    let artifact = archive(&binary.path, &project.root, &settings.include, settings.architecture, &out)?;
    // Eight digits are enough to compare two lines by eye; the JSON document has all of them.
    let short: String = artifact.sha256.chars().take(8).collect();
    printer.print_status(
        "Packaged",
        format_args!("{}.zip ({}, sha256 {short}…)", settings.app, format_bytes(artifact.bytes)),
    );
    Ok(Built { artifact, build, package: started.elapsed() })
}

/// Returns the error without the compiler's messages, which stand on the terminal already.
fn shorten(error: BuildError) -> BuildError {
    match error {
        BuildError::CompileFailed { package, advice, .. } => {
            BuildError::CompileFailed { package, advice, rendered: "cargo's messages stand above".to_owned() }
        }
        other => other,
    }
}

/// Shows a build event: on the progress line, as a status line, or only with `--verbose`. Cargo's own output
/// is shown only there; errors of the compiler are in the error.
fn show_build_event(printer: Printer, progress: &Progress, project: &Project, event: BuildEvent) {
    match event {
        BuildEvent::Linker { linker, reason } => {
            if printer.verbose > 0 {
                printer.print_status("Linking", format_args!("with {}: {reason}", linker.as_str()));
            }
        }
        BuildEvent::AddingTarget(triple) => {
            printer.print_status("Adding", format_args!("target {triple} through rustup"));
        }
        BuildEvent::Warning(text) => printer.print_warning(text),
        BuildEvent::Compiling { name, done, total } => progress.show_activity(
            "Compiling",
            match total {
                Some(total) => format!("{} ({done} of {total}) {name}", project.package),
                None => format!("{} ({done}) {name}", project.package),
            },
        ),
        BuildEvent::Waiting => {
            progress.show_activity("Waiting", "for another cargo to end its work in the target folder");
        }
        BuildEvent::CargoLine(line) => {
            if printer.verbose > 0 {
                printer.print_note(&format!("{line}\n"));
            }
        }
    }
}

/// Returns the description of the version that is about to be published: commit, author, and the time in UTC.
/// Without git or outside of a repository only the time is left.
async fn describe_release(dir: &Path) -> Release {
    let commit = git::read_commit(dir).await;
    Release {
        dirty: commit.as_ref().is_some_and(|commit| commit.dirty),
        author: commit.as_ref().map(|commit| commit.author.clone()),
        commit: commit.map(|commit| commit.short),
        time: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use lzap_core::config::parse;
    use lzap_core::settings::{Overrides, resolve};

    use super::*;

    #[test]
    fn what_does_nothing_is_told_unless_the_app_can_use_it() {
        let warnings = |stage: &str, features: &[&str]| -> Vec<String> {
            let config = parse(&format!("app = \"shop\"\n[stage.dev]\n{stage}")).expect("a config");
            let settings = resolve(&config, &Overrides::default()).expect("settings");
            idle_settings(&settings, Uses::of_features(features.iter().copied()))
        };
        assert_eq!(warnings("timeout_secs = 30\n", &[]), [""; 0]);
        let [slow] = warnings("timeout_secs = 60\n", &[]).try_into().expect("one");
        assert!(slow.starts_with("timeout_secs = 60 is of no use without tasks"), "{slow}");
        assert_eq!(warnings("timeout_secs = 60\n", &["tasks"]), [""; 0]);
        let [idle] = warnings("workers = {}\n", &["tasks"]).try_into().expect("one");
        assert!(idle.starts_with("[stage.dev.workers] does nothing"), "{idle}");
        assert_eq!(warnings("timeout_secs = 60\nworkers = {}\n", &["map"]), [""; 0]);
    }
}
