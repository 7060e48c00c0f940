//! The engine over real sockets: a client of std's that keeps the HTTP chunks apart.

mod answers;
mod faults;
mod timing;

use super::http::App;
use super::options::Options;
use axum::serve::ListenerExt;
use clap::Parser;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tokio::runtime::Runtime;

#[derive(Parser)]
#[command(args_override_self = true)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

/// Options as typed, on a free port and quick unless said otherwise.
pub(super) fn options(args: &str) -> Options {
    let quick = "sim --model m --port 0 --step 200us --step-per-sequence 0us";
    Cli::parse_from(quick.split(' ').chain(args.split_whitespace())).options
}

/// A running engine.
struct Server {
    address: SocketAddr,
    _runtime: Runtime,
}

/// One answer, taken apart.
struct Reply {
    status: u16,
    head: String,
    /// The body's HTTP chunks, or the whole body as one.
    chunks: Vec<String>,
    /// Whether the body ended as its framing says.
    complete: bool,
}

impl Server {
    fn start(args: &str) -> Self {
        let options = options(args);
        let runtime = Runtime::new().expect("a runtime");
        let address = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
                .await
                .expect("a free port");
            let address = listener.local_addr().expect("an address");
            let router = App::start(&options).expect("a thread").router();
            let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("no delay"));
            tokio::spawn(async move { axum::serve(listener, router).await });
            address
        });
        Self {
            address,
            _runtime: runtime,
        }
    }

    /// Sends a request and leaves its answer unread.
    fn send(&self, method: &str, path: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("a listener");
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        stream
            .write_all((head + body).as_bytes())
            .expect("a reader");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a timeout");
        stream
    }

    fn get(&self, path: &str) -> Reply {
        Reply::read(self.send("GET", path, ""))
    }

    fn post(&self, path: &str, body: &str) -> Reply {
        Reply::read(self.send("POST", path, body))
    }

    fn complete(&self, body: &str) -> Reply {
        self.post("/v1/completions", body)
    }
}

impl Reply {
    fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let mut reply = Self {
            status: head[9..12].parse().expect("a status"),
            head: head.to_ascii_lowercase(),
            chunks: vec![body.to_owned()],
            complete: true,
        };
        if reply.head.contains("transfer-encoding: chunked") {
            (reply.chunks, reply.complete) = dechunk(body);
        }
        reply
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.chunks.concat()).expect("JSON")
    }

    /// The chunks of a stream as JSON, `[DONE]` left out; each must be one event.
    fn events(&self) -> Vec<Value> {
        let data = |chunk: &String| {
            let event = chunk.strip_prefix("data: ")?.strip_suffix("\n\n")?;
            (event != "[DONE]").then(|| serde_json::from_str(event).expect("JSON"))
        };
        self.chunks.iter().filter_map(data).collect()
    }

    fn done(&self) -> bool {
        self.chunks
            .last()
            .is_some_and(|chunk| chunk == "data: [DONE]\n\n")
    }

    /// The text of each choice, streamed or not.
    fn texts(&self, choices: usize) -> Vec<String> {
        let objects = if self.head.contains("event-stream") {
            self.events()
        } else {
            vec![self.json()]
        };
        let mut texts = vec![String::new(); choices];
        for choice in objects
            .iter()
            .flat_map(|object| object["choices"].as_array().expect("choices"))
        {
            let index =
                usize::try_from(choice["index"].as_u64().expect("an index")).expect("small");
            for text in [
                &choice["text"],
                &choice["message"]["content"],
                &choice["delta"]["content"],
            ] {
                texts[index] += text.as_str().unwrap_or_default();
            }
        }
        texts
    }
}

fn dechunk(mut body: &str) -> (Vec<String>, bool) {
    let mut chunks = Vec::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a size");
        if size == 0 {
            return (chunks, true);
        }
        let Some(chunk) = rest.get(..size) else { break };
        chunks.push(chunk.to_owned());
        body = rest[size..].trim_start_matches("\r\n");
    }
    (chunks, false)
}
