//! A server that does to each connection what a test says.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lzap_client::{AwsCredentials, Client, Deadline, Settings};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running server; it ends with the value.
pub(crate) struct Stub {
    pub(crate) port: u16,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

/// What the server saw.
#[derive(Default)]
pub(crate) struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

impl Stub {
    /// Calls `handle` with each connection and its number, from 0.
    pub(crate) async fn start<F>(handle: impl Fn(usize, TcpStream, Arc<Seen>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::<Seen>::default();
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(handle(number, stream, Arc::clone(&shared)));
            }
        });
        Self { port, seen, task }
    }

    /// Answers the requests, over all connections, with these in turn; the last one again and again.
    pub(crate) async fn answering(answers: &[String]) -> Self {
        let answers: Arc<[String]> = answers.into();
        Self::start(move |_, mut stream, seen| {
            let answers = Arc::clone(&answers);
            async move {
                while let Some(number) = seen.read_request(&mut stream).await? {
                    stream.write_all(answers[number.min(answers.len() - 1)].as_bytes()).await?;
                }
                Ok(())
            }
        })
        .await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A client whose Lambda and S3 are this server.
    pub(crate) fn client(&self) -> Client {
        client_at(&self.url())
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// The requests so far, heads and bodies.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().expect("not poisoned").clone()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    /// Reads one request and returns its number, from 0; none at the end of the connection.
    pub(crate) async fn read_request(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<Option<usize>> {
        let mut bytes = Vec::new();
        let mut size = None;
        while size.is_none_or(|size| bytes.len() < size) {
            let mut chunk = [0; 4096];
            let read = stream.read(&mut chunk).await?;
            if read == 0 {
                return Ok(None);
            }
            bytes.extend_from_slice(&chunk[..read]);
            size = size.or_else(|| whole_size(&bytes));
        }
        let mut requests = self.requests.lock().expect("not poisoned");
        requests.push(String::from_utf8_lossy(&bytes).into_owned());
        Ok(Some(requests.len() - 1))
    }
}

fn whole_size(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    Some(head + length.unwrap_or(0))
}

/// An answer with a body of known length.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

pub(crate) fn settings_at(url: &str) -> Settings {
    let credentials = AwsCredentials::new("AKIDEXAMPLE", "secret", None);
    Settings::new("eu-central-1", credentials).with_lambda_endpoint(url).with_s3_endpoint(url)
}

pub(crate) fn client_at(url: &str) -> Client {
    Client::new(&settings_at(url)).expect("usable settings")
}

/// Settings as an environment has them, with these variables more.
pub(crate) fn client_of(variables: &[(&str, &str)]) -> Client {
    let basic =
        [("AWS_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "x")];
    let all = [&basic, variables].concat();
    let find = |name: &str| all.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Client::new(&Settings::from_lookup(find).expect("complete")).expect("usable settings")
}

/// Enough for everything that isn't about time.
pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

/// Copies between two connections until one ends.
pub(crate) async fn copy_both(mut a: impl AsyncRead + AsyncWrite + Unpin, port: u16) -> io::Result<()> {
    let mut b = TcpStream::connect(("127.0.0.1", port)).await?;
    tokio::io::copy_bidirectional(&mut a, &mut b).await?;
    Ok(())
}

/// A file below `tests/data`.
pub(crate) fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}
