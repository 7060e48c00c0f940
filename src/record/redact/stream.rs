//! Secrets taken out of files of any length, which are read in pieces. A secret that lies across two pieces is found: a
//! piece is given up only up to where nothing of a secret may have begun.

use super::{Hit, Redactor};
use std::io::{self, Read, Write};

/// Bytes that are looked at together.
const BLOCK: usize = 256 << 10;
/// Bytes at the end of a block that are looked at again with the next one: far more than eight characters of a secret have in
/// any form, and the white space that may be among them.
const AGAIN: usize = 8 << 10;

/// What is written in place of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::record) enum Mark {
    /// `<redacted:NAME>`.
    Name,
    /// As many asterisks as the secret has bytes, so that a file can be overwritten where it is.
    SameLength,
}

/// Copies everything without secrets; whether there were any.
///
/// # Errors
/// When it can't be read or written.
pub(in crate::record) fn copy(
    redactor: &Redactor,
    mark: Mark,
    from: &mut impl Read,
    to: &mut impl Write,
) -> io::Result<bool> {
    let (mut block, mut found) = (Vec::with_capacity(BLOCK), false);
    loop {
        let wanted = (BLOCK - block.len()) as u64;
        let last = (from.by_ref().take(wanted).read_to_end(&mut block)? as u64) < wanted;
        let mut hits = redactor.hits(&block);
        found |= !hits.is_empty();
        let end = if last {
            block.len()
        } else {
            safe(&block, &hits)
        };
        for hit in hits.iter_mut() {
            hit.range.end = hit.range.end.min(end);
        }
        hits.retain(|hit| !hit.range.is_empty());
        write(redactor, mark, &block[..end], &hits, to)?;
        if last {
            return Ok(found);
        }
        block.drain(..end);
    }
}

/// How much of a block can be given up.
fn safe(block: &[u8], hits: &[Hit]) -> usize {
    let end = block.len() - AGAIN;
    let across = |hit: &&Hit| hit.range.start < end && end < hit.range.end;
    match hits.iter().find(across) {
        Some(hit) if hit.range.start > 0 => hit.range.start,
        _ => end,
    }
}

fn write(
    redactor: &Redactor,
    mark: Mark,
    text: &[u8],
    hits: &[Hit],
    to: &mut impl Write,
) -> io::Result<()> {
    let mut end = 0;
    let Some(secrets) = &redactor.0 else {
        return to.write_all(text);
    };
    for Hit { range, secret } in hits {
        to.write_all(&text[end..range.start])?;
        let stands = match mark {
            Mark::Name => secrets.mark(*secret),
            Mark::SameLength => "*".repeat(range.len()),
        };
        to.write_all(stands.as_bytes())?;
        end = range.end;
    }
    to.write_all(&text[end..])
}
