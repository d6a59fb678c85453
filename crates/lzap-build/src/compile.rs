//! `cargo build` for Lambda: linker, target, profile, progress.
//!
//! [`compile`] reads top to bottom. Not here: which linker (`linker`), reading cargo's output (`cargo`), and whether
//! Lambda can start the result ([`crate::elf`]) but for the one case where that decides about the linker.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Instant;

use lzap_core::platform::{Architecture, Linker};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::cargo::{self, Lines, Said};
use crate::error::BuildError;
use crate::event::OnEvent;
use crate::linker::{self, Choice};
use crate::project::Project;
use crate::toolchain::Toolchain;
use crate::{elf, native, openssl, profile, zig};

pub use crate::event::BuildEvent;

/// Options of a build.
#[derive(Clone, Debug)]
pub struct CompileOptions {
    /// The stage's architecture.
    pub architecture: Architecture,
    /// The linker, or [`Linker::Auto`].
    pub linker: Linker,
    /// Set if cargo's lines and errors come in color.
    pub color: bool,
}

/// A binary that cargo built.
#[derive(Clone, Debug)]
pub struct Binary {
    /// The file, in the project's target folder.
    pub path: PathBuf,
    /// The processor architecture that it runs on.
    pub architecture: Architecture,
    /// Rust's target triple.
    pub triple: String,
    /// The linker that was used; never [`Linker::Auto`].
    pub linker: Linker,
    /// The time that the whole build took.
    pub seconds: f64,
}

/// Builds the project's binary with the project's `toolchain`. Runs cargo, and rustup where the target is missing; dropping the future ends both.
///
/// # Errors
/// [`BuildError::CompileFailed`] with cargo's words; others where a tool is missing, each with how to get it.
pub async fn compile(
    project: &Project,
    toolchain: &Toolchain,
    options: &CompileOptions,
    on_event: OnEvent<'_>,
) -> Result<Binary, BuildError> {
    let started = Instant::now();
    let c_dependency = project.c_dependency.as_deref();
    let first = linker::choose_linker(options.linker, c_dependency, &toolchain.host, options.architecture)?;
    let triple = first.triple(options.architecture);
    if let Some(warning) = native::describe_overruled_flags(&project.root, triple, options.architecture) {
        on_event(BuildEvent::Warning(warning));
    }
    if profile::aborts_on_panic(project) {
        on_event(BuildEvent::Warning(
            "the release profile has `panic = \"abort\"`: each panic will end the process and cost a cold start".to_owned(),
        ));
    }
    let build = Build { project, options, toolchain };
    // Only a finished binary shows whether Lambda can start it, so a second build may be needed.
    let path = build.build_with(&first, on_event).await?;
    let (choice, path) = match build.second_choice(&first, &path)? {
        None => (first, path),
        Some(second) => {
            let path = build.build_with(&second, on_event).await?;
            (second, path)
        }
    };
    Ok(Binary {
        path,
        architecture: options.architecture,
        triple: choice.triple(options.architecture).to_owned(),
        linker: choice.linker,
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// The inputs of a build, for each attempt of it.
struct Build<'a> {
    project: &'a Project,
    options: &'a CompileOptions,
    toolchain: &'a Toolchain,
}

impl Build<'_> {
    /// Runs cargo once with the linker of `choice`, and returns the path of the binary. Installs the target
    /// through rustup if it is missing.
    async fn build_with(&self, choice: &Choice, on_event: OnEvent<'_>) -> Result<PathBuf, BuildError> {
        on_event(BuildEvent::Linker { linker: choice.linker, reason: choice.reason.clone() });
        let triple = choice.triple(self.options.architecture);
        let variables = self.linker_variables(choice, triple).await?;
        self.toolchain.ensure_target(triple, on_event).await?;
        let mut command = self.cargo_command(triple);
        command
            .envs(variables)
            .envs(native::c_variables())
            .envs(profile::unset_profile_variables(self.project));
        let outcome = run_cargo(&mut command, &self.project.bin, on_event).await?;
        if !outcome.status.success() {
            return Err(self.compile_error(choice, outcome));
        }
        outcome.binary.ok_or_else(|| BuildError::NoOutput { bin: self.project.bin.clone() })
    }

    /// Returns zig where the native toolchain was lzap's own choice and its result can't run in Lambda;
    /// `None` keeps the first result.
    fn second_choice(&self, first: &Choice, path: &Path) -> Result<Option<Choice>, BuildError> {
        // A linker that the user chose is never replaced.
        if (self.options.linker, first.linker) != (Linker::Auto, Linker::Native) {
            return Ok(None);
        }
        let checked = elf::check(&elf::inspect(path)?, self.options.architecture);
        Ok(checked
            .err()
            .map(|error| Choice { linker: Linker::Zig, reason: format!("built natively, {error}") }))
    }

    /// Returns the environment variables that make cargo use the chosen linker.
    async fn linker_variables(
        &self,
        choice: &Choice,
        triple: &'static str,
    ) -> Result<Vec<(String, OsString)>, BuildError> {
        let dir = &self.project.root;
        if choice.linker == Linker::Zig {
            return zig::zig_variables(self.toolchain, dir, triple, &choice.reason).await;
        }
        let mut variables = Vec::new();
        if choice.linker == Linker::RustLld {
            self.toolchain.ensure_rust_lld()?;
            // rustc infers the rest for a musl target: a static binary with the start files that come with Rust.
            variables.push((linker::linker_variable(triple), "rust-lld".into()));
        }
        // An unreadable configuration is cargo's to report, with a better message than lzap could give.
        let config = cargo_config2::Config::load_with_cwd(dir).ok();
        let flags = config.and_then(|config| linker::change_rustflags(&config, triple, &[]));
        variables.extend(flags.map(|(name, value)| (name.to_owned(), value)));
        Ok(variables)
    }

    /// Returns the `cargo build` command for a target, without the variables of the linker and the profile.
    fn cargo_command(&self, triple: &str) -> Command {
        let mut command = Command::new(cargo::cargo_program());
        command
            // JSON on stdout names the binary's path; the diagnostics come to stderr as on a terminal.
            .args(["build", "--release", "--message-format=json-render-diagnostics", "--target", triple])
            .args(["--color", if self.options.color { "always" } else { "never" }])
            .args(["--bin", &self.project.bin, "--manifest-path"])
            .arg(self.project.root.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&self.project.target_dir)
            .current_dir(&self.project.root)
            // Cargo draws its progress bar, with the counts, only on a terminal or when it is asked to.
            // `always` is an error without a width.
            .env("CARGO_TERM_PROGRESS_WHEN", "always")
            .env("CARGO_TERM_PROGRESS_WIDTH", "120");
        if !self.project.features.is_empty() {
            command.args(["--features", &self.project.features.join(",")]);
        }
        command
    }

    /// Returns the error of a build that cargo ended with a failure.
    fn compile_error(&self, choice: &Choice, outcome: Outcome) -> BuildError {
        let mut rendered = outcome.rendered;
        if rendered.trim().is_empty() {
            rendered = format!("cargo ended with {} and said nothing", outcome.status);
        }
        let advice = advise_on_failure(choice.linker, self.project, &rendered);
        BuildError::CompileFailed { package: self.project.package.clone(), rendered, advice }
    }
}

/// Returns how to fix a failed build, for the failures whose messages are known; the first that fits.
///
/// `rendered` is text for people, and changes with cargo and rustc: when a message isn't recognized any more,
/// only the advice is lost.
fn advise_on_failure(linker: Linker, project: &Project, rendered: &str) -> Option<String> {
    let said = |text: &str| rendered.contains(text);
    let advice = match (linker, project.c_dependency.as_deref()) {
        _ if said("custom build command for `openssl-sys") => {
            let switch = project.without_openssl.as_deref().unwrap_or(openssl::ANYHOW);
            format!("{switch}, or turn on the feature `vendored` of `openssl`, which compiles it along")
        }
        (Linker::RustLld, Some(c)) => format!(
            "`{c}` compiles C, and `rust-lld` brings no C compiler for a static binary: take `linker` out of lzap.toml, or \
             set it to \"zig\""
        ),
        (Linker::Native, _) if said("linker `cc` not found") || said("failed to find tool") => {
            "install a C compiler (`apt install gcc`, `dnf install gcc`), or set `linker = \"zig\"` in lzap.toml".to_owned()
        }
        _ => return None,
    };
    Some(advice)
}

/// The end of a cargo process, successful or not, and its messages.
struct Outcome {
    status: ExitStatus,
    /// The binary, if cargo reported one with the wanted name.
    binary: Option<PathBuf>,
    /// The diagnostics, as they would stand on a terminal.
    rendered: String,
}

/// Runs cargo in a process group of its own, so that all of it can be ended, and reports what it says. A
/// failed build is an [`Outcome`]; it is an error only if cargo couldn't be run or its output not be read.
async fn run_cargo(command: &mut Command, bin: &str, on_event: OnEvent<'_>) -> Result<Outcome, BuildError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    #[cfg(unix)]
    // Ctrl-C on a terminal reaches the whole group of lzap: in a group of its own cargo ends when lzap
    // decides.
    command.process_group(0);
    let mut child = command.spawn().map_err(|source| BuildError::NoCargo {
        program: cargo::cargo_program().to_string_lossy().into_owned(),
        source,
    })?;
    let group = Group::of(&child);
    let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
        unreachable!("both were asked for as pipes")
    };
    let reading = BuildError::io("read what cargo writes");
    let mut messages = BufReader::new(stdout).lines();
    let (mut binary, mut reporter) = (None, Reporter::new(on_event));
    let (mut lines, mut bytes) = (Lines::default(), Vec::with_capacity(8192));
    // Both streams are read at once: cargo would block on the one that isn't read when its pipe is full.
    let (mut messages_open, mut lines_open) = (true, true);
    let read: std::io::Result<()> = async {
        while messages_open || lines_open {
            tokio::select! {
                message = messages.next_line(), if messages_open => match message? {
                    Some(message) => binary = cargo::find_built_binary(&message, bin).or(binary.take()),
                    None => messages_open = false,
                },
                read = stderr.read_buf(&mut bytes), if lines_open => {
                    lines_open = read? > 0;
                    lines.push(&bytes).into_iter().for_each(|said| reporter.take(said));
                    bytes.clear();
                }
            }
        }
        Ok(())
    }
    .await;
    read.map_err(reading)?;
    lines.finish().into_iter().for_each(|said| reporter.take(said));
    let status = child.wait().await.map_err(BuildError::io("wait for cargo"))?;
    group.ended();
    Ok(Outcome { status, binary, rendered: reporter.rendered })
}

/// Turns cargo's lines into events, and keeps the diagnostics for the error.
struct Reporter<'a> {
    on_event: OnEvent<'a>,
    /// Units that are done, from the last progress bar.
    done: usize,
    /// Units in all, once a progress bar was read.
    total: Option<usize>,
    /// The diagnostics so far, for the error of a failed build.
    rendered: String,
}

impl<'a> Reporter<'a> {
    fn new(on_event: OnEvent<'a>) -> Self {
        Self { on_event, done: 0, total: None, rendered: String::new() }
    }

    /// Reports one line, and keeps it if it is a diagnostic.
    fn take(&mut self, said: Said) {
        match said {
            Said::Progress { done, total, name } => {
                (self.done, self.total) = (done, Some(total));
                if let Some(name) = name {
                    self.report_compiling(name);
                }
            }
            Said::Compiling { name, line } => {
                self.report_compiling(name);
                (self.on_event)(BuildEvent::CargoLine(line));
            }
            Said::Status(line) => {
                // `Blocking waiting for file lock on build directory`.
                if line.contains("Blocking") {
                    (self.on_event)(BuildEvent::Waiting);
                }
                (self.on_event)(BuildEvent::CargoLine(line));
            }
            Said::Text(line) => {
                self.rendered.push_str(&line);
                self.rendered.push('\n');
                (self.on_event)(BuildEvent::CargoLine(line));
            }
        }
    }

    /// Reports the crate that is compiled now, with the counts of the last progress bar.
    fn report_compiling(&mut self, name: String) {
        (self.on_event)(BuildEvent::Compiling { name, done: self.done, total: self.total });
    }
}

/// Ends cargo's whole process group when it is dropped before cargo ended: to end cargo alone would leave
/// compilers running.
struct Group {
    /// `None` once cargo has ended: the kernel may reuse its process id.
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

#[cfg(unix)]
impl Group {
    /// The group's id is cargo's process id, because `process_group(0)` made cargo the leader.
    fn of(child: &Child) -> Self {
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        Self { leader: pid.and_then(rustix::process::Pid::from_raw) }
    }

    /// Turns the drop into nothing, after cargo was waited for.
    fn ended(mut self) {
        self.leader = None;
    }
}

#[cfg(unix)]
impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            // An error means that it is gone already.
            _ = rustix::process::kill_process_group(leader, rustix::process::Signal::TERM);
        }
    }
}

/// Other systems have no process groups: there, `kill_on_drop` ends cargo alone.
#[cfg(not(unix))]
impl Group {
    fn of(_: &Child) -> Self {
        Self {}
    }

    fn ended(self) {}
}
