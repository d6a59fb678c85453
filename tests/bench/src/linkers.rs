//! `cargo xtask bench linkers`: what the ways to link and to allocate cost: size, cold start, processor time.
//!
//! One app (`tests/fixtures/allocators`) is built in each form by `lzap package`, and runs against a stand-in for Lambda's
//! Runtime API in this process, so that no gateway and no network is in the figures. The forms take turns, round by
//! round, and of each figure the smallest counts: a busy machine only ever adds. Requests are counted in processor time,
//! which other processes hardly touch.

mod function;
mod page;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use fs_err as fs;
use lzap_testkit::{Python, TempProject, require_arm64, target, workspace};
use serde_json::Value;

pub(crate) use self::function::Function;
use lzap_testkit::shell::{Failure, Result, lzap, quiet_output};

const ROUNDS: usize = 5;
/// Cold starts of each form in each round.
const STARTS: usize = 10;
/// The app's routes, and how many requests to each take a second or so.
const ROUTES: [(&str, usize); 3] = [("/hello", 4000), ("/json", 1000), ("/threads", 250)];
/// An emulated app is slower; that it runs is what counts.
const EMULATED_PART: usize = 20;
const APP: &str = "allocators";

/// A way to build the app.
#[derive(Clone, Copy)]
struct Form {
    architecture: &'static str,
    linker: &'static str,
    /// The feature that brings an allocator; none for the C library's own.
    allocator: Option<&'static str>,
}

const FORMS: [Form; 7] = [
    Form { architecture: "x86_64", linker: "rust-lld", allocator: None },
    Form { architecture: "x86_64", linker: "rust-lld", allocator: Some("dlmalloc") },
    Form { architecture: "x86_64", linker: "rust-lld", allocator: Some("talc") },
    Form { architecture: "x86_64", linker: "zig", allocator: None },
    Form { architecture: "x86_64", linker: "zig", allocator: Some("mimalloc") },
    Form { architecture: "arm64", linker: "rust-lld", allocator: None },
    Form { architecture: "arm64", linker: "zig", allocator: None },
];

impl Form {
    fn is_native(self) -> bool {
        self.architecture == if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
    }

    fn triple(self) -> String {
        let machine = if self.architecture == "arm64" { "aarch64" } else { "x86_64" };
        let library = if self.linker == "zig" { "gnu" } else { "musl" };
        format!("{machine}-unknown-linux-{library}")
    }

    fn shown(self) -> String {
        let library = if self.linker == "zig" { "glibc, zig" } else { "static musl, rust-lld" };
        let own = if self.linker == "zig" { "glibc's" } else { "musl's" };
        format!("{} | {library} | {}", self.architecture, self.allocator.unwrap_or(own))
    }
}

/// One form, built, and the best of its figures so far.
struct Built {
    form: Form,
    program: PathBuf,
    bootstrap_bytes: u64,
    zip_bytes: u64,
    best: Option<Figures>,
}

/// The measured figures of one form.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Figures {
    cold: Duration,
    /// Processor time of one request, by [`ROUTES`].
    request: [Duration; ROUTES.len()],
    /// The most memory that was resident, after all requests.
    resident_bytes: u64,
}

impl Figures {
    fn best(self, other: Self) -> Self {
        let mut request = self.request;
        for (own, other) in request.iter_mut().zip(other.request) {
            *own = (*own).min(other);
        }
        let resident_bytes = self.resident_bytes.min(other.resident_bytes);
        Self { cold: self.cold.min(other.cold), request, resident_bytes }
    }
}

/// Builds all forms, measures them, prints the table and writes it to the docs.
pub(crate) fn run() -> Result {
    let folder = target().join("bench/linkers");
    fs::create_dir_all(&folder)?;
    let mut built = Vec::new();
    for form in FORMS {
        println!("==> building {}", form.shown());
        built.push(build(form)?);
    }
    for round in 1..=ROUNDS {
        println!("==> round {round} of {ROUNDS}");
        for one in built.iter_mut().filter(|one| can_run(one.form)) {
            let figures = measure(one)?;
            one.best = Some(one.best.map_or(figures, |best| best.best(figures)));
        }
    }
    let text = page::page(&built);
    let docs = workspace().join("docs/benchmarks");
    fs::create_dir_all(&docs)?;
    fs::write(docs.join("linkers.md"), &text)?;
    println!("\n{text}\nwritten to docs/benchmarks/linkers.md");
    Ok(())
}

fn can_run(form: Form) -> bool {
    form.is_native() || form.architecture == "arm64"
}

fn build(form: Form) -> Result<Built> {
    let config = format!(
        "[stage.dev]\nregion = \"{}\"\narchitecture = \"{}\"\nlinker = \"{}\"\nfeatures = {:?}\n",
        crate::REGION,
        form.architecture,
        form.linker,
        form.allocator.as_slice()
    );
    let settings = TempProject::with_files("settings", &[("lzap.toml", &config)])?;
    let builds = target().join("bench/linkers");
    let mut command = lzap()?;
    command.args(["package", "dev", "--output", "json", "--config"]).arg(settings.path().join("lzap.toml"));
    command.current_dir(workspace().join("tests/fixtures").join(APP)).env("CARGO_TARGET_DIR", &builds);
    command.env("CARGO_ZIGBUILD_PYTHON_PATH", Python::ready()?.command("python3").get_program());
    let report: Value = serde_json::from_str(&quiet_output(&mut command)?)?;
    let bytes = report["artifact"]["bytes"].as_u64();
    let zip_bytes = bytes.ok_or_else(|| Failure::new(format!("no size in {report}")))?;
    // The next form is built to the same place.
    let name = format!("{}-{}", form.triple(), form.allocator.unwrap_or("own"));
    let program = builds.join(name);
    fs::copy(builds.join(form.triple()).join("release").join(APP), &program)?;
    let bootstrap_bytes = fs::metadata(&program)?.len();
    Ok(Built { form, program, bootstrap_bytes, zip_bytes, best: None })
}

fn measure(built: &Built) -> Result<Figures> {
    let part = if built.form.is_native() { 1 } else { EMULATED_PART };
    let command = || -> Result<Command> {
        if built.form.is_native() {
            return Ok(Command::new(&built.program));
        }
        require_arm64()?;
        let mut command = Command::new("qemu-aarch64-static");
        command.args(["-L", "/usr/aarch64-linux-gnu"]).arg(&built.program);
        Ok(command)
    };
    let mut cold = Vec::new();
    for _ in 0..STARTS {
        cold.push(Function::start(command()?)?.cold());
    }
    cold.sort();
    let mut function = Function::start(command()?)?;
    let mut request = [Duration::ZERO; ROUTES.len()];
    for (time, (path, count)) in request.iter_mut().zip(ROUTES) {
        let count = count / part;
        function.request(path, count / 10)?;
        *time = function.request(path, count)?;
    }
    Ok(Figures { cold: cold[STARTS / 2], request, resident_bytes: function.resident_bytes()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_each_figure_is_kept() {
        let of = |cold, first, resident_bytes| Figures {
            cold: Duration::from_millis(cold),
            request: [Duration::from_micros(first), Duration::from_micros(5), Duration::from_micros(5)],
            resident_bytes,
        };
        assert_eq!(of(3, 9, 100).best(of(4, 7, 90)), of(3, 7, 90));
    }
}
