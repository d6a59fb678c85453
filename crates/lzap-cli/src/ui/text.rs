//! Numbers and versions as people read them.

use std::time::Duration;

use lzap_core::resource::alias::Canary;

/// Returns `3.1 MiB`: binary units, as AWS's limits are.
pub(crate) fn format_bytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let exact = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", exact / 1024.0),
        _ => format!("{:.1} MiB", exact / 1_048_576.0),
    }
}

/// Returns `version 9 gets 10 % of the requests`.
pub(crate) fn describe_canary(canary: &Canary) -> String {
    format!("version {} gets {} % of the requests", canary.version, canary.percent)
}

/// Returns seconds with one decimal: `41.2s`.
pub(crate) fn format_seconds(duration: Duration) -> String {
    format!("{:.1}s", duration.as_secs_f64())
}
