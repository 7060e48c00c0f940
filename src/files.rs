//! Opens files that other users may have created. Only regular files are read, because a pipe can block forever and a
//! device may never end.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Opens a regular file for reading. Follows symbolic links.
///
/// # Errors
/// Returns an error if the file cannot be opened, or if it is a pipe, a device, a socket or a directory.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    // Checked before opening, because opening a device can have an effect, such as rewinding a tape.
    regular(&std::fs::metadata(path)?)?;
    open_nonblocking(path, 0)
}

/// Opens a regular file for reading. Rejects symbolic links.
///
/// # Errors
/// The same as for [`open`].
pub(crate) fn open_no_follow(path: &Path) -> io::Result<File> {
    regular(&std::fs::symlink_metadata(path)?)?;
    open_nonblocking(path, nix::libc::O_NOFOLLOW)
}

fn open_nonblocking(path: &Path, flags: i32) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        // The file may have been replaced by a pipe since the check. With O_NONBLOCK, opening a pipe does not block.
        .custom_flags(nix::libc::O_NONBLOCK | flags)
        .open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// Reads the text of a regular file of at most `most` bytes.
///
/// # Errors
/// The same as for [`open`], and if the file is larger or not UTF-8.
pub(crate) fn text(path: &Path, most: u64) -> io::Result<String> {
    let file = open(path)?;
    let mut text = String::new();
    let read = file
        .take(most.saturating_add(1))
        .read_to_string(&mut text)?;
    if read as u64 > most {
        let why = format!("it has more than {most} bytes, the limit for this file");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(text)
}

/// Checks that a file is a regular file.
fn regular(data: &std::fs::Metadata) -> io::Result<()> {
    let kind = data.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let what = if kind.is_dir() {
        // The error that the system returns when a directory is read.
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
