//! Permissions of a record. During a run it may contain secrets that are not redacted yet, so only
//! its user can read it. Once finished, it gets the permissions of the umask, so that others (such
//! as a CI upload) can read it.

use super::Writer;
use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

/// Mode of the files of an unfinished record.
pub(super) const FILE: u32 = 0o600;
const DIRECTORY: u32 = 0o700;
/// The usual umask, if the kernel does not report this process's umask.
const UMASK: u32 = 0o022;
const READABLE_BY_OTHERS: u32 = 0o077;

impl Writer {
    /// Creates a directory in the record (with its parents), for logs, that only this user can
    /// enter.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn make_directory(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY)
            .create(path)
    }
}

/// Creates one directory that only this user can enter.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(DIRECTORY).create(path)
}

/// Gives a finished record the permissions of the umask. Logs that were not redacted stay private,
/// as do the kept files of a failed topology.
pub(super) fn open_up(record: &Path, logs: &Path) {
    open_logs(logs);
    open_directory(record);
}

/// Opens a directory and its files, but not its subdirectories.
pub(super) fn open_directory(path: &Path) {
    let umask = umask();
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if let Ok(data) = entry.metadata()
            && data.is_file()
        {
            open(&entry.path(), &data, 0o666 & !umask);
        }
    }
    if let Ok(data) = fs::symlink_metadata(path) {
        open(path, &data, 0o777 & !umask);
    }
}

/// Opens directories of directories. A directory with files was opened already, unless it was not
/// redacted.
fn open_logs(path: &Path) {
    let entries: Vec<_> = fs::read_dir(path).into_iter().flatten().flatten().collect();
    let is_private =
        |data: Metadata| data.is_file() && data.permissions().mode() & READABLE_BY_OTHERS == 0;
    if entries
        .iter()
        .any(|entry| entry.metadata().is_ok_and(is_private))
    {
        return;
    }
    for entry in &entries {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_logs(&entry.path());
        }
    }
    open_directory(path);
}

fn open(path: &Path, data: &Metadata, mode: u32) {
    // Keep the setgid bit, which makes new entries inherit the group.
    let special = data.permissions().mode() & 0o7000;
    // On a file system without permissions there is nothing to change.
    let _ = fs::set_permissions(path, Permissions::from_mode(special | mode));
}

/// The umask of this process, from /proc: umask(2) can only be read by setting it, which would
/// affect other threads.
fn umask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let told = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    told.and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok())
        .unwrap_or(UMASK)
}
