//! Starts, asks, stops and resets an embedded cloud from another process.
//!
//! A cloud is known by its state folder. Whether one runs is what its lock says; where it answers is in `server.json`.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};

use crate::error::LocalError;
use crate::keys::{AccessKey, Keys};
use crate::process_start::read_start_time;
use crate::signature::sign_own_request;
use crate::store::{CONTENTS, ServerFile, StateDir};

const START: Duration = Duration::from_secs(15);
const STOP: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(2);
/// A log longer than this is started anew with the cloud.
const LOG_BYTES: u64 = 5 * 1024 * 1024;

/// The status of a running cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudStatus {
    /// The endpoint of all services, for `AWS_ENDPOINT_URL`.
    pub endpoint: String,
    /// The endpoint's port.
    pub port: u16,
    /// The process.
    pub pid: u32,
    /// The account of every resource.
    pub account: String,
    /// The region for projects that name none.
    pub region: String,
    /// The folder of the state.
    pub state_dir: PathBuf,
    /// Since when it runs, RFC 3339.
    pub started: String,
    /// The number of functions.
    pub functions: usize,
    /// False for a cloud of an older version, which takes requests of any program.
    #[serde(default)]
    pub verifies_signatures: bool,
    /// The limit of invocations at once.
    #[serde(default)]
    pub concurrency: u32,
    /// The most invocations that an environment has at once, where its function doesn't say. A cloud of an older
    /// version has one.
    #[serde(default = "default_environment_concurrency")]
    pub environment_concurrency: u32,
    /// The HTTP APIs.
    pub apis: Vec<ApiStatus>,
    /// The function URLs. A cloud of an older version has none.
    #[serde(default)]
    pub function_urls: Vec<FunctionUrlStatus>,
}

/// An HTTP API of a running cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiStatus {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its address on this machine.
    pub url: String,
}

/// A function URL of a running cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionUrlStatus {
    /// The ARN of the function or of its alias.
    pub function_arn: String,
    /// The address that it answers at.
    pub url: String,
}

fn default_environment_concurrency() -> u32 {
    1
}

/// The result of [`start`].
#[derive(Clone, Debug)]
pub struct Started {
    /// The status of the cloud.
    pub status: CloudStatus,
    /// True if it ran before, or if another process started it meanwhile.
    pub already_running: bool,
}

/// Returns the folder of a cloud's state: `LZAP_STATE_DIR`, else below the user's state directory.
pub fn default_state_dir(env: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let set = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("LZAP_STATE_DIR").unwrap_or_else(|| {
        let home = || set("HOME").unwrap_or_default().join(".local/state");
        // The XDG specification has relative paths ignored.
        set("XDG_STATE_HOME").filter(|path| path.is_absolute()).unwrap_or_else(home).join("lzap")
    })
}

/// Returns the status of the cloud of a folder; `None` when it doesn't run. Removes the leftovers of a killed cloud.
///
/// # Errors
/// [`LocalError::Timeout`] when a process has the folder but doesn't answer.
pub async fn status(state_dir: &Path) -> Result<Option<CloudStatus>, LocalError> {
    let dir = StateDir::new(state_dir);
    let deadline = Instant::now() + ANSWER;
    while dir.is_locked() {
        if let Some(status) = probe_cloud(&dir).await {
            return Ok(Some(status));
        }
        if Instant::now() > deadline {
            return Err(make_timeout(&dir, "answer", ANSWER));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    remove_leftovers(&dir);
    Ok(None)
}

/// Returns the access key of the owner of the cloud of a folder, for AWS clients; `None` before its first start.
///
/// # Errors
/// When the file of the keys can't be read.
pub fn read_key(state_dir: &Path) -> Result<Option<AccessKey>, LocalError> {
    Ok(Keys::load(&StateDir::new(state_dir))?.map(|keys| keys.owner))
}

/// Starts a cloud in the background, unless it runs, and waits until it answers. One of an older version that verifies
/// no signatures is stopped first; its state stays. When two start it at once, one does
/// and both succeed. `command` runs [`serve`](crate::serve()) on the folder; it outlives the caller, and its stderr
/// goes to `cloud.log` there. A port is handed to it as `LZAP_LOCAL_PORT`.
///
/// # Errors
/// [`LocalError::Died`] with the log's last lines when the process ends early, [`LocalError::Timeout`] when it
/// doesn't answer within 15 s.
pub async fn start(state_dir: &Path, port: Option<u16>, mut command: Command) -> Result<Started, LocalError> {
    let dir = StateDir::new(state_dir);
    dir.create()?;
    if let Some(status) = status(state_dir).await? {
        if status.verifies_signatures {
            return Ok(Started { status, already_running: true });
        }
        stop(state_dir).await?;
    }
    if let Some(port) = port {
        command.env(lzap_wire::env::LZAP_LOCAL_PORT, port.to_string());
    }
    let (mut child, log_start) = spawn_cloud(&dir, command)?;
    let deadline = Instant::now() + START;
    let mut wait = Duration::from_millis(50);
    let mut ended = None;
    while Instant::now() < deadline {
        tokio::time::sleep(wait).await;
        wait = (wait * 3 / 2).min(Duration::from_millis(500));
        if let Some(status) = probe_cloud(&dir).await {
            let already_running = status.pid != child.id();
            return Ok(Started { status, already_running });
        }
        ended = ended.or(child.try_wait().map_err(|source| LocalError::Spawn { source })?);
        // Ours may have ended because another one has the folder: then that one will answer.
        if let Some(status) = ended.filter(|_| !dir.is_locked()) {
            let log_tail = log_tail(&dir, log_start);
            return Err(LocalError::Died { status: status.to_string(), log: dir.log_file(), log_tail });
        }
    }
    Err(make_timeout(&dir, "start", START))
}

/// Stops the cloud of a folder and waits until it is gone; `false` when none was running.
///
/// # Errors
/// [`LocalError::Timeout`] when it can't be ended.
pub async fn stop(state_dir: &Path) -> Result<bool, LocalError> {
    let dir = StateDir::new(state_dir);
    if !dir.is_locked() {
        remove_leftovers(&dir);
        return Ok(false);
    }
    let deadline = Instant::now() + STOP;
    let mut asked = false;
    while dir.is_locked() && Instant::now() < deadline {
        if !asked && let Some(port) = server_file(&dir).map(|server| server.port) {
            asked = send_request(&dir, port, Method::POST, "/_lzap/stop").await.is_some();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if dir.is_locked() {
        kill_cloud(&dir).await;
    }
    if dir.is_locked() {
        return Err(make_timeout(&dir, "stop", STOP));
    }
    remove_leftovers(&dir);
    Ok(true)
}

/// Stops the cloud of a folder and deletes its state, and nothing else that may lie there.
///
/// # Errors
/// [`LocalError::NotACloud`] when the folder isn't a cloud's; then nothing is deleted.
pub async fn reset(state_dir: &Path) -> Result<(), LocalError> {
    let dir = StateDir::new(state_dir);
    let empty = std::fs::read_dir(state_dir).is_ok_and(|mut entries| entries.next().is_none());
    if !state_dir.exists() || empty {
        return Ok(());
    }
    if !dir.is_cloud() {
        return Err(LocalError::NotACloud { path: state_dir.to_owned() });
    }
    stop(state_dir).await?;
    let _lock = dir.lock()?;
    for name in CONTENTS {
        let path = dir.join(name);
        let removed = if path.is_dir() { fs_err::remove_dir_all(&path) } else { fs_err::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(LocalError::io("delete", path)(error));
            }
            _ => {}
        }
    }
    // Something else may lie in the folder: then it stays.
    let _ = std::fs::remove_dir(state_dir);
    Ok(())
}

/// Runs the command without a terminal, stderr in the log. It takes itself out of this one's session: see
/// [`detach`](crate::detach).
fn spawn_cloud(dir: &StateDir, mut command: Command) -> Result<(Child, u64), LocalError> {
    let path = dir.log_file();
    if std::fs::metadata(&path).is_ok_and(|log| log.len() > LOG_BYTES) {
        let _ = fs_err::remove_file(&path);
    }
    let log =
        OpenOptions::new().create(true).append(true).open(&path).map_err(LocalError::io("write", &path))?;
    let start = log.metadata().map(|log| log.len()).unwrap_or_default();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|source| LocalError::Spawn { source })?;
    Ok((child, start))
}

/// The last lines that were logged since a position.
fn log_tail(dir: &StateDir, start: u64) -> String {
    let mut text = Vec::new();
    if let Ok(mut log) = File::open(dir.log_file())
        && log.seek(SeekFrom::Start(start)).is_ok()
    {
        let _ = log.take(LOG_BYTES).read_to_end(&mut text);
    }
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// The status, when the cloud of this very folder answers.
async fn probe_cloud(dir: &StateDir) -> Option<CloudStatus> {
    let port = server_file(dir)?.port;
    let body = send_request(dir, port, Method::GET, "/_lzap/health").await?;
    let status: CloudStatus = serde_json::from_slice(&body).ok()?;
    let same = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    (same(&status.state_dir) == same(dir.path())).then_some(status)
}

/// Port and process of the cloud that runs or ran last.
fn server_file(dir: &StateDir) -> Option<ServerFile> {
    serde_json::from_slice(&fs_err::read(dir.server_file()).ok()?).ok()
}

/// Sends a request that is signed with the owner's key. A folder without keys is that of an older version, whose cloud
/// takes unsigned requests.
async fn send_request(dir: &StateDir, port: u16, method: Method, path: &str) -> Option<Bytes> {
    let host = format!("127.0.0.1:{port}");
    let signature = match Keys::load(dir).ok()? {
        Some(keys) => sign_own_request(&keys.owner, &method, &host, path)?,
        None => Vec::new(),
    };
    tokio::time::timeout(ANSWER, async {
        let stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        let connection = tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header(header::HOST, host);
        let mut request = request.body(Empty::<Bytes>::new()).ok()?;
        request.headers_mut().extend(signature);
        let response =
            sender.send_request(request).await.ok().filter(|response| response.status().is_success());
        let body = response?.into_body().collect().await.ok()?.to_bytes();
        connection.abort();
        Some(body)
    })
    .await
    .ok()?
}

/// Ends a cloud that doesn't end by itself. Another process that has its id by now is left alone, and so is a cloud of an
/// older version, which didn't note when it started.
async fn kill_cloud(dir: &StateDir) {
    let pid = server_file(dir).filter(|server| {
        server.process_start.is_some() && read_start_time(server.pid) == server.process_start
    });
    let pid = pid.and_then(|server| rustix::process::Pid::from_raw(i32::try_from(server.pid).ok()?));
    if let Some(pid) = pid
        && rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok()
    {
        for _ in 0..100 {
            if !dir.is_locked() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Removes what a killed cloud left that says it runs.
fn remove_leftovers(dir: &StateDir) {
    let _ = fs_err::remove_file(dir.server_file());
}

fn make_timeout(dir: &StateDir, action: &'static str, after: Duration) -> LocalError {
    LocalError::Timeout { action, secs: after.as_secs(), log: dir.log_file() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(variables: &[(&str, &str)]) -> PathBuf {
        default_state_dir(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn the_state_directory_follows_the_environment() {
        assert_eq!(dir(&[("HOME", "/h")]), Path::new("/h/.local/state/lzap"));
        assert_eq!(dir(&[("HOME", "/h"), ("XDG_STATE_HOME", "/x")]), Path::new("/x/lzap"));
        assert_eq!(dir(&[("HOME", "/h"), ("XDG_STATE_HOME", "x")]), Path::new("/h/.local/state/lzap"));
        assert_eq!(dir(&[("HOME", "/h"), ("LZAP_STATE_DIR", "/z")]), Path::new("/z"));
    }

    #[tokio::test]
    async fn a_folder_that_is_not_a_clouds_is_left_alone() {
        let temp = tempfile::tempdir().expect("a temporary folder");
        assert!(reset(temp.path()).await.is_ok());
        fs_err::write(temp.path().join("state.json"), "mine").expect("a file");
        assert!(matches!(reset(temp.path()).await, Err(LocalError::NotACloud { .. })));
        assert!(matches!(StateDir::new(temp.path()).create(), Err(LocalError::NotACloud { .. })));
        assert_eq!(fs_err::read_to_string(temp.path().join("state.json")).expect("still there"), "mine");
    }

    #[tokio::test]
    async fn reset_deletes_only_what_is_the_clouds() {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let dir = StateDir::new(temp.path());
        dir.create().expect("the folder can be made");
        fs_err::create_dir(dir.join("s3")).expect("a folder");
        fs_err::write(dir.join("notes.txt"), "mine").expect("a file");
        reset(temp.path()).await.expect("reset works");
        let left: Vec<_> =
            fs_err::read_dir(temp.path()).expect("there").flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(left, ["notes.txt"]);
    }

    #[tokio::test]
    async fn kill_cloud_spares_another_process_with_the_same_id() {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let dir = StateDir::new(temp.path());
        let mut stranger = Command::new("sleep").arg("600").spawn().expect("a process");
        let pid = stranger.id();
        let started = read_start_time(pid).expect("it runs");
        let mut kill_noted = async |process_start: Option<u64>| {
            let server = serde_json::json!(ServerFile { port: 1, pid, process_start });
            fs_err::write(dir.server_file(), server.to_string()).expect("a file");
            kill_cloud(&dir).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            stranger.try_wait().expect("it can be asked").is_some()
        };
        assert!(!kill_noted(Some(started - 1)).await, "another process");
        assert!(!kill_noted(None).await, "nothing is known");
        assert!(kill_noted(Some(started)).await, "the very process");
    }

    #[tokio::test]
    async fn a_process_that_ends_early_is_said_with_its_last_lines() {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new("sh");
        command.args(["-c", "echo no luck >&2; exit 3"]);
        let error = start(temp.path(), None, command).await.expect_err("it died");
        assert!(error.to_string().contains("no luck"), "{error}");
        assert_eq!(status(temp.path()).await.expect("no cloud"), None);
    }
}
