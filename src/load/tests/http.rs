use super::*;

fn read(pieces: &[&[u8]]) -> Result<Response, String> {
    let mut response = Response::new();
    for piece in pieces {
        response.feed(piece)?;
    }
    Ok(response)
}

fn body(bytes: &str) -> Result<(u16, String, bool, bool), String> {
    let r = read(&[bytes.as_bytes()])?;
    let text = String::from_utf8_lossy(&r.body).into_owned();
    Ok((r.status.unwrap_or(0), text, r.is_done(), r.keeps_alive()))
}

fn is(
    status: u16,
    text: &str,
    done: bool,
    keep: bool,
) -> Result<(u16, String, bool, bool), String> {
    Ok((status, text.to_owned(), done, keep))
}

#[test]
fn a_request_is_written_out() {
    let headers = [
        ("X-Key".to_owned(), "v".to_owned()),
        ("Accept".to_owned(), "*/*".to_owned()),
    ];
    let target = Target::resolve("http://127.0.0.1:8000/base/", &headers).expect("a good URL");
    let text = String::from_utf8(request(&target, ("/v1/completions", true), &[], b"{}"));
    let expected = concat!(
        "POST /base/v1/completions HTTP/1.1\r\nhost: 127.0.0.1:8000\r\nuser-agent: bench/",
        env!("CARGO_PKG_VERSION"),
        "\r\ncontent-type: application/json\r\nX-Key: v\r\nAccept: */*\r\ncontent-length: 2\r\n\r\n{}"
    );
    assert_eq!(text.as_deref(), Ok(expected));
}

#[test]
fn bodies_end_as_their_framing_says() {
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(body(length), is(200, "abc", true, true));
    assert_eq!(
        body(&length[..length.len() - 1]),
        is(200, "ab", false, false)
    );
    assert_eq!(body(&format!("{length}d")), is(200, "abc", true, false));
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
    assert_eq!(body(chunked), is(200, "a", true, true));
    assert_eq!(
        body("HTTP/1.1 204 No Content\r\n\r\n"),
        is(204, "", true, true)
    );
    assert_eq!(
        body("HTTP/1.1 405 No\r\ncontent-length: 0\r\n\r\n"),
        is(405, "", true, true)
    );
    let mut until_close = read(&[b"HTTP/1.1 200 OK\r\n\r\nabc"]).expect("an answer");
    assert!(!until_close.is_done());
    assert_eq!(until_close.closed(), Ok(()));
    assert!(until_close.is_done() && !until_close.keeps_alive());
}

#[test]
fn keep_alive_is_told() {
    let with = |version: &str, header: &str| {
        let answer = format!("HTTP/{version} 200 OK\r\ncontent-length: 0\r\n{header}\r\n\r\n");
        read(&[answer.as_bytes()]).is_ok_and(|r| r.keeps_alive())
    };
    assert!(with("1.1", "a: b"));
    assert!(!with("1.1", "Connection: x, Close"));
    assert!(!with("1.0", "a: b"));
    assert!(with("1.0", "connection: keep-alive"));
    let both =
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    assert!(read(&[both]).is_ok_and(|r| r.is_done() && !r.keeps_alive()));
}

#[test]
fn interim_answers_are_skipped() {
    let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\na: b\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na";
    assert_eq!(body(answer), is(200, "a", true, true));
    assert!(body("HTTP/1.1 101 Switch\r\n\r\n").is_err());
}

#[test]
fn a_real_answer_reads_the_same_at_every_split() {
    let dynamo = (
        include_str!("../fixtures/dynamo-completions.http"),
        include_str!("../../measure/fixtures/dynamo-completions.sse"),
    );
    let vllm = (
        include_str!("../fixtures/vllm-completions.http"),
        include_str!("../../measure/fixtures/vllm-completions.sse"),
    );
    for (raw, stream) in [dynamo, vllm] {
        let raw = raw.as_bytes();
        for at in 0..=raw.len() {
            let (a, b) = raw.split_at(at);
            let r = read(&[a, b]).expect("a good answer");
            assert!(r.is_done() && r.body == stream.as_bytes(), "split at {at}");
            assert!(!r.keeps_alive(), "the server said close");
        }
        let bytes: Vec<&[u8]> = raw.chunks(1).collect();
        assert!(read(&bytes).is_ok_and(|r| r.is_done() && r.status == Some(200)));
    }
}

#[test]
fn what_is_no_answer_says_why() {
    let why = |bytes: &str| body(bytes).err().unwrap_or_default();
    assert!(why("SSH-2.0-x\r\n\r\n").starts_with("the head is not HTTP/1"));
    assert!(why("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n").contains("gzip"));
    assert!(why("HTTP/1.1 200 OK\r\ncontent-length: 1, 2\r\n\r\n").contains("two lengths"));
    assert!(why("HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\n").contains("not a number"));
    assert!(why("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n").contains("16 MiB"));
    let huge = format!("HTTP/1.1 200 OK\r\na: {}", "x".repeat(MAX_HEAD));
    assert_eq!(why(&huge), "the head is longer than 64 KiB");
    assert_eq!(
        why(&format!("{huge}\r\n\r\n")),
        "the head is longer than 64 KiB"
    );
}

#[test]
fn a_close_is_held_against_the_framing() {
    let why = |bytes: &str| {
        let closed = read(&[bytes.as_bytes()]).map(|mut r| r.closed());
        closed.and_then(|c| c).err().unwrap_or_default()
    };
    assert!(why("").contains("without an answer"));
    assert!(why("HTTP/1.1 2").contains("within the head"));
    assert!(why("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\na").contains("2 bytes before"));
    assert!(
        why("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
            .contains("last chunk")
    );
}

#[test]
fn an_endless_body_is_refused() {
    let mut response = Response::new();
    let head = response.feed(b"HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(head, Ok(()));
    let piece = vec![b'x'; 1 << 20];
    let fed = (0..99)
        .map(|_| response.feed(&piece))
        .take_while(Result::is_ok);
    assert_eq!(fed.count(), 16);
}
