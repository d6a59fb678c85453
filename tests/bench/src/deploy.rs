//! `cargo xtask bench deploy`: the calls, round trips, bytes and seconds of a deploy, beside other tools.
//!
//! Each tool deploys its hello app to the same mock of AWS, which has AWS's propagation delays, through the
//! same proxy, which adds a delay to each call as a network would ([`stand`]). Each tool has a module with
//! its command for each [`Step`]; the result becomes a [`page`] with a [`chart`]. Compiling is not measured;
//! work that a tool repeats on each deploy, such as packaging, is.

mod cargo_lambda;
mod chalice;
mod chart;
mod inventory;
mod lzap;
mod page;
mod sam;
mod stand;
mod zappa;

use std::process::Command;
use std::thread::sleep;

use clap::Args;
use clap::builder::PossibleValuesParser;
use fs_err as fs;
use lzap_testkit::workspace;

use self::inventory::Inventory;
pub(crate) use self::lzap::Lzap;
use self::stand::Stand;
pub(crate) use self::stand::{DELAY, set_account};
pub(crate) use self::zappa::APP as ZAPPA_APP;
use lzap_testkit::shell::Result;

/// In the order of the table.
const TOOLS: [&str; 5] = ["lzap", "zappa", "chalice", "sam", "cargo-lambda"];

/// The tools and rounds to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// Only these, with commas between; the page is written only when all take part
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = PossibleValuesParser::new(TOOLS), default_values = TOOLS)]
    tools: Vec<String>,
    /// Runs of the whole series; the fastest of each step counts, since other load on the machine only ever
    /// adds
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
}

/// The steps that are measured for each tool, in this order, in one account that is empty at first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    First,
    Unchanged,
    Code,
    Delete,
}

impl Step {
    const ALL: [Self; 4] = [Self::First, Self::Unchanged, Self::Code, Self::Delete];

    fn title(self) -> &'static str {
        match self {
            Self::First => "first deploy",
            Self::Unchanged => "again, nothing changed",
            Self::Code => "new code",
            Self::Delete => "delete",
        }
    }
}

/// The resources that a tool creates. Only tools of the same kind are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// A function, its role, and an API in front.
    App,
    /// A function and its role.
    Function,
}

/// One of the tools.
trait Tool {
    fn name(&self) -> &'static str;

    /// Name and version, with what else the figures depend on.
    fn version(&self) -> Result<String>;

    fn kind(&self) -> Kind {
        Kind::App
    }

    /// Returns whether the tool's API belongs to a CloudFormation stack: AWS deletes it with the stack, the
    /// mock does not.
    fn api_is_in_a_stack(&self) -> bool {
        false
    }

    /// The command of a step, with everything prepared that isn't on the clock; `None` when the tool has none.
    fn command(&self, step: Step, stand: &Stand) -> Result<Option<Command>>;
}

/// The measured figures of one command.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Figures {
    calls: usize,
    writes: usize,
    depth: usize,
    uploaded: usize,
    /// From the command's start to its end, without compiling.
    seconds: f64,
}

/// The result of a step of a tool.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    /// With the operation at which it failed at first, when it had to be typed a second time.
    Done(Figures, Option<String>),
    /// It failed twice, at this operation.
    Refused(String),
    /// The tool has no such command.
    Missing,
}

impl Outcome {
    fn figures(&self) -> Option<Figures> {
        if let Self::Done(figures, _) = self { Some(*figures) } else { None }
    }

    /// The better of two rounds.
    fn or_faster(self, other: Self) -> Self {
        match (self.figures(), other.figures()) {
            (Some(ours), Some(theirs)) if theirs.seconds < ours.seconds => other,
            (None, Some(_)) => other,
            _ => self,
        }
    }
}

/// All that was found out about one tool.
struct Summary {
    name: &'static str,
    version: String,
    kind: Kind,
    /// By [`Step::ALL`].
    outcomes: Vec<Outcome>,
    /// The resources that its first deploy created.
    made: Inventory,
    /// The resources that still existed after its delete.
    left: Inventory,
}

/// Measures, prints the table, and writes it to the docs when every tool took part.
pub(crate) fn run(options: &Options) -> Result {
    println!("==> installing the tools, compiling the apps");
    let names = TOOLS.into_iter().filter(|name| options.tools.iter().any(|tool| tool == name));
    let tools = names.map(tool).collect::<Result<Vec<_>>>()?;
    let mut summaries: Vec<Summary> = Vec::new();
    for round in 1..=options.rounds {
        for (place, tool) in tools.iter().enumerate() {
            println!("==> {}, round {round} of {}", tool.name(), options.rounds);
            let run = run_round(tool.as_ref())?;
            match summaries.get_mut(place) {
                Some(summary) => summary.keep_fastest(run.outcomes),
                None => summaries.push(run),
            }
        }
    }
    let text = page::page(&summaries, options.rounds, &stand::versions()?);
    println!("\n{text}");
    if tools.len() < TOOLS.len() {
        return Ok(());
    }
    let folder = workspace().join("docs/benchmarks");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("deploy.md"), text)?;
    fs::write(folder.join("deploy.svg"), page::chart(&summaries))?;
    println!("written to docs/benchmarks/deploy.md and deploy.svg");
    Ok(())
}

fn tool(name: &str) -> Result<Box<dyn Tool>> {
    Ok(match name {
        "lzap" => Box::new(Lzap::new()?),
        "zappa" => Box::new(zappa::Zappa::new()?),
        "chalice" => Box::new(chalice::Chalice::new()?),
        "sam" => Box::new(sam::Sam::new()?),
        _ => Box::new(cargo_lambda::CargoLambda::new()?),
    })
}

/// One round of one tool, on an account of its own.
fn run_round(tool: &dyn Tool) -> Result<Summary> {
    let stand = Stand::new()?;
    let (mut before, mut made) = (Inventory::default(), Inventory::default());
    let mut outcomes = Vec::new();
    for step in Step::ALL {
        let command = tool.command(step, &stand)?;
        if step == Step::First {
            before = Inventory::of(&stand.moto)?;
        } else {
            // A deploy rarely follows another within seconds, so a step must not include waits that the step
            // before caused.
            sleep(stand::WAITS.created);
        }
        outcomes.push(match command {
            Some(mut command) => stand.measure(tool.name(), step, &mut command)?,
            None => Outcome::Missing,
        });
        if step == Step::First {
            made = Inventory::of(&stand.moto)?.without(&before);
        }
    }
    let mut left = Inventory::of(&stand.moto)?.without(&before);
    if tool.api_is_in_a_stack() && !left.has("stack") {
        left.forget("REST API");
    }
    Ok(Summary { name: tool.name(), version: tool.version()?, kind: tool.kind(), outcomes, made, left })
}

impl Summary {
    fn outcome(&self, step: Step) -> &Outcome {
        let place = Step::ALL.iter().position(|each| *each == step);
        place.and_then(|place| self.outcomes.get(place)).unwrap_or(&Outcome::Missing)
    }

    fn figures(&self, step: Step) -> Option<Figures> {
        self.outcome(step).figures()
    }

    fn keep_fastest(&mut self, round: Vec<Outcome>) {
        let kept = std::mem::take(&mut self.outcomes);
        self.outcomes = kept.into_iter().zip(round).map(|(kept, new)| kept.or_faster(new)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(seconds: f64) -> Outcome {
        Outcome::Done(Figures { seconds, ..Figures::default() }, None)
    }

    #[test]
    fn the_faster_round_of_a_step_is_kept_and_success_beats_failure() {
        let refused = || Outcome::Refused("lambda:CreateFunction".to_owned());
        for (one, other, kept) in [
            (done(2.0), done(1.0), done(1.0)),
            (done(1.0), done(2.0), done(1.0)),
            (refused(), done(9.0), done(9.0)),
            (done(9.0), refused(), done(9.0)),
            (Outcome::Missing, Outcome::Missing, Outcome::Missing),
        ] {
            assert_eq!(one.or_faster(other), kept);
        }
    }
}
