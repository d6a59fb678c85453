//! Orders the events, and assigns each of them to its request.

use std::collections::HashMap;

use super::LogEvent;
use super::line::Line;

/// Sorts the events by time. The lines of a stack trace are events of their own; they stay in one block below the first
/// line, even if other execution environments wrote lines in between.
pub fn in_order(mut events: Vec<LogEvent>) -> Vec<LogEvent> {
    events.sort_by_key(|event| event.timestamp_ms);
    let mut blocks: Vec<Vec<LogEvent>> = Vec::new();
    let mut last: HashMap<String, usize> = HashMap::new();
    for event in events {
        let belongs = |block: &Vec<LogEvent>| {
            block.last().is_some_and(|above| continues(&above.message, &event.message))
        };
        let open = last.get(&event.stream).copied().filter(|at| belongs(&blocks[*at]));
        let at = open.unwrap_or_else(|| {
            last.insert(event.stream.clone(), blocks.len());
            blocks.push(Vec::new());
            blocks.len() - 1
        });
        blocks[at].push(event);
    }
    blocks.into_iter().flatten().collect()
}

/// True if `line` continues the line `above` it: it is indented, or it is a part of a panic or an error chain without
/// indentation.
pub fn continues(above: &str, line: &str) -> bool {
    let known = [
        "note: run with `RUST_BACKTRACE",
        "stack backtrace:",
        "Caused by:",
        "note: Some details are omitted",
    ];
    let panic = above.starts_with("thread '") && above.contains("panicked at") && above.ends_with(':');
    line.starts_with([' ', '\t']) || known.iter().any(|start| line.starts_with(start)) || panic
}

/// Maximum number of execution environments whose current request is remembered.
const STREAMS: usize = 2_000;

/// The current request of each execution environment. A plain line doesn't name its request, but an environment serves
/// one request at a time, from `START` to `REPORT`.
#[derive(Clone, Debug, Default)]
pub struct Requests(HashMap<String, String>);

impl Requests {
    /// Returns the request of `event`; `line` is its parsed message. `None` for a line before the first
    /// `START` that was read, and for lines between requests.
    pub fn of(&mut self, event: &LogEvent, line: &Line) -> Option<String> {
        let own = line.request_id().map(str::to_owned);
        match line {
            Line::Start { request_id } => {
                if self.0.len() >= STREAMS {
                    // An environment that ended leaves its entry behind. Clearing all of them loses the request id of
                    // some plain lines at most.
                    self.0.clear();
                }
                self.0.insert(event.stream.clone(), request_id.clone());
                own
            }
            Line::Report(_) => {
                self.0.remove(&event.stream);
                own
            }
            _ => own.or_else(|| self.0.get(&event.stream).cloned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(stream: &str, timestamp_ms: i64, message: &str) -> LogEvent {
        LogEvent { id: String::new(), timestamp_ms, stream: stream.to_owned(), message: message.to_owned() }
    }

    fn messages(events: Vec<LogEvent>) -> Vec<String> {
        events.into_iter().map(|event| event.message).collect()
    }

    #[test]
    fn a_stack_trace_stays_whole_between_other_environments_lines() {
        let woven = in_order(vec![
            event("b", 3, "between"),
            event("a", 1, "thread 'main' panicked at src/main.rs:3:5:"),
            event("a", 2, "no cart"),
            event("a", 4, "stack backtrace:"),
            event("a", 4, "   0: shop::main"),
            event("b", 4, "between too"),
            event("a", 5, "note: run with `RUST_BACKTRACE=full` for more"),
            event("a", 6, "after"),
        ]);
        assert_eq!(
            messages(woven),
            [
                "thread 'main' panicked at src/main.rs:3:5:",
                "no cart",
                "stack backtrace:",
                "   0: shop::main",
                "note: run with `RUST_BACKTRACE=full` for more",
                "between",
                "between too",
                "after",
            ]
        );
    }

    #[test]
    fn events_of_one_millisecond_keep_their_order() {
        let woven =
            in_order(vec![event("a", 2, "x"), event("a", 1, "1"), event("a", 1, "2"), event("a", 1, "3")]);
        assert_eq!(messages(woven), ["1", "2", "3", "x"]);
    }

    #[test]
    fn a_plain_line_belongs_to_the_request_that_its_environment_is_at() {
        let mut requests = Requests::default();
        let mut of =
            |stream: &str, message: &str| requests.of(&event(stream, 0, message), &Line::parse(message));
        assert_eq!(of("a", "before"), None);
        assert_eq!(of("a", "START RequestId: 1 Version: 7").as_deref(), Some("1"));
        assert_eq!(of("a", "within").as_deref(), Some("1"));
        assert_eq!(of("b", "elsewhere"), None);
        assert_eq!(of("a", "REPORT RequestId: 1\tDuration: 2.00 ms\t").as_deref(), Some("1"));
        assert_eq!(of("a", "after"), None);
    }
}
