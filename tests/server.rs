//! A server for tests: it answers each request with whatever bytes a function gives for it, and closes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) body: Vec<u8>,
}

/// An answer of JSON, or of what is to pass for it.
pub(crate) fn json(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    Reply {
        status,
        kind: "application/json",
        body: body.into(),
    }
}

/// A stream of server-sent events, as it stands.
pub(crate) fn events(body: impl Into<Vec<u8>>) -> Reply {
    Reply {
        status: 200,
        kind: "text/event-stream",
        body: body.into(),
    }
}

/// Serves on a port of its own, or on one that is given, for as long as the test lives; `answer` gets the path and the body.
pub(crate) fn serve(
    port: u16,
    answer: impl Fn(&str, &str) -> Reply + Send + Sync + 'static,
) -> std::io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let port = listener.local_addr()?.port();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || one(stream, &*answer));
        }
    });
    Ok(port)
}

/// Answers one request and closes.
fn one(mut stream: TcpStream, answer: &impl Fn(&str, &str) -> Reply) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut path, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        // A connection that was opened ahead and never used.
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if path.is_empty() {
            path = line.split(' ').nth(1).unwrap_or("/").to_owned();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let Reply { status, kind, body } = answer(&path, &String::from_utf8_lossy(&body));
    write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body)
}
