//! A function that does nothing: one connection to the Runtime API, and a constant for each event.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

fn main() -> std::io::Result<()> {
    let address = env::var("AWS_LAMBDA_RUNTIME_API").expect("runs under Lambda's Runtime API");
    let mut stream = TcpStream::connect(&address)?;
    stream.set_nodelay(true)?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let answer = "{\"statusCode\":200}";
    loop {
        let next = "/2018-06-01/runtime/invocation/next";
        stream.write_all(format!("GET {next} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes())?;
        let id = read(&mut answers)?;
        let path = format!("/2018-06-01/runtime/invocation/{id}/response");
        let length = answer.len();
        let request = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n{answer}");
        stream.write_all(request.as_bytes())?;
        read(&mut answers)?;
    }
}

/// Reads one answer to its end: the request id that it names.
fn read(answers: &mut impl BufRead) -> std::io::Result<String> {
    let (mut id, mut length, mut chunked) = (String::new(), 0, false);
    loop {
        let mut line = String::new();
        answers.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        match name.to_ascii_lowercase().as_str() {
            "lambda-runtime-aws-request-id" => id = value.trim().to_owned(),
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "transfer-encoding" => chunked = true,
            _ => {}
        }
    }
    if chunked {
        loop {
            let mut size = String::new();
            answers.read_line(&mut size)?;
            let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
            std::io::copy(&mut answers.take(size as u64 + 2), &mut std::io::sink())?;
            if size == 0 {
                break;
            }
        }
    } else {
        std::io::copy(&mut answers.take(length), &mut std::io::sink())?;
    }
    Ok(id)
}
