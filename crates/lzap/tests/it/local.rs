//! Under `cargo run`: the addresses that the app listens on, its messages, how it stops.

use std::{
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::app::App;

/// A port that is free on 127.0.0.1 and, where there is IPv6, on `::1`.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// Sends one request; an error while nothing listens.
pub(crate) fn get(address: &str, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The first answer of an app that has just been started.
pub(crate) fn wait_for_answer(address: &str, path: &str) -> String {
    let start = Instant::now();
    loop {
        match get(address, path) {
            Ok(answer) => return answer,
            Err(error) if start.elapsed() > Duration::from_secs(10) => panic!("{address}: {error}"),
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

#[test]
fn port_variable_sets_the_port_of_both_loopback_addresses() {
    let port = free_port();
    let app = App::start(&[("PORT", &port.to_string())]);
    assert!(wait_for_answer(&format!("127.0.0.1:{port}"), "/").ends_with("\r\n\r\nok"));
    if TcpListener::bind("[::1]:0").is_ok() {
        assert!(wait_for_answer(&format!("[::1]:{port}"), "/").ends_with("\r\n\r\nok"));
    }
    let stderr = app.stderr();
    assert!(stderr.contains(&format!("lzap: serving http://localhost:{port} ")), "{stderr}");
    assert!(stderr.contains("lzap::access") && stderr.contains("requestId="), "{stderr}");
}

#[test]
fn address_variable_overrides_the_port_variable() {
    let address = format!("127.0.0.1:{}", free_port());
    let app = App::start(&[("PORT", "1"), ("LZAP_ADDR", &address)]);
    assert!(wait_for_answer(&address, "/").starts_with("HTTP/1.1 200 OK"));
    let stderr = app.stderr();
    assert!(stderr.contains(&format!("lzap: serving http://{address} ")), "{stderr}");
}

#[test]
fn busy_port_is_an_error_that_names_another_port() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port();
    let mut app = App::start(&[("PORT", &port.to_string())]);
    assert!(!app.wait().success());
    let stderr = app.stderr();
    assert!(stderr.contains(&format!("cannot listen on localhost:{port}")), "{stderr}");
    assert!(stderr.contains(" cargo run`") && stderr.contains("try `PORT="), "{stderr}");
}

#[test]
fn bad_variable_is_an_error_before_the_app_listens() {
    for (name, value, named) in [
        ("PORT", "http", "the environment variable `PORT` is not a port number"),
        ("LZAP_ADDR", "5000", "the environment variable `LZAP_ADDR` is not an address and port"),
    ] {
        let mut app = App::start(&[(name, value)]);
        assert!(!app.wait().success());
        let stderr = app.stderr();
        assert!(stderr.contains(named), "{stderr}");
    }
}

#[test]
fn panic_is_a_500_without_its_message_and_the_app_runs_on() {
    let address = format!("127.0.0.1:{}", free_port());
    let app = App::start(&[("LZAP_ADDR", &address)]);
    let answer = wait_for_answer(&address, "/panic");
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(answer.contains(r#"{"message":"Internal Server Error","requestId":""#), "{answer}");
    assert!(!answer.contains("secret"), "{answer}");
    assert!(wait_for_answer(&address, "/").starts_with("HTTP/1.1 200 OK"));
    let stderr = app.stderr();
    assert!(stderr.contains("the secret is 42") && stderr.contains("app.rs:"), "{stderr}");
}

#[test]
fn body_that_fails_cuts_the_connection_and_logs_its_cause_once() {
    let address = format!("127.0.0.1:{}", free_port());
    let app = App::start(&[("LZAP_ADDR", &address)]);
    wait_for_answer(&address, "/");
    let answer = get(&address, "/failing").expect("the head was sent");
    assert!(answer.contains("first") && !answer.ends_with("0\r\n\r\n"), "{answer}");
    let stderr = app.stderr();
    let lines: Vec<_> = stderr.lines().filter(|line| line.contains("the disk is full")).collect();
    assert_eq!(lines.len(), 1, "{stderr}");
    assert_eq!(lines[0].matches("the disk is full").count(), 1, "{stderr}");
    assert!(lines[0].contains("the response body failed") && lines[0].contains("requestId="), "{stderr}");
}

#[test]
fn first_signal_lets_requests_in_flight_finish() {
    for signal in ["-INT", "-TERM"] {
        let address = format!("127.0.0.1:{}", free_port());
        let mut app = App::start(&[("LZAP_ADDR", &address)]);
        wait_for_answer(&address, "/");
        let slow = {
            let address = address.clone();
            thread::spawn(move || get(&address, "/slow"))
        };
        thread::sleep(Duration::from_millis(200));
        app.signal(signal);
        let answer = slow.join().expect("the thread").expect("the request in flight is answered");
        assert!(answer.ends_with("\r\n\r\ndone"), "{answer}");
        assert!(app.wait().success());
        assert!(get(&address, "/").is_err(), "nothing listens any more");
    }
}

#[test]
fn second_signal_stops_at_once() {
    let address = format!("127.0.0.1:{}", free_port());
    let mut app = App::start(&[("LZAP_ADDR", &address)]);
    wait_for_answer(&address, "/");
    // A request that never comes to its end.
    let mut stream = TcpStream::connect(&address).expect("listening");
    write!(stream, "POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n").expect("sent");
    thread::sleep(Duration::from_millis(200));
    app.signal("-INT");
    thread::sleep(Duration::from_millis(300));
    assert!(app.runs(), "the request in flight has its time");
    app.signal("-INT");
    assert!(app.wait().success());
}
