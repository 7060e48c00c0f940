use super::*;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

/// A server that answers each connection in turn as `answers` says, `None` not at all; how many came is returned.
fn server(answers: Vec<Option<&'static str>>) -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    let came = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&came);
    thread::spawn(move || {
        let mut held: Vec<TcpStream> = Vec::new();
        for (stream, answer) in listener.incoming().zip(answers) {
            let mut stream = stream.unwrap();
            count.fetch_add(1, Relaxed);
            let asked = stream.read(&mut [0; 4096]).unwrap();
            assert!(asked > 0);
            if let Some(answer) = answer {
                let head = format!("HTTP/1.1 {answer}\r\nConnection: close\r\n\r\n");
                stream.write_all(head.as_bytes()).unwrap();
            } else {
                held.push(stream);
            }
        }
        listener.accept().ok();
    });
    (url, came)
}

fn pages(url: &str) -> Pages {
    let page = ("vllm".to_owned(), url.to_owned());
    Pages::within(Duration::from_millis(50), vec![page])
}

#[test]
fn a_page_that_hangs_is_asked_twice_and_told_once() {
    let (url, came) = server(vec![None; 10]);
    let pages = pages(&url);
    let (before, after) = (pages.read(), pages.settled());
    for _ in 0..5 {
        assert_eq!(pages.read().failed, before.failed);
    }
    assert_eq!(came.load(Relaxed), PATIENCE);
    let window = pages.window(&before, &after, IndexMap::new(), &Told::default());
    let notes = window.expect("it is told").notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    let said = format!("no metrics of vllm: GET {url} did not answer within 0.05 s");
    assert_eq!(notes[0], said);
}

#[test]
fn a_server_without_the_page_is_no_news_and_one_that_fails_is() {
    for (answer, told) in [
        ("404 Not Found", false),
        ("500 No", true),
        ("503 Later", true),
    ] {
        let (url, _) = server(vec![Some(answer); 10]);
        let pages = pages(&url);
        let (before, after) = (pages.read(), pages.read());
        let window = pages.window(&before, &after, IndexMap::new(), &Told::default());
        assert_eq!(window.is_some(), told, "{answer}");
    }
}

#[test]
fn a_page_that_fails_in_several_ways_is_told_once() {
    let (url, _) = server(vec![Some("500 No"), None, Some("503 Later")]);
    let pages = pages(&url);
    let first = pages.read().failed;
    assert!(first[0].why.ends_with("answered 500"), "{first:?}");
    assert_eq!(
        [pages.read().failed, pages.read().failed],
        [first.clone(), first]
    );
}

#[test]
fn a_page_that_was_slow_once_is_asked_again() {
    let page = "200 OK\r\nContent-Length: 0";
    let (url, came) = server(vec![None, Some(page), None, Some(page)]);
    let pages = pages(&url);
    let failed: Vec<bool> = (0..4).map(|_| !pages.read().failed.is_empty()).collect();
    assert_eq!(failed, [true, false, true, false]);
    assert_eq!(came.load(Relaxed), 4);
}
