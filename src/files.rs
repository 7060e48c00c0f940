//! Opening files that others may have put in place: only regular files are read. A pipe would be waited for without end,
//! and a device may never end.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Opens a regular file for reading; a symbolic link is followed.
///
/// # Errors
/// When it can't be opened, or is a pipe, a device, a socket or a directory.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    // Looked at before it is opened: opening a device may already do something, such as rewind a tape.
    regular(&std::fs::metadata(path)?)?;
    opened(path, 0)
}

/// As [`open`], but a symbolic link is refused.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_itself(path: &Path) -> io::Result<File> {
    regular(&std::fs::symlink_metadata(path)?)?;
    opened(path, nix::libc::O_NOFOLLOW)
}

fn opened(path: &Path, flags: i32) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        // Opening a pipe that has come meanwhile waits for nobody.
        .custom_flags(nix::libc::O_NONBLOCK | flags)
        .open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// The whole text of a regular file of at most `most` bytes.
///
/// # Errors
/// As [`open`]; when it is larger, or not UTF-8.
pub(crate) fn text(path: &Path, most: u64) -> io::Result<String> {
    let file = open(path)?;
    let mut text = String::new();
    let read = file
        .take(most.saturating_add(1))
        .read_to_string(&mut text)?;
    if read as u64 > most {
        let why = format!("it has more than {most} bytes, the most that are read");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(text)
}

/// Whether a file is a regular one.
fn regular(data: &std::fs::Metadata) -> io::Result<()> {
    let kind = data.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let what = if kind.is_dir() {
        // What the system says when one is read.
        return Err(io::ErrorKind::IsADirectory.into());
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("it is {what}; expected a regular file"),
    ))
}

#[cfg(test)]
#[path = "tests/files.rs"]
mod tests;
