//! How many connections there are, and what becomes of a request whose connection ends.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lzap_client::{Bucket, ErrorKind, GetOptions, Invoke, PutCondition, PutObject};
use tokio::io::AsyncWriteExt as _;

use crate::stub::{Stub, answer, soon};

#[tokio::test]
async fn invoke_one_after_the_other_uses_one_connection() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n".to_owned();
    let empty = "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_owned();
    let stub =
        Stub::answering(&[answer("200 OK", "", "{}"), chunked, empty, answer("200 OK", "", "{}")]).await;
    let client = stub.client();
    for number in 0..8 {
        let invoked = client.invoke(Invoke::new("f", "1"), soon()).await.expect("an answer");
        assert_eq!(&invoked.payload[..], if number == 2 { "".as_bytes() } else { b"{}" });
    }
    assert_eq!((stub.connections(), stub.requests().len()), (1, 8));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invoke_many_at_once_opens_no_more_connections_than_calls_in_flight() {
    const IN_FLIGHT: usize = 100;
    let open = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (now, peak) = (Arc::clone(&open), Arc::clone(&most));
    let stub = Stub::start(move |_, mut stream, seen| {
        let (now, peak) = (Arc::clone(&now), Arc::clone(&peak));
        async move {
            peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            while seen.read_request(&mut stream).await?.is_some() {
                tokio::time::sleep(Duration::from_millis(5)).await;
                stream.write_all(answer("200 OK", "", "{}").as_bytes()).await?;
            }
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        }
    })
    .await;
    let client = stub.client();
    let lanes: Vec<_> = (0..IN_FLIGHT)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    client.invoke(Invoke::new("f", "1"), soon()).await.expect("an answer");
                }
            })
        })
        .collect();
    for lane in lanes {
        lane.await.expect("no panic");
    }
    assert_eq!(stub.requests().len(), 10 * IN_FLIGHT);
    assert!(most.load(Ordering::SeqCst) <= IN_FLIGHT);
    assert!(stub.connections() <= IN_FLIGHT, "{}", stub.connections());
}

#[tokio::test]
async fn invoke_on_a_connection_that_was_closed_while_idle_is_sent_anew() {
    let stub = Stub::start(|_, mut stream, seen| async move {
        // One answer for each connection, without saying so beforehand.
        seen.read_request(&mut stream).await?;
        stream.write_all(answer("200 OK", "", "{}").as_bytes()).await
    })
    .await;
    let client = stub.client();
    for _ in 0..5 {
        client.invoke(Invoke::new("f", "1"), soon()).await.expect("an answer");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((stub.connections(), stub.requests().len()), (5, 5));
}

/// A freeze hides the close from tokio: the kernel knows of it, the runtime has not asked yet. Blocking the only thread
/// of the runtime has the same effect, so that the server runs on a thread of its own.
#[tokio::test]
async fn invoke_on_connection_closed_during_a_freeze_is_sent_anew() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let server = std::thread::spawn(move || {
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().expect("a connection");
            let read = stream.read(&mut [0; 4096]).expect("a request");
            assert!(read > 0);
            stream.write_all(answer("200 OK", "", "{}").as_bytes()).expect("answered");
        }
    });
    let client = crate::stub::client_at(&url);
    for _ in 0..3 {
        client.invoke(Invoke::new("f", "1"), soon()).await.expect("an answer");
        std::thread::sleep(Duration::from_millis(50));
    }
    server.join().expect("three requests");
}

#[tokio::test]
async fn invoke_after_connection_close_header_opens_another() {
    let stub = Stub::answering(&[answer("200 OK", "connection: close\r\n", "{}")]).await;
    let client = stub.client();
    for _ in 0..3 {
        client.invoke(Invoke::new("f", "1"), soon()).await.expect("an answer");
    }
    assert_eq!(stub.connections(), 3);
}

/// Answers the first request, loses all others.
async fn losing(answered: usize) -> Stub {
    Stub::start(move |_, mut stream, seen| async move {
        while let Some(number) = seen.read_request(&mut stream).await? {
            if number >= answered {
                break;
            }
            stream.write_all(answer("200 OK", "", "{}").as_bytes()).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn invoke_whose_response_is_lost_is_not_sent_again() {
    for answered in [0, 1] {
        let stub = losing(answered).await;
        let client = stub.client();
        for _ in 0..answered {
            client.invoke(Invoke::new("f", "1"), soon()).await.expect("an answer");
        }
        let error = client.invoke(Invoke::new("f", "1"), soon()).await.expect_err("lost");
        assert_eq!(error.kind(), ErrorKind::ResponseLost, "{error}");
        assert!(
            error.may_have_run() && error.to_string().starts_with("lambda:Invoke got no answer"),
            "{error}"
        );
        assert_eq!(stub.requests().len(), answered + 1);
    }
}

#[tokio::test]
async fn get_object_whose_response_is_lost_is_sent_again() {
    let stub = Stub::start(|number, mut stream, seen| async move {
        seen.read_request(&mut stream).await?;
        let half = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
        let text = if number < 2 { half.to_owned() } else { answer("200 OK", "", "0123456789") };
        stream.write_all(text.as_bytes()).await
    })
    .await;
    let object = stub.client().get_object(&Bucket::new("bucket"), "key", GetOptions::default(), soon()).await;
    assert_eq!(&object.expect("the third attempt").bytes[..], b"0123456789");
    assert_eq!(stub.requests().len(), 3);
}

#[tokio::test]
async fn put_object_with_condition_after_lost_response_may_have_run() {
    let stub = losing(0).await;
    let object = PutObject { condition: Some(PutCondition::IfAbsent), ..PutObject::new("bytes") };
    let error =
        stub.client().put_object(&Bucket::new("bucket"), "key", object, soon()).await.expect_err("lost");
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::ResponseLost, true));
    assert_eq!(stub.requests().len(), 1);
}

#[tokio::test]
async fn invoke_where_nothing_listens_is_not_connected() {
    let stub = losing(0).await;
    let url = stub.url();
    drop(stub);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let error =
        crate::stub::client_at(&url).invoke(Invoke::new("f", "1"), soon()).await.expect_err("refused");
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::NotConnected, false));
    assert!(error.to_string().contains(&url), "{error}");
}

#[test]
fn invoke_from_another_runtime_opens_another_connection() {
    let new = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let server = server.expect("a runtime");
    let stub = server.block_on(Stub::answering(&[answer("200 OK", "", "{}")]));
    let client = stub.client();
    for runtime in [new(), new()] {
        for _ in 0..2 {
            runtime.block_on(client.invoke(Invoke::new("f", "1"), soon())).expect("an answer");
        }
    }
    assert_eq!((stub.connections(), stub.requests().len()), (2, 4));
}
