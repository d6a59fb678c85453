//! The page that the benchmark writes, and what is on its chart.

use std::fmt::Write as _;

use super::chart::{Bar, Group, Ink, Panel, svg};
use super::stand::{DELAY, WAITS};
use super::{Figures, Kind, Outcome, Step, Summary};

/// All runs, step by step, and how they came about.
pub(super) fn page(tools: &[Summary], rounds: u16, stand: &str) -> String {
    let versions: Vec<&str> = tools.iter().map(|tool| tool.version.as_str()).collect();
    format!(
        "# What a deploy costs\n\n\
         <!-- Written by `cargo xtask bench deploy`. -->\n\n\
         The hello app of each tool goes to [moto](https://docs.getmoto.org), a mock of AWS, through a proxy that adds\n\
         {delay} ms to each call and a layer that waits as AWS does: a new role can't be assumed for {role} s, a new\n\
         function is pending for {created} s, a changed one is in progress for {updated} s, and refuses other changes\n\
         meanwhile. All tools run in turns on the same machine, each on an account of its own.\n\
         {rounds}\n\n\
         ![Seconds, bytes and leftovers of each tool](deploy.svg)\n\n\
         {table}\n\
         {TERMS}\n\
         ## What each tool makes, and what it leaves\n\n\
         {things}\n\
         {THINGS}\n\
         ## Where lzap stands\n\n\
         {standing}\n\
         {WAITING}\n\
         {REST}\n\
         Measured with {stand}; {versions}.\n",
        delay = DELAY.as_millis(),
        role = WAITS.role.as_secs_f64(),
        created = WAITS.created.as_secs_f64(),
        updated = WAITS.updated.as_secs_f64(),
        rounds = counted(rounds),
        table = table(tools),
        things = things(tools),
        standing = standing(tools),
        versions = versions.join(", "),
    )
}

fn counted(rounds: u16) -> String {
    match rounds {
        1 => "There was one round.".to_owned(),
        _ => format!("Of {rounds} rounds the fastest run of each step counts."),
    }
}

const TERMS: &str = "\
- **depth**: the longest chain of calls in which each began after the one before had ended: so many round trips a
  command takes at the least.
- **writes**: every call that is not a read, invokes included. Polls are calls, too.
- **uploaded**: the bodies of all calls.
- **seconds**: from the command's start to its end, without compiling: the apps of lzap and cargo-lambda were compiled
  before, and what cargo then still takes to find that out is taken off. The Python tools' packaging counts: they do it
  on each deploy.
";

const THINGS: &str = "\
Only like is compared with like. lzap and zappa make a function, its role, an API and a rule that keeps it warm; Chalice
and SAM the same without the rule, SAM by way of CloudFormation. cargo-lambda makes a function, its role and a function
URL, has no command that deletes, and is here for comparison. SAM was given a bucket that was there before; only what
is in it counts. Nothing runs here, so that no log group comes up by itself: on AWS one does with the first request, and
only lzap made it before and takes it away. The REST API of a deleted stack, which moto keeps and AWS deletes, doesn't
count.
";

const WAITING: &str = "\
## How the waits are made

- `CreateFunction` answers `InvalidParameterValueException` until the role is old enough, `AssumeRole` (which
  cargo-lambda tries first) `AccessDenied`.
- `State` is `Pending` and `LastUpdateStatus` is `InProgress` in every answer that has them; invokes of a pending
  function and further changes of either answer `ResourceConflictException`.
- CloudFormation makes its resources within the mock, where no wait can show. So a stack with a new role and a new
  function stays in progress for the sum of their waits, one with a changed function for the wait of an update, and any
  other (zappa's, which has the API only) not at all. AWS takes longer; this is in the favor of the tools that use it.
- A command that fails is typed a second time, as one would, and both runs count.
";

const REST: &str = "\
## What this does not show

moto answers in milliseconds, and AWS's real waits vary. No function runs, so neither lzap nor zappa requests the live
URL here (`--no-touch`, `touch: false`), and lzap's probe of each new version is answered by the mock. What the seconds
reach differs, too: lzap, zappa, Chalice and SAM end when the new code is live, cargo-lambda when AWS has taken it.

Bytes are bytes: a compiled program is larger than a script of a few lines, and smaller than zappa's package, which
brings Flask, zappa itself and what both depend on.

## How to repeat it

```console
$ cargo xtask bench deploy
```

`--tools lzap,zappa --rounds 1` makes a quick one that writes no page. Each call of the last round, with its time, is
in `target/bench/calls/`.

- zappa has a Flask app of five lines and the settings that `zappa init` writes. Its listing of function URLs, which
  moto lacks, is answered by the proxy with an empty list.
- Chalice has the app of `chalice new-project`. moto takes its API's document only under the name OpenAPI 3; the layer
  relabels it.
- SAM has a function without requirements behind a REST API, so that `sam deploy` needs no `sam build`. AWS expands the
  template; moto can't, so the layer does, with the template that SAM's own translator makes. (`sam sync --code`, for
  development, is not measured: it changes the function past its stack.)
- cargo-lambda has a function on `lambda_http`, built by `cargo lambda build --release`.
";

fn table(tools: &[Summary]) -> String {
    let mut table = "| | tool | calls | writes | depth | uploaded | seconds |\n".to_owned();
    table.push_str("|---|---|---:|---:|---:|---:|---:|\n");
    for step in Step::ALL {
        for (place, tool) in tools.iter().enumerate() {
            let title = if place == 0 { step.title() } else { "" };
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(table, "| {title} | {} | {} |", tool.name, cells(tool.outcome(step)));
        }
    }
    table
}

/// Calls to seconds.
fn cells(outcome: &Outcome) -> String {
    let none = |why: String| format!("– | – | – | – | {why}");
    match outcome {
        Outcome::Missing => none("no such command".to_owned()),
        Outcome::Refused(operation) => none(format!("refused by the mock at `{operation}`")),
        Outcome::Done(run, failed_at) => {
            let Figures { calls, writes, depth, uploaded, seconds } = run;
            let again =
                failed_at.as_ref().map(|operation| format!(" (typed twice: failed at `{operation}`)"));
            let again = again.unwrap_or_default();
            format!("{calls} | {writes} | {depth} | {} | {seconds:.1}{again}", size(*uploaded))
        }
    }
}

fn things(tools: &[Summary]) -> String {
    let mut table = "| tool | made by the first deploy | left after the delete |\n|---|---|---|\n".to_owned();
    for tool in tools {
        let left = match (tool.outcome(Step::Delete), tool.left.len()) {
            (Outcome::Missing, _) => "all of it: no command deletes".to_owned(),
            (_, 0) => "nothing".to_owned(),
            (_, count) => format!("{count}: {}", tool.left.shown()),
        };
        let _ = writeln!(table, "| {} | {} | {left} |", tool.name, tool.made.shown());
    }
    table
}

/// lzap beside the best of those that make the same kind of things.
fn standing(tools: &[Summary]) -> String {
    let (Some(ours), peers) = (tools.iter().find(|tool| tool.name == "lzap"), peers(tools)) else {
        return String::new();
    };
    let mut table = "| | lzap | best of the others | |\n|---|---:|---:|---|\n".to_owned();
    for step in Step::ALL {
        let seconds =
            |tool: &Summary| tool.figures(step).map(|run| (run.seconds, format!("{:.1}", run.seconds)));
        row(&mut table, &format!("seconds, {}", step.title()), ours, &peers, seconds);
    }
    for step in Step::ALL {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
        let bytes = |tool: &Summary| tool.figures(step).map(|run| (run.uploaded as f64, size(run.uploaded)));
        row(&mut table, &format!("uploaded, {}", step.title()), ours, &peers, bytes);
    }
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let left = |tool: &Summary| Some((tool.left.len() as f64, tool.left.len().to_string()));
    row(&mut table, "things left after delete", ours, &peers, left);
    table
}

fn peers(tools: &[Summary]) -> Vec<&Summary> {
    tools.iter().filter(|tool| tool.kind == Kind::App && tool.name != "lzap").collect()
}

fn row(
    table: &mut String,
    what: &str,
    ours: &Summary,
    peers: &[&Summary],
    value: impl Fn(&Summary) -> Option<(f64, String)>,
) {
    let best = peers.iter().filter_map(|peer| value(peer).map(|value| (peer.name, value)));
    let best = best.min_by(|(_, (one, _)), (_, (other, _))| one.total_cmp(other));
    let (Some((our, our_text)), Some((name, (their, their_text)))) = (value(ours), best) else {
        return;
    };
    let verdict = match our.total_cmp(&their) {
        std::cmp::Ordering::Less => "less",
        std::cmp::Ordering::Equal => "the same",
        std::cmp::Ordering::Greater => "**more**",
    };
    let _ = writeln!(table, "| {what} | {our_text} | {their_text} ({name}) | {verdict} |");
}

/// The same as a picture: seconds in one column, bytes and leftovers in the other.
pub(super) fn chart(tools: &[Summary]) -> String {
    let seconds = Panel {
        title: "seconds, without compiling",
        groups: groups(tools, &Step::ALL, |run| (run.seconds, format!("{:.1} s", run.seconds))),
    };
    let deploys = [Step::First, Step::Unchanged, Step::Code];
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
    let bytes = |run: Figures| (run.uploaded as f64, size(run.uploaded));
    let uploaded = Panel { title: "uploaded", groups: groups(tools, &deploys, bytes) };
    let left = vec![Group { title: Step::Delete.title(), bars: tools.iter().map(left).collect() }];
    let left = Panel { title: "things left behind", groups: left };
    let legend = [
        (Ink::Ours, "lzap"),
        (Ink::Peer, "makes a function, its role and an API, as lzap does"),
        (Ink::Other, "makes a function and its role"),
    ];
    svg("What a deploy costs", &legend, &[vec![seconds], vec![uploaded, left]])
}

fn groups(tools: &[Summary], steps: &[Step], value: impl Fn(Figures) -> (f64, String)) -> Vec<Group> {
    let group = |step: &Step| {
        let bars = tools.iter().map(|tool| match tool.outcome(*step) {
            Outcome::Done(run, _) => bar(tool, Some(value(*run))),
            Outcome::Refused(_) => Bar { text: "refused by the mock".to_owned(), ..bar(tool, None) },
            Outcome::Missing => bar(tool, None),
        });
        Group { title: step.title(), bars: bars.collect() }
    };
    steps.iter().map(group).collect()
}

/// Returns the bar for the leftover resources of a tool. A tool without a command that deletes leaves
/// everything it created.
fn left(tool: &Summary) -> Bar {
    let text = match tool.outcome(Step::Delete) {
        Outcome::Missing => "all of it".to_owned(),
        _ => tool.left.shown(),
    };
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    bar(tool, Some((tool.left.len() as f64, text)))
}

fn bar(tool: &Summary, value: Option<(f64, String)>) -> Bar {
    let ink = match (tool.name, tool.kind) {
        ("lzap", _) => Ink::Ours,
        (_, Kind::App) => Ink::Peer,
        (_, Kind::Function) => Ink::Other,
    };
    let (value, text) =
        value.map_or((None, "no such command".to_owned()), |(value, text)| (Some(value), text));
    Bar { label: tool.name, value, text, ink }
}

/// Bytes in decimal units.
fn size(bytes: usize) -> String {
    match (bytes, bytes.saturating_add(500) / 1_000) {
        (0..1_000, _) => format!("{bytes} B"),
        (_, thousands @ 0..1_000) => format!("{thousands} KB"),
        (_, thousands) => format!("{}.{:02} MB", thousands / 1_000, thousands % 1_000 / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::super::inventory::Inventory;
    use super::*;

    fn done(seconds: f64, failed_at: Option<&str>) -> Outcome {
        let figures = Figures { calls: 9, writes: 4, depth: 7, uploaded: 1_200, seconds };
        Outcome::Done(figures, failed_at.map(str::to_owned))
    }

    fn tool(name: &'static str, kind: Kind, outcomes: Vec<Outcome>) -> Summary {
        let (made, left) = (Inventory::default(), Inventory::default());
        Summary { name, version: String::new(), kind, outcomes, made, left }
    }

    fn three() -> [Summary; 3] {
        let refused = Outcome::Refused("s3:PutObject".to_owned());
        [
            tool("lzap", Kind::App, vec![done(2.0, None), done(0.5, None)]),
            tool("zappa", Kind::App, vec![done(20.0, Some("lambda:CreateFunction")), refused]),
            tool("cargo-lambda", Kind::Function, vec![done(1.0, None), done(1.0, None)]),
        ]
    }

    #[test]
    fn sizes_have_decimal_units() {
        assert_eq!([12, 1_200, 1_800, 10_785_609].map(size), ["12 B", "1 KB", "2 KB", "10.78 MB"]);
    }

    #[test]
    fn the_table_says_what_went_wrong() {
        let table = table(&three());
        for line in [
            "| first deploy | lzap | 9 | 4 | 7 | 1 KB | 2.0 |",
            "|  | zappa | 9 | 4 | 7 | 1 KB | 20.0 (typed twice: failed at `lambda:CreateFunction`) |",
            "|  | zappa | – | – | – | – | refused by the mock at `s3:PutObject` |",
            "| delete | lzap | – | – | – | – | no such command |",
        ] {
            assert!(table.contains(line), "{line} in\n{table}");
        }
    }

    #[test]
    fn lzap_stands_beside_those_that_make_the_same_kind_of_things() {
        let standing = standing(&three());
        assert!(standing.contains("| seconds, first deploy | 2.0 | 20.0 (zappa) | less |"), "{standing}");
        assert!(!standing.contains("cargo-lambda"), "{standing}");
        assert!(standing.contains("| things left after delete | 0 | 0 (zappa) | the same |"), "{standing}");
    }

    #[test]
    fn the_chart_has_every_tool_and_the_refusal() {
        let chart = chart(&three());
        for word in ["lzap", "zappa", "cargo-lambda", "20.0 s", "refused by the mock"] {
            assert!(chart.contains(word), "{word}");
        }
    }
}
