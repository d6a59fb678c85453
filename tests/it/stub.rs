//! A cloud of a few lines, for answers that no emulator gives.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use lzap_testkit::ACCOUNT;

/// What the stub answers.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The `Date` header; none where it is empty.
    pub(crate) date: &'static str,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, date: "", body: body.into() }
    }

    /// What STS says to `GetCallerIdentity`.
    pub(crate) fn identity() -> Self {
        Self::new(
            200,
            format!(
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:user/ci</Arn>\
                 <UserId>AIDA</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
            ),
        )
    }
}

/// Answers each request, given as its head and body, until the tests end; where it listens.
pub(crate) fn serve(mut answer: impl FnMut(&str) -> Answer + Send + 'static) -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let url = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that hangs up ends only its own connection.
            drop(exchange(stream, &mut answer));
        }
    });
    Ok(url)
}

fn exchange(mut stream: TcpStream, answer: &mut impl FnMut(&str) -> Answer) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    while reader.read_line(&mut request)? > 2 {}
    let lower = request.to_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    request.push_str(&String::from_utf8_lossy(&body));
    let Answer { status, date, body } = answer(&request);
    let date = if date.is_empty() { String::new() } else { format!("Date: {date}\r\n") };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status} X\r\n{date}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}
