//! The command line, and nothing else: what clap parses, with the help that it prints.
//!
//! Doc comments of commands and options are text for users here: clap prints them as help. Comments for
//! readers of the code are plain comments. Mistakes that clap can't see, such as a missing task of `invoke`,
//! are found by the commands; see `UsageKind`.

use lzap_core::desired::DeployOptions;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lzap_core::logs::since::Since;
use lzap_core::permissions::github::Repository;

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
  lzap update production        deploy the next version
  lzap deploy dev --canary 10%  give a new version a tenth of the traffic
  lzap rollback production      go back to the version that was live before
  lzap invoke production tidy   call a task of the app
  lzap tail production          follow its log
  lzap doctor                   check this machine and the AWS account";

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
// Each option is `global`, so that it may stand before or after the command.
pub(crate) struct Global {
    /// The project's folder [default: this one, or the nearest above with an lzap.toml]
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    pub(crate) project: Option<PathBuf>,
    /// The configuration file [default: lzap.toml in the project's folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The AWS region; comes before the stage's key `region` and `AWS_REGION`
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// The profile in the AWS config files; comes before `AWS_PROFILE` and the stage's key `profile`
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    // Without a default value here, because `--output text` is more than the default: it makes `lzap tail`
    // write text into a pipe too.
    /// The format of stdout: text, or exactly one JSON document [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(crate) output: Option<Output>,
    /// Print more; twice: every AWS call
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Print only errors and the result
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
// Without the option the format is text; what differs from a typed `text` is said at `Global::output`.
pub(crate) enum Output {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
// `auto` is decided by `anstream`, for each of the two streams.
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write lzap.toml for this crate, or start a new crate from a template
    Init(InitArgs),
    /// Build, and bring the stage to the state that lzap.toml describes: create and change resources
    Deploy(DeployArgs),
    /// Deploy the next version of a stage that exists already
    Update(DeployArgs),
    /// Show what deploy would do, field by field; changes nothing
    Plan(PlanArgs),
    /// Show what is deployed: URL, version, commit, drift
    Status(StatusArgs),
    /// Show the published versions: commit, author, time; which is live, which were
    History(StageArgs),
    /// Point the stage back to the version that was live before, or end a canary
    Rollback(RollbackArgs),
    /// Delete all resources of the stage
    Undeploy(UndeployArgs),
    /// Show the lock holder of the stage, and remove its lock
    Unlock(StageArgs),
    /// Call a task or send an event, and print the answer
    Invoke(InvokeArgs),
    /// Follow the function's log
    Tail(TailArgs),
    /// Build and zip, without deploying
    Package(StageArgs),
    /// Check this machine, the configuration and the AWS account, and show how to fix each problem
    Doctor(StageArgs),
    /// The embedded cloud on this machine
    #[command(subcommand)]
    Local(LocalCommand),
    /// Print the IAM policy that the deploying user or CI role needs for a stage, and nothing more
    Policy(PolicyArgs),
    /// Show the effective settings of a stage, or the JSON Schema of lzap.toml
    Config(ConfigArgs),
    /// Explain an error code: why it occurs and what to type; without a code, list all
    Explain(ExplainArgs),
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

/// A stage, or all of them.
#[derive(Debug, Args)]
pub(crate) struct StagesArgs {
    #[command(flatten)]
    pub(crate) stage: StageArgs,
    /// Every stage of lzap.toml, one after the other
    #[arg(long, conflicts_with = "stage")]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
// `update` takes the same options: it differs only in that the stage must be deployed.
pub(crate) struct DeployArgs {
    #[command(flatten)]
    pub(crate) stages: StagesArgs,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) plan: PlanOptions,
}

/// The options of a deploy that change its plan.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(crate) struct PlanOptions {
    /// Take over resources that have the stage's names but not its tags
    #[arg(long)]
    pub(crate) adopt: bool,
    /// Give the new version only this share of the traffic, 1% to 99%
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, conflicts_with_all = ["promote", "abort"])]
    pub(crate) canary: Option<u8>,
    /// Give the running canary all of the traffic; builds nothing
    #[arg(long, conflicts_with = "abort")]
    pub(crate) promote: bool,
    /// Take the traffic away from the running canary; builds nothing
    #[arg(long)]
    pub(crate) abort: bool,
    /// Don't request the live URL at the end, nor a new front before the old one is deleted
    #[arg(long)]
    pub(crate) no_touch: bool,
    /// Keep the front that `front` in lzap.toml named before
    #[arg(long)]
    pub(crate) keep_old_front: bool,
}

impl PlanOptions {
    /// Returns the options that the planner knows. `--promote` and `--abort` aren't among them: they move the
    /// alias, and plan no deploy.
    pub(crate) fn options(&self) -> DeployOptions {
        let Self { adopt, canary, keep_old_front, no_touch, .. } = *self;
        DeployOptions { adopt, canary, keep_old_front, no_touch }
    }
}

/// The choice between waiting and failing while another command works on the stage.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct WaitArgs {
    /// Wait while another command works on the stage, instead of ending with exit code 6
    #[arg(long)]
    pub(crate) wait: bool,
}

/// Reads `10%` or `10`. Neither 0 nor 100 is a canary: one is no traffic, the other an ordinary deploy.
fn parse_percent(text: &str) -> Result<u8, String> {
    match text.trim_end_matches('%').trim().parse() {
        Ok(percent @ 1..=99) => Ok(percent),
        _ => Err("write a whole number from 1% to 99%".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) stages: StagesArgs,
    /// Exit with 3 when there are changes
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) plan: PlanOptions,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) stages: StagesArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    pub(crate) stage: StageArgs,
    /// Go to this version
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct UndeployArgs {
    #[command(flatten)]
    pub(crate) stages: StagesArgs,
    /// Keep the log group
    #[arg(long)]
    pub(crate) keep_logs: bool,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    /// Delete resources that have the stage's names but not its tags
    #[arg(long)]
    pub(crate) adopt: bool,
}

#[derive(Debug, Args)]
#[command(override_usage = INVOKE_USAGE, after_help = INVOKE_EXAMPLES)]
pub(crate) struct InvokeArgs {
    // clap can't tell a lone stage from a lone task. `commands::invoke::request` decides, and `command_line`
    // decides alike.
    /// The stage [default: as for every command]
    #[arg(value_name = "STAGE")]
    pub(crate) first: Option<String>,
    /// The task; one name alone is the task's, but with --raw or --job the stage's
    #[arg(value_name = "TASK")]
    pub(crate) second: Option<String>,
    /// The argument of the task: JSON, @FILE, or - for stdin [default: null]
    #[arg(long, value_name = "JSON", conflicts_with_all = ["raw", "job"])]
    pub(crate) data: Option<String>,
    /// Send this event as it is, and print the answer as it is: JSON, @FILE, or - for stdin
    #[arg(long, value_name = "EVENT", conflicts_with = "job")]
    pub(crate) raw: Option<String>,
    /// Print the state of the job with this id, and its result
    #[arg(long, value_name = "ID", conflicts_with_all = ["spawn", "logs", "version"])]
    pub(crate) job: Option<String>,
    /// With --job: wait until it is done, or has failed
    #[arg(long, requires = "job")]
    pub(crate) wait: bool,
    /// Don't wait for the answer; print the request's id
    #[arg(long, conflicts_with = "logs")]
    pub(crate) spawn: bool,
    /// Show the end of the function's log as well
    #[arg(long)]
    pub(crate) logs: bool,
    /// Ask this version, instead of the one that is live
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<String>,
}

// clap's own usage line would show stage and task as optional, and not that one of three forms is required.
const INVOKE_USAGE: &str = "\
lzap invoke [OPTIONS] [STAGE] <TASK>
       lzap invoke [OPTIONS] [STAGE] --raw <EVENT>
       lzap invoke [OPTIONS] [STAGE] --job <ID> [--wait]";

const INVOKE_EXAMPLES: &str = "\
Examples:
  lzap invoke cleanup                      call a task of the default stage
  lzap invoke production cleanup --data '{\"days\": 30}'
  lzap invoke dev import --data @rows.json --logs
  lzap invoke dev report --spawn           don't wait for it
  lzap invoke dev --job 0123…              the state of a job, and its result
  lzap invoke dev --raw @event.json        any event, such as S3 would send";

#[derive(Debug, Args)]
#[command(after_help = TAIL_EXAMPLES)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) stage: StageArgs,
    /// Begin this far back (30s, 10m, 2h, 1d), or at an RFC 3339 time
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) since: Since,
    /// Only events that match this CloudWatch filter pattern: words, "phrases", ?any, -none, { $.field = value }
    #[arg(long, value_name = "PATTERN", conflicts_with = "requests")]
    pub(crate) filter: Option<String>,
    /// Only the events of the job with this id, from all execution environments; each line with its chunk
    #[arg(long, value_name = "ID", conflicts_with_all = ["filter", "requests"])]
    pub(crate) job: Option<String>,
    /// One line for each request: status, time, memory, cold start
    #[arg(long)]
    pub(crate) requests: bool,
    /// End after the events that exist already
    #[arg(long)]
    pub(crate) no_follow: bool,
}

const TAIL_EXAMPLES: &str = "\
Examples:
  lzap tail                                 follow the default stage until Ctrl-C (exit code 130)
  lzap tail production --since 10m          begin ten minutes back
  lzap tail --filter ERROR --no-follow      errors of the last seconds
  lzap tail --filter '{ $.status >= 500 }'  requests that failed, by a field of the JSON line
  lzap tail --requests                      one line for each request
  lzap tail --job 0123… --since 1h          the events of one job, across all its chunks
  lzap tail | jq .message                   piped, each event is one JSON line
  lzap tail --output text | grep cart       unless text is asked for by name";

#[derive(Debug, Subcommand)]
pub(crate) enum LocalCommand {
    /// Start it in the background
    Start(StartArgs),
    /// Stop it; what is deployed stays
    Stop,
    /// Show whether it runs, where, and what is deployed
    Status,
    /// Print the variables with which the AWS CLI and SDKs reach it, its access key among them; starts it if needed
    Env,
    /// Stop it and delete all that is deployed in it
    Reset,
    /// Run it in this process
    #[command(hide = true)]
    Serve(ServeArgs),
}

/// Returns a parser for the range that the embedded cloud takes, so that both have the same limits.
fn environment_concurrency() -> clap::builder::RangedI64ValueParser<u32> {
    let (least, most) = lzap_local::ENVIRONMENT_CONCURRENCY.into_inner();
    clap::value_parser!(u32).range(i64::from(least)..=i64::from(most))
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct StartArgs {
    /// The port of its AWS endpoint; another one is taken when it is busy [default: 4510]
    #[arg(long, env = lzap_wire::env::LZAP_LOCAL_PORT, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// The concurrency limit: invocations above it are throttled, as on AWS [default: 1000]
    #[arg(long, env = lzap_wire::env::LZAP_LOCAL_CONCURRENCY, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) concurrency: Option<u32>,
    /// Invocations that one execution environment handles at once, 1 to 1600; more than 1 is as on Lambda Managed Instances. Kept until another start sets it [default: the last one, at first 1]
    #[arg(long, value_name = "N", value_parser = environment_concurrency())]
    pub(crate) environment_concurrency: Option<u32>,
}

#[derive(Clone, Copy, Debug, Args)]
// The server's own options, which `local start` passes on to the process that it creates.
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) start: StartArgs,
    /// Leave the terminal's session
    #[arg(long)]
    pub(crate) detached: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    pub(crate) stage: StageArgs,
    /// The effective settings of the stage and where each comes from (the default)
    #[arg(long, conflicts_with = "schema")]
    pub(crate) resolved: bool,
    /// The JSON Schema of lzap.toml
    #[arg(long, conflicts_with = "stage")]
    pub(crate) schema: bool,
}

#[derive(Debug, Args)]
#[command(after_help = POLICY_EXAMPLES)]
pub(crate) struct PolicyArgs {
    #[command(flatten)]
    pub(crate) stage: StageArgs,
    /// The AWS account's twelve digits; AWS is then not asked [default: the one of the credentials]
    #[arg(long, value_name = "ID", value_parser = parse_account)]
    pub(crate) account: Option<String>,
    /// Print also what a workflow of this repository needs to deploy without a secret: trust policy and workflow
    #[arg(long, value_name = "OWNER/REPO")]
    pub(crate) github: Option<Repository>,
    /// The branch whose workflow may deploy
    #[arg(long, value_name = "BRANCH", default_value = "main", requires = "github", value_parser = parse_branch)]
    pub(crate) branch: String,
}

const POLICY_EXAMPLES: &str = "\
Examples:
  lzap policy dev > policy.json              for the account of the credentials
  lzap policy dev --account 123456789012     for this account, without asking AWS
  lzap policy dev --github acme/shop         also trust policy and workflow, to deploy from GitHub
  lzap policy dev --github acme@1/shop@2     the same, where the repository's tokens have ids";

/// Returns the account as text, because it can begin with zeros.
fn parse_account(text: &str) -> Result<String, &'static str> {
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err("an account is twelve digits; `aws sts get-caller-identity` shows yours")
}

/// Returns the branch if git may have one of that name; see `git check-ref-format`. Not all of git's rules
/// are checked, only the characters.
fn parse_branch(text: &str) -> Result<String, &'static str> {
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && !"~^:?*[\\".contains(c);
    if !text.is_empty() && text.chars().all(fits) {
        return Ok(text.to_owned());
    }
    Err("write it as `git branch` does, such as main or release/1")
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The code, as an error shows it in brackets: `lzap::aws::denied`
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}
