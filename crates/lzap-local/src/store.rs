//! The state folder: who may use it, and how state gets onto the disk and back.
//!
//! One JSON file holds the control state; S3's objects, log events and function code have files of their own beside
//! it. A file is replaced in one step (written apart, synced, renamed), so that a killed process leaves either the old
//! state or the new, never half of one. What the state means is each service's business.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs_err as fs;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::LocalError;

/// The state file's format. A reader refuses a newer one.
const VERSION: u32 = 1;
/// Marks a folder as an embedded cloud's: `reset` deletes no other.
const MARKER: &str = "lzap-cloud";
/// Everything that a cloud puts into its folder, the marker last.
pub(crate) const CONTENTS: [&str; 10] =
    ["cloud.log", "keys.json", "lambda", "logs", "port", "s3", "server.json", "state.json", "lock", MARKER];

/// The control state of all services, as it lies on the disk.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct SavedState {
    /// The format.
    pub(crate) version: u32,
    /// When the cloud was first started, Unix milliseconds.
    #[serde(default)]
    pub(crate) created_ms: i64,
    /// The most invocations that an environment has at once. Kept, so that a restart doesn't change how functions run.
    #[serde(default)]
    pub(crate) environment_concurrency: Option<u32>,
    /// Each service's state by its name.
    #[serde(default)]
    pub(crate) services: BTreeMap<String, Value>,
}

/// The file that a running cloud writes, with which its clients reach it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ServerFile {
    /// The endpoint's port.
    pub(crate) port: u16,
    /// The process.
    pub(crate) pid: u32,
    /// Clock ticks between boot and its start, since process ids are used again.
    #[serde(default)]
    pub(crate) process_start: Option<u64>,
}

/// A cloud's folder.
#[derive(Clone, Debug)]
pub(crate) struct StateDir(PathBuf);

/// The right to use a state folder, until dropped or until the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl StateDir {
    /// Names a folder; nothing is read or made yet.
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A file or folder below.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Returns the path of the file with which clients reach a running cloud.
    pub(crate) fn server_file(&self) -> PathBuf {
        self.join("server.json")
    }

    /// Returns the path of the file with the access keys.
    pub(crate) fn keys_file(&self) -> PathBuf {
        self.join("keys.json")
    }

    /// Returns the path of the file for the background process's stderr.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.join("cloud.log")
    }

    /// The control state.
    pub(crate) fn state_file(&self) -> PathBuf {
        self.join("state.json")
    }

    /// Makes the folder, readable by its owner only, and marks it.
    ///
    /// # Errors
    /// [`LocalError::StateIo`] when it can't be made, [`LocalError::NotACloud`] when something that isn't a cloud's
    /// stands where a cloud's would.
    pub(crate) fn create(&self) -> Result<(), LocalError> {
        use std::os::unix::fs::DirBuilderExt as _;
        if !self.is_cloud() && CONTENTS.iter().any(|name| self.join(name).exists()) {
            return Err(LocalError::NotACloud { path: self.0.clone() });
        }
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(LocalError::io("create", &self.0))?;
        self.close_to_others()?;
        let marker = self.join(MARKER);
        if !marker.exists() {
            fs::write(&marker, "An embedded cloud of lzap keeps its state here.\n")
                .map_err(LocalError::io("write", marker))?;
        }
        Ok(())
    }

    /// Takes the rights of other users away from a folder that was there before.
    fn close_to_others(&self) -> Result<(), LocalError> {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&self.0).map_err(LocalError::io("read", &self.0))?.permissions().mode();
        if mode & 0o777 == 0o700 {
            return Ok(());
        }
        let own = std::fs::Permissions::from_mode(0o700);
        fs::set_permissions(&self.0, own).map_err(LocalError::io("change the mode of", &self.0))
    }

    /// Returns whether the folder is an embedded cloud's.
    pub(crate) fn is_cloud(&self) -> bool {
        self.join(MARKER).is_file()
    }

    /// Takes the folder for this process.
    ///
    /// A process that only checks the lock holds it for a moment too, so a refused lock is tried again for a quarter of
    /// a second.
    ///
    /// # Errors
    /// [`LocalError::AlreadyRunning`] when another process has it.
    pub(crate) fn lock(&self) -> Result<Lock, LocalError> {
        let path = self.join("lock");
        let file =
            File::options().create(true).append(true).open(&path).map_err(LocalError::io("create", &path))?;
        let deadline = Instant::now() + Duration::from_millis(250);
        while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            if Instant::now() > deadline {
                return Err(LocalError::AlreadyRunning { path: self.0.clone() });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Lock { _file: file })
    }

    /// Returns whether a process has the folder.
    pub(crate) fn is_locked(&self) -> bool {
        let Ok(file) = File::open(self.join("lock")) else {
            return false;
        };
        flock(&file, FlockOperation::NonBlockingLockShared).is_err()
    }

    /// The control state; empty when none was saved yet.
    ///
    /// # Errors
    /// [`LocalError::StateUnreadable`] when the file isn't one that this version understands.
    pub(crate) fn load(&self) -> Result<SavedState, LocalError> {
        let path = self.state_file();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(SavedState::default()),
            Err(error) => return Err(LocalError::io("read", path)(error)),
        };
        let unreadable = |why: String| LocalError::StateUnreadable { path: path.clone(), why };
        let saved: SavedState =
            serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        if saved.version == VERSION {
            Ok(saved)
        } else {
            Err(unreadable(format!("its format is {}, this lzap reads {VERSION}", saved.version)))
        }
    }

    /// Replaces the control state.
    ///
    /// # Errors
    /// [`LocalError::StateIo`] when it can't be written.
    pub(crate) fn save(&self, mut saved: SavedState) -> Result<(), LocalError> {
        saved.version = VERSION;
        let path = self.state_file();
        let bytes = serde_json::to_vec(&saved)
            .map_err(|error| LocalError::StateUnreadable { path: path.clone(), why: error.to_string() })?;
        replace(&path, &bytes).map_err(LocalError::io("write", path))
    }

    /// Returns the saved state of a service.
    ///
    /// # Errors
    /// [`LocalError::StateUnreadable`] when it has another shape.
    pub(crate) fn part<T: serde::de::DeserializeOwned>(
        &self,
        saved: &SavedState,
        name: &str,
    ) -> Result<Option<T>, LocalError> {
        let Some(value) = saved.services.get(name).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        serde_json::from_value(value.clone()).map(Some).map_err(|error| LocalError::StateUnreadable {
            path: self.state_file(),
            why: format!("{name}: {error}"),
        })
    }
}

/// Replaces a file in one step.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, StateDir) {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let dir = StateDir::new(temp.path());
        dir.create().expect("the folder can be made");
        (temp, dir)
    }

    #[test]
    fn create_closes_an_existing_folder_to_others() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_temp, dir) = folder();
        let mode = || fs::metadata(dir.path()).expect("a folder").permissions().mode() & 0o777;
        fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        assert_eq!(mode(), 0o755);
        dir.create().expect("the folder can be used");
        assert_eq!(mode(), 0o700);
    }

    #[test]
    fn state_comes_back_as_it_was_saved() {
        let (_temp, dir) = folder();
        assert_eq!(dir.load().expect("nothing saved yet").services.len(), 0);
        let services = BTreeMap::from([("s3".to_owned(), serde_json::json!({ "b": 1 }))]);
        dir.save(SavedState { services, ..SavedState::default() }).expect("saving works");
        let saved = dir.load().expect("loading works");
        assert_eq!(saved.services["s3"]["b"], 1);
    }

    #[test]
    fn an_unreadable_state_names_the_file() {
        let (_temp, dir) = folder();
        for content in ["", "{", "[]", "{\"version\":99}"] {
            fs::write(dir.state_file(), content).expect("the file can be written");
            let error = dir.load().expect_err("the state is broken");
            assert!(error.to_string().contains("state.json"), "{error}");
            assert!(matches!(error, LocalError::StateUnreadable { .. }));
        }
    }

    #[test]
    fn only_one_process_has_the_folder() {
        let (_temp, dir) = folder();
        let lock = dir.lock().expect("the folder is free");
        assert!(dir.is_locked());
        assert!(matches!(dir.lock(), Err(LocalError::AlreadyRunning { .. })));
        drop(lock);
        assert!(!dir.is_locked());
    }
}
