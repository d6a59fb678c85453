//! The command line, and nothing else: what clap parses, with the help that it prints.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lzap_core::logs::since::Since;

/// Put an ordinary Rust web app on AWS Lambda, and keep it there.
#[derive(Debug, Parser)]
#[command(name = "lzap", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  lzap init --template hello    start a new app in this empty folder
  lzap deploy local             deploy it to the embedded cloud on this machine
  lzap deploy dev               deploy it to the AWS account of stage dev
  lzap update production        ship the next version
  lzap rollback production      go back to the version that was live before
  lzap tail production          follow its log
  lzap doctor                   what is missing on this machine or in the AWS account";

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The project's folder [default: this one, or the nearest above with an lzap.toml]
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    pub(crate) project: Option<PathBuf>,
    /// The configuration file [default: lzap.toml in the project's folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What stdout carries: text, or exactly one JSON document [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(crate) output: Option<Output>,
    /// Say more; twice: every AWS call
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say nothing but errors and the result
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// When to use color
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Answer every question with yes
    #[arg(short = 'y', long, global = true)]
    pub(crate) yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write lzap.toml for this crate, or start a new crate from a template
    Init(InitArgs),
    /// Build, and make the stage what lzap.toml says: create what is missing, change what differs
    Deploy(DeployArgs),
    /// Ship the next version of a stage that is deployed
    Update(DeployArgs),
    /// Show what deploy would do, field by field; changes nothing
    Plan(PlanArgs),
    /// Show what is deployed: URL, version, commit, drift
    Status(StatusArgs),
    /// Point the stage back to the version that was live before
    Rollback(RollbackArgs),
    /// Delete all that the stage owns
    Undeploy(UndeployArgs),
    /// Follow the function's log
    Tail(TailArgs),
    /// Build and zip, without deploying
    Package(StageArgs),
    /// Check this machine, the configuration and the AWS account: what is wrong and what mends it
    Doctor(StageArgs),
    /// The embedded cloud on this machine
    #[command(subcommand)]
    Local(LocalCommand),
    /// Show the effective settings of a stage, or the JSON Schema of lzap.toml
    Config(ConfigArgs),
    /// Print a shell's completions
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct StageArgs {
    /// The stage [default: `default_stage` in lzap.toml, else the only one]
    #[arg(value_name = "STAGE")]
    pub(crate) stage: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The crate's folder, or where the new crate goes
    #[arg(value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
    /// Start a new crate from a template: hello or csv-group-sum
    #[arg(long, value_name = "NAME")]
    pub(crate) template: Option<String>,
    /// Overwrite an existing lzap.toml
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    #[command(flatten)]
    pub(crate) stage: StageArgs,
    /// Don't request the live URL at the end
    #[arg(long)]
    pub(crate) no_touch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) stage: StageArgs,
    /// Exit with 3 when there are changes
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) stage: StageArgs,
    /// Show every stage of lzap.toml
    #[arg(long, conflicts_with = "stage")]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    pub(crate) stage: StageArgs,
    /// Go to this version
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct UndeployArgs {
    #[command(flatten)]
    pub(crate) stage: StageArgs,
    /// Leave the log group
    #[arg(long)]
    pub(crate) keep_logs: bool,
}

#[derive(Debug, Args)]
#[command(after_help = TAIL_EXAMPLES)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) stage: StageArgs,
    /// Begin this far back (30s, 10m, 2h, 1d), or at an RFC 3339 time
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) since: Since,
    /// Only what matches this CloudWatch filter pattern: words, "phrases", ?any, -none, { $.field = value }
    #[arg(long, value_name = "PATTERN", conflicts_with = "requests")]
    pub(crate) filter: Option<String>,
    /// One line for each request: status, time, memory, cold start
    #[arg(long)]
    pub(crate) requests: bool,
    /// End after what is there
    #[arg(long)]
    pub(crate) no_follow: bool,
}

const TAIL_EXAMPLES: &str = "\
Examples:
  lzap tail                                follow the default stage until Ctrl-C (exit code 130)
  lzap tail production --since 10m         begin ten minutes back
  lzap tail --filter ERROR --no-follow     errors of the last seconds
  lzap tail --filter '{ $.status >= 500 }' requests that failed, by a field of the JSON line
  lzap tail --requests                     one line for each request
  lzap tail | jq .message                  piped, each event is one JSON line
  lzap tail --output text | grep cart      unless text is asked for by name";

#[derive(Debug, Subcommand)]
pub(crate) enum LocalCommand {
    /// Start it in the background
    Start(PortArgs),
    /// Stop it; what is deployed stays
    Stop,
    /// Show whether it runs, where, and what is deployed
    Status,
    /// Stop it and delete all that is deployed in it
    Reset,
    /// Run it in this process
    #[command(hide = true)]
    Serve(ServeArgs),
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct PortArgs {
    /// The port of its AWS endpoint; another one is taken when it is busy [default: 4510]
    #[arg(long, env = lzap_wire::env::LZAP_LOCAL_PORT, value_name = "PORT")]
    pub(crate) port: Option<u16>,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) port: PortArgs,
    /// Leave the terminal's session
    #[arg(long)]
    pub(crate) detached: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    pub(crate) stage: StageArgs,
    /// The effective settings of the stage and where each came from (the default)
    #[arg(long, conflicts_with = "schema")]
    pub(crate) resolved: bool,
    /// The JSON Schema of lzap.toml
    #[arg(long, conflicts_with = "stage")]
    pub(crate) schema: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}
