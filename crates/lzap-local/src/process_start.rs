//! The start time of a process, which tells it from a later one with the same id.

/// Clock ticks between boot and the start of a process: field 22 of `/proc/PID/stat`, the second field being in brackets.
/// `None` when there is no such process.
pub(crate) fn read_start_time(pid: u32) -> Option<u64> {
    let stat = fs_err::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(19)?.parse().ok()
}
