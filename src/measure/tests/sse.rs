use super::*;
use proptest::prelude::*;

type Seen = (String, String, usize);

fn parse(pieces: &[&[u8]]) -> Vec<Seen> {
    let mut parser = Parser::new(1 << 20);
    let mut seen = Vec::new();
    for piece in pieces {
        parser
            .push(piece, &mut |e| {
                let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
                seen.push((text(e.name), text(e.data), e.end));
            })
            .expect("events are short");
    }
    seen
}

fn data(stream: &str) -> Vec<String> {
    parse(&[stream.as_bytes()])
        .into_iter()
        .map(|e| e.1)
        .collect()
}

#[test]
fn events_are_told_apart() {
    assert_eq!(data("data: a\n\ndata:b\n\n"), ["a", "b"]);
    assert_eq!(
        data("data: a\r\n\r\ndata: b\r\rdata: c\n\n"),
        ["a", "b", "c"]
    );
    assert_eq!(data("data: a\ndata:  b\ndata\n\n"), ["a\n b\n"]);
    assert_eq!(data("\u{feff}data: a\n\n"), ["a"]);
    assert_eq!(data(": ping\n\nid: 7\nretry: 1\ndata: a\n\n"), ["a"]);
    assert_eq!(data("data:\n\n"), [""]);
    assert_eq!(data("event: error\n\ndata: a\n"), [""]);
}

#[test]
fn names_belong_to_one_event() {
    let seen = parse(&[b"event: error\ndata: a\n\ndata: b\n\n"]);
    assert_eq!(seen[0], ("error".into(), "a".into(), 22));
    assert_eq!(seen[1], (String::new(), "b".into(), 31));
}

#[test]
fn a_comment_belongs_to_the_event_around_it() {
    let mut seen = Vec::new();
    let text = b": alone\n\nevent: error\n: lost\n\ndata: a\n\n";
    let mut note = |event: Event<'_>| seen.push((event.name.to_vec(), event.comment.to_vec()));
    Parser::new(100).push(text, &mut note).expect("short");
    let named = (b"error".to_vec(), b"lost".to_vec());
    assert_eq!(seen, [named, (Vec::new(), Vec::new())]);
}

#[test]
fn an_endless_event_is_refused() {
    let mut parser = Parser::new(100);
    let push = |p: &mut Parser, b: &[u8]| p.push(b, &mut |_| {});
    assert_eq!(push(&mut parser, &[b'x'; 60]), Ok(()));
    assert_eq!(push(&mut parser, &[b'x'; 60]), Err(TooLong { limit: 100 }));
    let mut parser = Parser::new(100);
    let lines = b"data: 0123456789\n".repeat(20);
    assert_eq!(push(&mut parser, &lines), Err(TooLong { limit: 100 }));
}

#[test]
fn what_is_left_at_the_end_can_be_seen() {
    let mut parser = Parser::new(100);
    assert_eq!(parser.unfinished(), None);
    parser
        .push(b"data: a\n\ndata: [DO", &mut |_| {})
        .expect("short");
    assert_eq!(parser.unfinished(), Some(&b"[DO"[..]));
    parser.push(b"NE]\n", &mut |_| {}).expect("short");
    assert_eq!(parser.unfinished(), Some(&b"[DONE]"[..]));
    parser.push(b"\n", &mut |_| {}).expect("short");
    assert_eq!(parser.unfinished(), None);
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just("data: {\"a\": \"\u{e9}\"}"),
        Just("data:"),
        Just("event: note"),
        Just(": comment"),
        Just("nonsense"),
        Just("\n"),
        Just("\r\n"),
        Just("\r"),
        Just("\n\n"),
        Just("\u{feff}"),
    ];
    proptest::collection::vec(part, 0..24).prop_map(|parts| parts.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_split_gives_the_same_events(stream in stream()) {
        let whole = parse(&[&stream]);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(&parse(&bytes), &whole);
        for at in 0..=stream.len() {
            let (a, b) = stream.split_at(at);
            prop_assert_eq!(&parse(&[a, b]), &whole);
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let ends: Vec<usize> = parse(&[&bytes]).into_iter().map(|e| e.2).collect();
        prop_assert!(ends.is_sorted() && ends.iter().all(|e| *e <= bytes.len()));
    }
}
