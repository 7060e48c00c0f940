//! A proxy between the client and Dynamo's real frontend that is slow on purpose: the frontend's part gets the blame.

use super::{alone, at_cache};
use crate::support::bench;
use nix::sys::signal::Signal;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// How late the proxy hands on each request: more than the 40 ms that the first event waits for an acknowledgement without
/// the proxy, because the frontend sends without `TCP_NODELAY`, and may not have to wait with it.
const LATE: Duration = Duration::from_millis(150);

/// A proxy before `server`, which ends with the test.
fn slow_proxy(server: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = server.trim_start_matches("http://").to_owned();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(&server).unwrap();
            for stream in [&client, &server] {
                stream.set_nodelay(true).unwrap();
            }
            thread::spawn(move || hand_on(&client, &server));
        }
    });
    url
}

fn hand_on(client: &TcpStream, server: &TcpStream) {
    thread::scope(|scope| {
        scope.spawn(|| copy(client, server, LATE));
        copy(server, client, Duration::ZERO);
    });
}

/// Copies until the end, which it hands on; each piece so much late.
fn copy(mut from: &TcpStream, mut to: &TcpStream, late: Duration) {
    let mut piece = [0; 1 << 14];
    while let Ok(n @ 1..) = from.read(&mut piece) {
        thread::sleep(late);
        if to.write_all(&piece[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}

#[test]
fn a_slow_proxy_before_dynamo_is_blamed_on_the_frontend() {
    let _alone = alone();
    let mut up = at_cache(bench("up").arg("scenarios/dynamo-mocker.yaml")).start();
    let said = up.prints_until("Ctrl-C");
    let url = said
        .split_whitespace()
        .find_map(|word| word.strip_suffix("/v1/completions"))
        .unwrap()
        .to_owned();
    let scenario = format!(
        "version: 1
name: blame
model: {{id: smollm2}}
prompts: {{inline: [The capital of France is, The future of AI is]}}
request: {{params: {{max_tokens: 16, temperature: 0}}}}
load: {{warmup: {{requests: 4}}, phases: [closed: {{concurrency: 2, requests: 40}}]}}
verify: {{every_response: [{{at: nvext.timing.total_time_ms, type: number}}]}}
variants:
  direct: {{engine: {{external: {{url: \"{url}\"}}}}}}
  proxied: {{engine: {{external: {{url: \"{}\"}}}}}}
compare: {{baseline: direct}}
",
        slow_proxy(&url)
    );
    let done = bench("run").file("blame.yaml", &scenario).run().ran();
    up.signal(Signal::SIGINT);
    up.done().code(0).leaves_nothing(20);
    let run = done.run();
    let splits = run["decompositions"][0]["splits"].as_array().unwrap();
    let first = splits.iter().find(|s| s["name"] == "first token").unwrap();
    assert_eq!(first["blamed"], "frontend", "{first:#}");
    let parts = first["parts"].as_array().unwrap();
    let frontend = parts.iter().find(|p| p["name"] == "frontend").unwrap();
    assert!(
        frontend["difference_ms"].as_f64().unwrap() > 50.0,
        "{first:#}"
    );
    assert!(first["unexplained_ms"].as_f64().unwrap().abs() < 1e-3);
}
