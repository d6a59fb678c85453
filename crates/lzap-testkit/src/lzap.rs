//! The built `lzap` as a child process with a clean environment and separate output streams.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::child::Guarded;
use crate::paths::{apps_target, workspace};
use crate::shell::{BUILD_LZAP, QUICK_BUILD, cargo, lzap_path};

/// A simulated machine: an empty home folder, an empty state folder of the embedded cloud, and the built `lzap`.
///
/// Commands don't see the variables of the real environment that `lzap` or the AWS SDK reads; [`Lzap::env`] sets them.
/// There is no terminal.
#[derive(Debug)]
pub struct Lzap {
    home: TempDir,
    builds: PathBuf,
    env: Vec<(String, String)>,
}

impl Lzap {
    /// A new machine. It compiles apps without optimization to save time; see [`Lzap::as_shipped`].
    ///
    /// # Errors
    /// When its folders can't be made.
    pub fn new() -> io::Result<Self> {
        let env = QUICK_BUILD.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(Self { home: TempDir::new()?, builds: apps_target(), env: env.into() })
    }

    /// Compiles apps with their own profile, for tests of the artifact. These builds have a target folder of their own,
    /// because both kinds of build have the same file names.
    #[must_use]
    pub fn as_shipped(mut self) -> Self {
        self.env.retain(|(name, _)| !QUICK_BUILD.iter().any(|(quick, _)| quick == name));
        self.builds = apps_target().join("shipped");
        self
    }

    /// A new machine with dummy credentials that sends every AWS call to `endpoint`.
    ///
    /// # Errors
    /// As [`Lzap::new`].
    pub fn with_endpoint(endpoint: &str, region: &str) -> io::Result<Self> {
        // The emulators accept any credentials, but without some the SDK sends no request.
        Ok(Self::new()?
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", region))
    }

    /// Sets an environment variable for all commands of this machine.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The user's home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The state folder of this machine's embedded cloud.
    pub fn state_dir(&self) -> PathBuf {
        self.home().join("cloud")
    }

    /// Runs `lzap` with `args` in `folder` and waits for its end. The first call in a process may build `lzap`.
    ///
    /// # Errors
    /// When it can't be built or started, or runs for more than ten minutes.
    pub fn run<S: AsRef<OsStr>>(&self, folder: &Path, args: &[S]) -> io::Result<Outcome> {
        self.spawn(folder, args)?.wait_for_exit(Duration::from_mins(10))
    }

    /// Starts `lzap` with `args` in `folder` and returns at once.
    ///
    /// # Errors
    /// When it can't be built or started.
    pub fn spawn<S: AsRef<OsStr>>(&self, folder: &Path, args: &[S]) -> io::Result<Running> {
        let mut command = Command::new(find_or_build_lzap()?);
        command.args(args).current_dir(folder);
        self.set_clean_environment(&mut command);
        let shown = format!("{command:?}");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Guarded::spawn(&mut command)?;
        let child = process.child();
        // Both pipes are read from the start: a full pipe would block the command.
        let stdout = child.stdout.take().map(Stream::start_reader);
        let stderr = child.stderr.take().map(Stream::start_reader);
        Ok(Running { shown, process, stdout, stderr })
    }

    /// Runs `script` with bash in `folder`, with `lzap` on `PATH`. Returns both output streams, merged.
    ///
    /// # Errors
    /// When a command of the script fails; the text has the script and its output.
    pub fn run_script(&self, folder: &Path, script: &str) -> io::Result<String> {
        let program = find_or_build_lzap()?;
        let mut paths = vec![program.parent().map(Path::to_path_buf).unwrap_or_default()];
        paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        // The streams are merged by the shell, which keeps the order in which the lines were written.
        let mut shell = Command::new("bash");
        shell.args(["-e", "-c", &format!("exec 2>&1\n{script}")]).current_dir(folder).stdin(Stdio::null());
        self.set_clean_environment(&mut shell);
        shell.env("PATH", std::env::join_paths(paths).map_err(io::Error::other)?);
        let output = shell.output()?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            Ok(printed)
        } else {
            Err(io::Error::other(format!("{script}\n{printed}")))
        }
    }

    /// Removes only the variables that `lzap`, the SDK or a nested cargo would read from the real environment.
    /// rustup's variables stay: without them rustup may select, download or replace the machine's toolchain.
    fn set_clean_environment(&self, command: &mut Command) {
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(must_remove_variable))
        {
            command.env_remove(name);
        }
        for (name, path) in find_rust_homes() {
            command.env(name, path);
        }
        command
            .env("HOME", self.home())
            // `cargo` may be rustup's proxy, which by default installs a missing toolchain.
            .env("RUSTUP_AUTO_INSTALL", "0")
            // `cargo xtask setup` downloads every crate, so a missing one must fail the test even with a network.
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TARGET_DIR", &self.builds)
            .env("LZAP_STATE_DIR", self.state_dir())
            // The SDK reads all root certificates before its first call. In an unoptimized build that takes four fifths
            // of a short command's CPU time, and no emulator uses TLS. This file has one certificate.
            .env("SSL_CERT_FILE", workspace().join("crates/lzap-testkit/data/root.pem"))
            // On an EC2 instance the SDK would otherwise use the role of the instance.
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(self.env.iter().map(|(name, value)| (name, value)));
    }
}

/// Returns true for variables that must not reach a command from the real environment.
fn must_remove_variable(name: &str) -> bool {
    let starts = ["AWS_", "LZAP_", "CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_PROFILE_", "GITHUB_", "INSTA_"];
    let names = [
        "CI",
        "NO_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "PORT",
        "XDG_STATE_HOME",
        "CARGO_BUILD_TARGET",
        "SSL_CERT_DIR",
    ];
    starts.iter().any(|start| name.starts_with(start)) || names.contains(&name)
}

/// Returns `CARGO_HOME` and `RUSTUP_HOME`, computed once per process. Commands need both because their `HOME` is an empty
/// folder. rustup sets the variables for every program that it starts; when they are missing, cargo and rustup report
/// the folders.
fn find_rust_homes() -> &'static [(&'static str, PathBuf)] {
    static HOMES: OnceLock<Vec<(&'static str, PathBuf)>> = OnceLock::new();
    HOMES.get_or_init(|| {
        let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(find_cargo_home);
        let rustup = std::env::var_os("RUSTUP_HOME").map(PathBuf::from).or_else(find_rustup_home);
        [("CARGO_HOME", cargo), ("RUSTUP_HOME", rustup)]
            .into_iter()
            .filter_map(|(name, path)| Some((name, path?)))
            .collect()
    })
}

/// Derives `CARGO_HOME` from a registry crate's manifest: `CARGO_HOME/registry/src/INDEX/CRATE/Cargo.toml`. cargo has no
/// stable command that prints the folder.
fn find_cargo_home() -> Option<PathBuf> {
    let mut metadata = cargo();
    metadata.args(["metadata", "--format-version", "1", "--offline", "--locked"]);
    let output = metadata.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let metadata: Value = serde_json::from_slice(&output.stdout).ok()?;
    let packages = metadata["packages"].as_array()?;
    let manifests = packages.iter().filter(|package| package["source"].is_string());
    let mut homes = manifests.filter_map(|package| {
        let folder = Path::new(package["manifest_path"].as_str()?).ancestors().nth(3)?;
        folder.ends_with("registry/src").then(|| folder.ancestors().nth(2))?
    });
    homes.next().map(Path::to_path_buf)
}

fn find_rustup_home() -> Option<PathBuf> {
    let output = Command::new("rustup").args(["show", "home"]).stdin(Stdio::null()).output().ok()?;
    let home = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(home.trim()))
}

/// Returns the path of `lzap`: `LZAP_BIN`, or this checkout's build, made on first use. The arguments are those of
/// `shell::build_lzap`, so that both builds use the same artifacts.
fn find_or_build_lzap() -> io::Result<&'static Path> {
    // The error is stored as text because `io::Error` can't be cloned for the later callers.
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("LZAP_BIN") {
            return Ok(path.into());
        }
        let mut build = cargo();
        crate::python::run_quietly(build.args(BUILD_LZAP)).map_err(|error| error.to_string())?;
        Ok(lzap_path())
    });
    built.as_deref().map_err(|error| io::Error::other(error.clone()))
}

/// The bytes read so far from an output stream, and the thread that reads them.
#[derive(Debug)]
struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Stream {
    fn start_reader(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let kept = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            // A read error ends the thread like the end of the stream; the bytes read so far are kept.
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..count]);
            }
        });
        Self { bytes, reader }
    }

    fn read_so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    fn read_to_end(self) -> String {
        let Self { bytes, reader } = self;
        drop(reader.join());
        String::from_utf8_lossy(&bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// A command that was started; dropping it ends the process.
#[derive(Debug)]
pub struct Running {
    shown: String,
    process: Guarded,
    stdout: Option<Stream>,
    stderr: Option<Stream>,
}

impl Running {
    /// Returns true when the process has ended. Doesn't wait.
    ///
    /// # Errors
    /// When the process can't be queried.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.process.child().try_wait()?.is_some())
    }

    /// Sends SIGINT to the process group, as Ctrl-C does.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn interrupt(&self) -> io::Result<()> {
        self.process.send_signal(Signal::INT)
    }

    /// Sends SIGKILL to `lzap` and its children.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn kill(&self) -> io::Result<()> {
        self.process.send_signal(Signal::KILL)
    }

    /// Waits until the output so far, of either stream, contains `text`.
    ///
    /// # Errors
    /// When `text` is still missing after `patience`; the error has the whole output.
    pub fn wait_until_printed(&self, text: &str, patience: Duration) -> io::Result<()> {
        let give_up = Instant::now() + patience;
        loop {
            let streams = [&self.stdout, &self.stderr];
            let printed: String = streams.into_iter().flatten().map(Stream::read_so_far).collect();
            if printed.contains(text) {
                return Ok(());
            }
            if Instant::now() > give_up {
                let shown = &self.shown;
                return Err(io::Error::other(format!("no `{text}` after {patience:?}: {shown}\n{printed}")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for the end of the process and of its output.
    ///
    /// # Errors
    /// When the process still runs after `patience`; it is then ended.
    pub fn wait_for_exit(mut self, patience: Duration) -> io::Result<Outcome> {
        let Some(status) = self.process.wait_for(patience)? else {
            return Err(io::Error::other(format!("still running after {patience:?}: {}", self.shown)));
        };
        let text = |stream: Option<Stream>| stream.map(Stream::read_to_end).unwrap_or_default();
        Ok(Outcome {
            code: status.code(),
            stdout: text(self.stdout.take()),
            stderr: text(self.stderr.take()),
            shown: std::mem::take(&mut self.shown),
        })
    }
}

/// Exit code and output of a command.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output: the results.
    pub stdout: String,
    /// Standard error: progress and diagnostics.
    pub stderr: String,
    shown: String,
}

impl Outcome {
    /// Returns the outcome unchanged when the exit code is `code`.
    ///
    /// # Panics
    /// When the exit code is another one; the message has the command line and the whole output.
    #[must_use]
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert!(self.code == Some(code), "exit code {code} expected\n{self}");
        self
    }

    /// Returns the outcome unchanged when the exit code is 0.
    ///
    /// # Panics
    /// As [`Outcome::expect_code`].
    #[must_use]
    #[track_caller]
    pub fn expect_success(self) -> Self {
        self.expect_code(0)
    }

    /// Parses standard output as one JSON document.
    ///
    /// # Panics
    /// When it isn't exactly one document; the message has the whole output.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is no JSON ({error})\n{self}"))
    }

    /// Formats exit code and both streams for a snapshot.
    pub fn transcript(&self) -> String {
        let code = self.code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        format!("exit code: {code}\n--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{}", self.shown, self.transcript())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn must_remove_variable_keeps_the_variables_of_rustup() {
        for kept in ["RUSTUP_AUTO_INSTALL", "RUSTUP_TOOLCHAIN", "RUSTUP_HOME", "CARGO_HOME", "CARGO", "PATH"]
        {
            assert!(!must_remove_variable(kept), "{kept}");
        }
        for taken in [
            "AWS_PROFILE",
            "AWS_CA_BUNDLE",
            "SSL_CERT_DIR",
            "AWS_ENDPOINT_URL",
            "LZAP_STATE_DIR",
            "CI",
            "INSTA_UPDATE",
        ] {
            assert!(must_remove_variable(taken), "{taken}");
        }
    }

    #[test]
    fn clean_environment_disables_toolchain_installation() -> io::Result<()> {
        let mut command = Command::new("lzap");
        Lzap::new()?.set_clean_environment(&mut command);
        let set = command.get_envs().find(|(name, _)| *name == "RUSTUP_AUTO_INSTALL");
        assert_eq!(set, Some((OsStr::new("RUSTUP_AUTO_INSTALL"), Some(OsStr::new("0")))));
        Ok(())
    }
}
