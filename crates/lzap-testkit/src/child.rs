//! Child processes that end when the value that started them is dropped.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// A process that leads a process group of its own; dropping the value ends the whole group.
#[derive(Debug)]
pub struct Guarded {
    child: Child,
}

impl Guarded {
    /// Starts `command` in a process group of its own.
    ///
    /// # Errors
    /// When the program can't be started.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        // The group makes one signal reach the grandchildren too, such as a compiler that `lzap` started.
        let child = command.process_group(0).spawn().map_err(|error| {
            io::Error::new(error.kind(), format!("cannot start {}: {error}", command.get_program().display()))
        })?;
        Ok(Self { child })
    }

    /// The running child.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Sends `signal` to every process of the group.
    ///
    /// # Errors
    /// When the group is gone.
    pub fn send_signal(&self, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        pid.map_or(Ok(()), |pid| Ok(kill_process_group(pid, signal)?))
    }

    /// Waits for the end of the process, and returns `None` when it still runs after `patience`.
    ///
    /// # Errors
    /// When the process can't be waited for.
    pub fn wait_for(&mut self, patience: Duration) -> io::Result<Option<ExitStatus>> {
        // The standard library has no wait with a timeout, so this polls.
        let give_up = Instant::now() + patience;
        loop {
            let status = self.child.try_wait()?;
            if status.is_some() || Instant::now() > give_up {
                return Ok(status);
            }
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SIGTERM first, so that the process can stop its own children. An error means that the group has ended.
        drop(self.send_signal(Signal::TERM));
        if !matches!(self.wait_for(Duration::from_secs(5)), Ok(Some(_))) {
            drop(self.send_signal(Signal::KILL));
            drop(self.child.wait());
        }
        // The leader has ended, but other processes of its group may still run.
        drop(self.send_signal(Signal::KILL));
    }
}
