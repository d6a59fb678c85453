//! `cargo xtask bench deploy`: what a deploy costs in calls, round trips and seconds, beside zappa.
//!
//! Both tools deploy their hello app to the same moto, through the same proxy, which adds [`DELAY`] to each call as a
//! network would. Compiling is not in the figures: it is done before the clock starts. zappa's packaging is, since it
//! has nothing to reuse.

mod lzap;
mod zappa;

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use fs_err as fs;
use lzap_testkit::{Moto, Proxy, workspace};

use crate::shell::{Result, call};

/// What the proxy adds to each call.
const DELAY: Duration = Duration::from_millis(50);
const REGION: &str = "eu-central-1";

/// One command of one tool, measured.
struct Measured {
    what: &'static str,
    calls: usize,
    writes: usize,
    depth: usize,
    uploaded: usize,
    seconds: f64,
}

/// The cloud, and the proxy through which it is seen.
struct Stand {
    moto: Moto,
    proxy: Proxy,
}

impl Stand {
    fn new() -> Result<Self> {
        let moto = Moto::start()?;
        let proxy = Proxy::start(moto.url(), DELAY)?;
        // zappa asks for it on each update, and moto doesn't know it.
        proxy.stub("/urls", r#"{"FunctionUrlConfigs":[]}"#);
        Ok(Self { moto, proxy })
    }

    /// Runs `command` against the cloud with the clock on.
    fn measure(&self, what: &'static str, command: &mut Command) -> Result<Measured> {
        println!("    {what}");
        drop(self.proxy.take());
        let environment = [
            ("AWS_ENDPOINT_URL", self.proxy.url()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
        ];
        let began = Instant::now();
        call(command.envs(environment).stdout(std::process::Stdio::null()))?;
        let seconds = began.elapsed().as_secs_f64();
        let recording = self.proxy.take();
        let checked = recording.checked()?;
        Ok(Measured {
            what,
            calls: checked.len(),
            writes: checked.iter().filter(|call| !call.is_read()).count(),
            depth: recording.depth(),
            uploaded: recording.calls().iter().map(|call| call.body.len()).sum(),
            seconds,
        })
    }
}

/// Measures both tools, prints the table and writes it to the docs.
pub(crate) fn deploy() -> Result {
    println!("==> lzap");
    let ours = lzap::measure(&Stand::new()?)?;
    println!("==> zappa");
    let theirs = zappa::measure(&Stand::new()?)?;
    let table = table(&ours, &theirs);
    println!("\n{table}");
    let folder = workspace().join("docs/benchmarks");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("deploy.md"), page(&table))?;
    println!("written to docs/benchmarks/deploy.md");
    Ok(())
}

fn table(ours: &[Measured], theirs: &[Measured]) -> String {
    let mut table = "| | tool | calls | of which writes | depth | uploaded | seconds |\n".to_owned();
    table.push_str("|---|---|---:|---:|---:|---:|---:|\n");
    for (tool, runs) in [("lzap", ours), ("zappa 0.63.0", theirs)] {
        for run in runs {
            let _ = writeln!(
                table,
                "| {} | {tool} | {} | {} | {} | {} KB | {:.1} |",
                run.what,
                run.calls,
                run.writes,
                run.depth,
                run.uploaded.div_ceil(1000),
                run.seconds
            );
        }
    }
    table
}

fn page(table: &str) -> String {
    format!(
        "# What a deploy costs\n\n\
         Written by `cargo xtask bench deploy`: the hello app of each tool, deployed to moto through a proxy that adds\n\
         {} ms to each call, one tool after the other in the same run. Compiling comes before the clock starts.\n\n\
         Depth is the longest chain of calls in which each began after the one before had ended: so many round trips a\n\
         command takes at the least, and on AWS they decide the seconds. A write is every call that is not a read,\n\
         invokes included.\n\n{table}\n\
         moto settles every change at once; AWS takes seconds for some of them, and zappa then sleeps in steps of 3 to\n\
         30 seconds where lzap polls from 0.2 s up.\n",
        DELAY.as_millis()
    )
}
