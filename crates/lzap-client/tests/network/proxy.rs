//! Proxies and TLS.

use std::io;
use std::sync::Arc;

use lzap_client::{Bucket, ErrorKind, GetOptions, Invoke};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::TlsAcceptor;

use crate::stub::{Stub, answer, client_of, copy_both, data, soon};

/// A server with a certificate for `localhost` and `aws.test`, signed by `ca.pem`.
async fn tls_stub() -> Stub {
    let chain = CertificateDer::pem_file_iter(data("server.pem")).expect("a file");
    let chain = chain.collect::<Result<Vec<_>, _>>().expect("certificates");
    let key = PrivateKeyDer::from_pem_file(data("server-key.pem")).expect("a key");
    let config = ServerConfig::builder_with_provider(lzap_tls::provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Stub::start(move |_, stream, seen| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await?;
            while seen.read_request(&mut stream).await?.is_some() {
                stream.write_all(answer("200 OK", "", "{}").as_bytes()).await?;
            }
            Ok(())
        }
    })
    .await
}

fn bundle() -> String {
    data("ca.pem").display().to_string()
}

#[tokio::test]
async fn invoke_over_tls_checks_the_server_and_reuses_the_connection() {
    let stub = tls_stub().await;
    let url = format!("https://localhost:{}", stub.port);
    let client = client_of(&[("AWS_ENDPOINT_URL", &url), ("AWS_CA_BUNDLE", &bundle())]);
    for _ in 0..5 {
        client.invoke(Invoke::new("f", "1"), soon()).await.expect("an answer");
    }
    assert_eq!((stub.connections(), stub.requests().len()), (1, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invoke_many_over_tls_makes_no_more_handshakes_than_calls_in_flight() {
    // More than the connections that may be opened at the same time.
    const IN_FLIGHT: usize = 80;
    let stub = tls_stub().await;
    let url = format!("https://localhost:{}", stub.port);
    let client = client_of(&[("AWS_ENDPOINT_URL", &url), ("AWS_CA_BUNDLE", &bundle())]);
    for _ in 0..2 {
        let calls: Vec<_> = (0..IN_FLIGHT)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(
                    async move { client.invoke(Invoke::new("f", "1"), soon()).await.expect("an answer") },
                )
            })
            .collect();
        for call in calls {
            call.await.expect("no panic");
        }
    }
    assert_eq!(stub.requests().len(), 2 * IN_FLIGHT);
    assert!(stub.connections() <= IN_FLIGHT, "{}", stub.connections());
}

#[tokio::test]
async fn invoke_of_an_unknown_authority_is_not_connected() {
    let stub = tls_stub().await;
    let url = format!("https://localhost:{}", stub.port);
    let client = client_of(&[("AWS_ENDPOINT_URL", &url)]);
    let error = client.invoke(Invoke::new("f", "1"), soon()).await.expect_err("an unknown authority");
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    assert!(error.to_string().contains("AWS_CA_BUNDLE"), "{error}");
    let source = std::error::Error::source(&error).expect("a cause").to_string();
    assert!(source.contains("UnknownIssuer"), "{source}");
    assert_eq!(stub.requests().len(), 0);
}

/// A proxy that answers CONNECT with `status`, and connects to `port` when that is 200.
async fn connect_proxy(status: &'static str, port: u16) -> Stub {
    Stub::start(move |_, mut stream, seen| async move {
        seen.read_request(&mut stream).await?;
        stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await?;
        if status.starts_with("200") { copy_both(stream, port).await } else { io::Result::Ok(()) }
    })
    .await
}

#[tokio::test]
async fn invoke_over_https_tunnels_through_the_proxy() {
    let stub = tls_stub().await;
    let proxy = connect_proxy("200 Connection established", stub.port).await;
    let address = format!("http://user:p%40ss@127.0.0.1:{}", proxy.port);
    let client = client_of(&[
        ("AWS_ENDPOINT_URL", "https://aws.test"),
        ("AWS_CA_BUNDLE", &bundle()),
        ("https_proxy", &address),
    ]);
    for _ in 0..3 {
        client.invoke(Invoke::new("f", "1"), soon()).await.expect("an answer");
    }
    assert_eq!((proxy.connections(), stub.connections(), stub.requests().len()), (1, 1, 3));
    let asked = &proxy.requests()[0];
    assert!(asked.starts_with("CONNECT aws.test:443 HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("proxy-authorization: Basic dXNlcjpwQHNz\r\n"), "{asked}");
    assert!(!stub.requests()[0].contains("proxy-authorization"));
}

#[tokio::test]
async fn invoke_with_refusing_proxy_is_not_connected_and_says_why() {
    for (status, why) in
        [("407 Proxy Authentication Required", "USER:PASSWORD"), ("502 Bad Gateway", "502 Bad Gateway")]
    {
        let proxy = connect_proxy(status, 0).await;
        let client = client_of(&[("HTTPS_PROXY", &proxy.url())]);
        let error = client.invoke(Invoke::new("f", "1"), soon()).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        assert!(error.to_string().contains(why) && error.to_string().contains(&proxy.url()), "{error}");
    }
}

#[tokio::test]
async fn get_object_over_http_is_forwarded_by_the_proxy_unless_excepted() {
    let proxy = Stub::answering(&[answer("200 OK", "", "abc")]).await;
    let address = format!("http://user:pass@127.0.0.1:{}", proxy.port);
    let client = client_of(&[("AWS_ENDPOINT_URL", "http://aws.test:8080"), ("HTTP_PROXY", &address)]);
    let bucket = Bucket::new("bucket");
    for _ in 0..2 {
        client.get_object(&bucket, "a b", GetOptions::default(), soon()).await.expect("an object");
    }
    assert_eq!(proxy.connections(), 1);
    let asked = &proxy.requests()[0];
    assert!(asked.starts_with("GET http://aws.test:8080/bucket/a%20b HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("host: aws.test:8080\r\n"), "{asked}");
    assert!(asked.contains("proxy-authorization: Basic dXNlcjpwYXNz\r\n"), "{asked}");

    let local = Stub::answering(&[answer("200 OK", "", "abc")]).await;
    let client = client_of(&[("AWS_ENDPOINT_URL", &local.url()), ("HTTP_PROXY", &address)]);
    client.get_object(&bucket, "k", GetOptions::default(), soon()).await.expect("an object");
    assert_eq!((local.requests().len(), proxy.requests().len()), (1, 2));
}
