//! What each fuzz target does with bytes. Plain functions, so that libFuzzer (`just fuzz TARGET`) and the seeded mutations of
//! `tests/fuzzed.rs`, which need no nightly compiler, run the same.

use bench::load::http::{MAX_BODY, Response};
use bench::measure::sse::Parser;
use bench::record::read::Row;
use bench::record::{EventRow, Lines, SampleRow};
use bench::scenario::{self, Input};
use std::path::PathBuf;

/// Longest event that the parser of events is told to hold.
const EVENT: usize = 1 << 12;

/// A scenario is read, or its mistakes are shown without anything that a terminal would obey.
pub(crate) fn scenario(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let input = Input {
        file: (PathBuf::from("fuzz.yaml"), text),
        overlays: Vec::new(),
        sets: Vec::new(),
    };
    if let Err(mistakes) = scenario::load(&input, &|name| (name == "A").then(|| "x".to_owned())) {
        let shown = mistakes.render(false);
        assert!(!mistakes.is_empty());
        assert!(!shown.contains(|c: char| c.is_control() && c != '\n'));
    }
}

/// Events are the same however their bytes are split; the first byte says how.
pub(crate) fn sse(bytes: &[u8]) {
    let Some((first, stream)) = bytes.split_first() else {
        return;
    };
    let whole = events(&[stream]);
    let pieces: Vec<&[u8]> = stream.chunks(usize::from(*first % 9) + 1).collect();
    let split = events(&pieces);
    // An event that is too long is refused as soon as that is seen, which may be later in a stream that comes whole.
    if let (Some(whole), Some(split)) = (&whole, &split) {
        assert_eq!(whole, split);
    }
}

/// Name, data and end of an event.
type Seen = (Vec<u8>, Vec<u8>, usize);

fn events(pieces: &[&[u8]]) -> Option<Vec<Seen>> {
    let (mut parser, mut seen) = (Parser::new(EVENT), Vec::new());
    for piece in pieces {
        let sink = &mut |event: bench::measure::sse::Event<'_>| {
            assert!(event.data.len() <= EVENT);
            seen.push((event.name.to_vec(), event.data.to_vec(), event.end));
        };
        parser.push(piece, sink).ok()?;
    }
    Some(seen)
}

/// An answer is read alike however its bytes are split, and never grows beyond its limit.
pub(crate) fn http(bytes: &[u8]) {
    let Some((first, stream)) = bytes.split_first() else {
        return;
    };
    let whole = answer(&[stream]);
    let pieces: Vec<&[u8]> = stream.chunks(usize::from(*first % 9) + 1).collect();
    assert_eq!(whole, answer(&pieces));
}

fn answer(pieces: &[&[u8]]) -> Result<(Option<u16>, Vec<u8>, bool), String> {
    let mut response = Response::new();
    for piece in pieces {
        response.feed(piece)?;
    }
    response.closed()?;
    assert!(response.body.len() <= MAX_BODY);
    let done = response.is_done();
    Ok((response.status, response.body, done))
}

/// A journal ends, in rows, in one torn line or in an error that names the line.
pub(crate) fn journal(bytes: &[u8]) {
    drain::<SampleRow>(bytes);
    drain::<EventRow>(bytes);
}

fn drain<T: Row>(bytes: &[u8]) {
    let mut lines = Lines::<T, _>::new(bytes, PathBuf::from("journal"));
    let mut rows = 0;
    for row in lines.by_ref() {
        rows += 1;
        if let Err(error) = row {
            assert!(error.to_string().contains(&format!("journal:{rows}:")));
            break;
        }
    }
    let ends = bytes.split(|b| *b == b'\n').count();
    assert!(rows <= ends && lines.torn() <= 1);
}
