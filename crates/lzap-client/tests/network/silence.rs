//! A peer that falls silent, at each stage of a call: the error comes when the deadline does, and names the stage.

use std::future::pending;
use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lzap_client::{Bucket, Client, ClientError, Deadline, ErrorKind, Invoke, PutObject};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::stub::{Stub, client_at, client_of};

const TIME: Duration = Duration::from_millis(300);
/// What the machine may take to notice: tests share it with others.
const SLACK: Duration = Duration::from_millis(700);

/// Asserts that the call ends at its deadline, during `stage`.
async fn assert_times_out(
    call: impl Future<Output = Result<impl Sized, ClientError>>,
    stage: &str,
    may_have_run: bool,
) {
    let start = Instant::now();
    let error = call.await.map(|_| ()).expect_err("silence");
    let took = start.elapsed();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert!(error.to_string().contains(stage), "{error}");
    assert_eq!(error.may_have_run(), may_have_run, "{error}");
    assert!((TIME..TIME + SLACK).contains(&took), "{took:?}: {error}");
}

fn invoke(client: &Client) -> impl Future<Output = Result<impl Sized, ClientError>> {
    client.invoke(Invoke::new("f", "1"), Deadline::after(TIME))
}

/// Accepts connections and does nothing.
async fn silent() -> Stub {
    Stub::start(|_, stream, _| async move {
        pending::<()>().await;
        drop(stream);
        io::Result::Ok(())
    })
    .await
}

#[tokio::test]
async fn invoke_with_silence_at_connect_times_out() {
    // With its queue of connections full, Linux drops further attempts.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let any: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
    socket.bind(&any.into()).expect("a port");
    socket.listen(0).expect("listening");
    let address = socket.local_addr().expect("an address").as_socket().expect("of IPv4");
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
    {
        queued.push(stream);
    }
    let client = client_at(&format!("http://{address}"));
    assert_times_out(invoke(&client), "while connecting", false).await;
}

#[tokio::test]
async fn invoke_with_silence_in_the_tls_handshake_times_out() {
    let stub = silent().await;
    let client = client_at(&format!("https://localhost:{}", stub.port));
    assert_times_out(invoke(&client), "in the TLS handshake", false).await;
}

#[tokio::test]
async fn invoke_with_silence_of_the_proxy_times_out() {
    let stub = silent().await;
    let client = client_of(&[("HTTPS_PROXY", &stub.url())]);
    assert_times_out(invoke(&client), "waiting for the proxy", false).await;
}

#[tokio::test]
async fn put_object_with_silence_during_the_request_times_out() {
    let stub = silent().await;
    let client = stub.client();
    // More than all buffers in between hold.
    let object = PutObject::new(Bytes::from(vec![0; 32 * 1024 * 1024]));
    let bucket = Bucket::new("bucket");
    // Hashing the bytes comes before the first one is sent.
    let deadline = Deadline::after(Duration::from_secs(4));
    let error = client.put_object(&bucket, "key", object, deadline).await.expect_err("silence");
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::TimedOut, false), "{error}");
    assert!(error.to_string().contains("sending the request"), "{error}");
    assert!(deadline.remaining().is_zero());
}

#[tokio::test]
async fn invoke_with_silence_before_the_answer_times_out() {
    let stub = Stub::start(|_, mut stream, seen| async move {
        while seen.read_request(&mut stream).await?.is_some() {}
        Ok(())
    })
    .await;
    assert_times_out(invoke(&stub.client()), "waiting for the answer", true).await;
}

#[tokio::test]
async fn invoke_with_silence_within_the_answer_times_out() {
    for half in ["HTTP/1.1 200 OK\r\ncontent-le", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"] {
        let stub = Stub::start(move |_, mut stream, seen| async move {
            seen.read_request(&mut stream).await?;
            stream.write_all(half.as_bytes()).await?;
            pending().await
        })
        .await;
        assert_times_out(invoke(&stub.client()), "the answer", true).await;
    }
}

#[tokio::test]
async fn invoke_without_connection_after_three_seconds_is_not_connected() {
    let stub = silent().await;
    let client = client_at(&format!("https://localhost:{}", stub.port));
    let start = Instant::now();
    let error = client.invoke(Invoke::new("f", "1"), Deadline::after(Duration::from_mins(1))).await;
    let error = error.map(|_| ()).expect_err("silence");
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::NotConnected, false), "{error}");
    assert!(error.to_string().contains("silent for 3 s in the TLS handshake"), "{error}");
    assert!((3..7).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn invoke_past_its_deadline_sends_nothing() {
    let stub = silent().await;
    let error = stub.client().invoke(Invoke::new("f", "1"), Deadline::after(Duration::ZERO)).await;
    let error = error.expect_err("too late");
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::TimedOut, false));
    assert_eq!(stub.connections(), 0);
}
