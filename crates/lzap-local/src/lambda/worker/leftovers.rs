//! Workers of a cloud that was killed: found by the files they left, ended, and cleared away.

use std::path::{Path, PathBuf};

use fs_err as fs;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::process_start::read_start_time;

const RECORD: &str = "pid";

/// Notes a worker in its environment's folder: its id, and its start time, since ids are used again.
pub(crate) fn note_process(folder: &Path, pid: i32) {
    let Some(started) = start_time(pid) else { return };
    if let Err(error) = fs::write(folder.join(RECORD), format!("{pid} {started}")) {
        tracing::debug!(%error, "a worker could not be noted");
    }
}

/// Ends the workers that an earlier cloud left below `root`, and deletes their folders.
pub(crate) fn clear_leftovers(root: &Path) {
    let folders: Vec<PathBuf> =
        fs::read_dir(root).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    for folder in folders {
        if let Some(pid) = fs::read_to_string(folder.join(RECORD)).ok().and_then(|record| still_runs(&record))
        {
            tracing::info!(pid = pid.as_raw_nonzero().get(), "ending a worker that outlived its cloud");
            // It may end by itself just now.
            let _gone = kill_process_group(pid, Signal::KILL);
        }
        if let Err(error) = fs::remove_dir_all(&folder) {
            tracing::warn!(%error, "a worker's folder could not be deleted");
        }
    }
}

/// The process of a record, when it is still the same one.
fn still_runs(record: &str) -> Option<Pid> {
    let (pid, started) = record.split_once(' ')?;
    let pid: i32 = pid.parse().ok()?;
    (start_time(pid)?.to_string() == started).then_some(())?;
    Pid::from_raw(pid)
}

fn start_time(pid: i32) -> Option<u64> {
    read_start_time(u32::try_from(pid).ok()?)
}
