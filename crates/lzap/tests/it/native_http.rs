//! Native HTTP: the app listens on the address that Lambda names. Not verified on AWS, where no Rust
//! program can run in this way yet (2026-11).

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    app::{App, THREADS},
    local::{free_port, get, wait_for_answer},
};

/// The variables with which Lambda would start a program that serves HTTP.
fn start(endpoint: &str) -> App {
    let environment = [
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "native-http"),
        ("AWS_LAMBDA_HTTP_ENDPOINT", endpoint),
        // Lambda sets it in each environment. It must not win.
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1"),
        (THREADS, "2"),
    ];
    App::start_named("meetings", &environment)
}

/// Sends a request to a meeting of `count`, in a trace.
fn meet(address: &str, n: usize, count: usize) -> Value {
    let body = format!("request {n}");
    let mut stream = TcpStream::connect(address).expect("listening");
    write!(
        stream,
        "POST /meet/native/{count} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-amzn-trace-id: Root=1-{n}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a response");
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{answer}");
    serde_json::from_str(body).expect("JSON")
}

#[test]
fn requests_at_once_have_their_own_ids_and_the_log_is_json() {
    const COUNT: usize = 24;
    let address = format!("127.0.0.1:{}", free_port());
    let app = start(&address);
    assert!(wait_for_answer(&address, "/wait/1").ends_with("\r\n\r\nwaited"));
    let threads: Vec<_> = (0..COUNT)
        .map(|n| {
            let address = address.clone();
            thread::spawn(move || meet(&address, n, COUNT))
        })
        .collect();
    let mut ids = BTreeSet::new();
    for (n, thread) in threads.into_iter().enumerate() {
        let seen = thread.join().expect("an answer");
        assert_eq!(seen["body"], format!("request {n}"));
        let trace = format!("Root=1-{n}");
        assert_eq!((&seen["trace_header"], &seen["context_trace"]), (&json!(trace), &json!(trace)));
        assert_eq!(seen["context_id"], seen["context_id_later"]);
        ids.insert(seen["context_id"].as_str().expect("an id").to_owned());
    }
    assert_eq!(ids.len(), COUNT);
    let log = app.log();
    let cold: Vec<_> = log.iter().filter(|line| line["coldStart"] == true).collect();
    assert_eq!(cold.len(), 1, "{log:?}");
    assert_eq!((&cold[0]["target"], &cold[0]["path"]), (&json!("lzap::access"), &json!("/wait/1")));
    for id in &ids {
        let lines: Vec<_> = log.iter().filter(|line| line["requestId"] == id.as_str()).collect();
        assert_eq!(
            (lines.len(), &lines[0]["message"], &lines[1]["message"]),
            (2, &json!("met"), &json!("request"))
        );
        assert!(lines.iter().all(|line| line["coldStart"] == false), "{lines:?}");
    }
}

#[test]
fn address_as_a_url_is_accepted() {
    let port = free_port();
    let _app = start(&format!("http://0.0.0.0:{port}"));
    assert!(wait_for_answer(&format!("127.0.0.1:{port}"), "/wait/1").ends_with("\r\n\r\nwaited"));
}

#[test]
fn signal_lets_requests_in_flight_finish_and_is_logged_as_json() {
    let address = format!("127.0.0.1:{}", free_port());
    let mut app = start(&address);
    wait_for_answer(&address, "/wait/1");
    let slow = {
        let address = address.clone();
        thread::spawn(move || get(&address, "/wait/600"))
    };
    thread::sleep(Duration::from_millis(200));
    app.signal("-TERM");
    let answer = slow.join().expect("the thread").expect("the request in flight is answered");
    assert!(answer.ends_with("\r\n\r\nwaited"), "{answer}");
    assert!(app.wait().success());
    assert!(get(&address, "/wait/1").is_err(), "nothing listens any more");
    let log = app.log();
    assert!(
        log.iter().any(|line| line["message"] == "stopping when the requests in flight are done"),
        "{log:?}"
    );
}

#[test]
fn bad_or_taken_address_is_an_error_that_names_the_variable() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("bound").to_string();
    for (value, message, help) in [
        (
            "3000",
            "`AWS_LAMBDA_HTTP_ENDPOINT` is not an address and port",
            "`AWS_LAMBDA_HTTP_ENDPOINT=0.0.0.0:3000`",
        ),
        (
            "https://0.0.0.0:1",
            "`AWS_LAMBDA_HTTP_ENDPOINT` is not an address and port",
            "`AWS_LAMBDA_HTTP_ENDPOINT=0",
        ),
        (&taken, "cannot listen on 127.0.0.1:", "try `AWS_LAMBDA_HTTP_ENDPOINT=127.0.0.1:"),
    ] {
        let mut app = start(value);
        assert!(!app.wait().success());
        // The test's `main` panics with the error, and in Lambda a panic is one JSON line.
        let log = app.log();
        let error = log[0]["panic"].as_str().expect("text");
        assert!(error.contains(message) && error.contains(help), "{value}: {error}");
    }
}

#[test]
fn one_of_the_two_variables_alone_changes_nothing() {
    for variable in
        [("AWS_LAMBDA_INITIALIZATION_TYPE", "native-http"), ("AWS_LAMBDA_HTTP_ENDPOINT", "127.0.0.1:1")]
    {
        let address = format!("127.0.0.1:{}", free_port());
        let app = App::start_named("meetings", &[variable, ("LZAP_ADDR", &address)]);
        assert!(wait_for_answer(&address, "/wait/1").ends_with("\r\n\r\nwaited"));
        let stderr = app.stderr();
        assert!(stderr.contains(&format!("lzap: serving http://{address} ")), "{stderr}");
        assert!(!stderr.contains("coldStart"), "as under `cargo run`: {stderr}");
    }
}
