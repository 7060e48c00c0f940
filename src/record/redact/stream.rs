//! Redacts files of any length, read in blocks. A secret across two blocks is found: a block is
//! written only up to the point where no secret may have begun.

use super::{Hit, Redactor};
use std::io::{self, Read, Write};

/// Size of a block in bytes.
const BLOCK: usize = 256 << 10;
/// Bytes at the end of a block that are examined again with the next block. Far more than eight
/// characters of a secret take in any form, including white space between them.
const AGAIN: usize = 8 << 10;

/// What replaces a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::record) enum Mark {
    /// `<redacted:NAME>`.
    Name,
    /// As many asterisks as the secret has bytes, so that a file can be overwritten in place.
    SameLength,
}

/// Copies a stream without secrets. Returns whether there were any.
///
/// # Errors
/// When it cannot be read or written.
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

/// How much of a block can be written.
fn safe(block: &[u8], hits: &[Hit]) -> usize {
    let end = block.len() - AGAIN;
    // A hit that reaches across the end is kept whole for the next block. If it fills the block
    // from its start, it is replaced up to the end, because the block could not grow otherwise.
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
