//! Filters for snapshots: they replace text that differs between runs by a word in brackets.

/// Returns the filters as pairs of a regular expression and its replacement. They apply in this order.
pub fn snapshot_filters() -> Vec<(&'static str, &'static str)> {
    vec![
        (r"\x1b\[[0-9;]*m", ""),
        // The folder of an example or a test's app, in a command that a help text repeats.
        (r"--project [^\s`]+", "--project [PROJECT]"),
        (r"/[^\s`'\x22:]*/\.tmp[A-Za-z0-9]+", "[TEMP]"),
        (r"/[^\s\x22]*/crates/lzap\b", "[CHECKOUT]/crates/lzap"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[UUID]"),
        (r"\b[0-9a-f]{64}\b", "[SHA256]"),
        (r"\b[0-9a-f]{7,12}…", "[SHA256]…"),
        // URLs come before bare addresses, whose filter would match inside them.
        (r"http://(localhost|127\.0\.0\.1|\[::1\]):\d+", "http://localhost:[PORT]"),
        (r"\b(127\.0\.0\.1|localhost):\d+", "localhost:[PORT]"),
        (r"\bport \d{4,5}\b", "port [PORT]"),
        (r"\bpid \d+\b", "pid [PID]"),
        (r"\b\d+(\.\d+)? (KiB|MiB|kB|KB|MB)\b", "[SIZE]"),
        (r"\bin \d+(\.\d+)? ?(m?s)\b", "in [TIME]"),
        (r"\b\d+m \d+s\b", "[TIME]"),
        (r"\(request [A-Za-z0-9-]{16,}\)", "(request [ID])"),
        (r"\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|\+00:00)?", "[DATE]"),
        (r"lzap(/|-)v?\d+\.\d+\.\d+", "lzap$1[VERSION]"),
    ]
}
