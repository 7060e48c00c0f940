//! Permissions of a record. While a run goes on, secrets may be in it that are not redacted yet: only its user can read it.
//! Once it is finished, the permissions are those that the umask gives, so that others, as a CI's upload, can read it.

use super::Writer;
use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

/// Mode of a file of a record that is not finished.
pub(super) const FILE: u32 = 0o600;
const DIRECTORY: u32 = 0o700;
/// Usual umask, where the kernel does not tell this process's.
const UMASK: u32 = 0o022;
const READABLE_BY_OTHERS: u32 = 0o077;

impl Writer {
    /// Makes a directory in the record, for logs, that only this user can enter; those above it as well.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn make_directory(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY)
            .create(path)
    }
}

/// Makes one directory that only this user can enter.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(DIRECTORY).create(path)
}

/// Opens a finished record up. Logs that were not redacted stay private, as does what is kept of a failed topology.
pub(super) fn open_up(record: &Path, logs: &Path) {
    open_logs(logs);
    open_directory(record);
}

/// Opens a directory and the files in it up, but not the directories in it.
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

/// Opens directories of directories up. One that holds a file is open already, unless that was not redacted.
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
    // What makes new entries keep their group stays.
    let special = data.permissions().mode() & 0o7000;
    // A file system without permissions shows everyone what it likes anyway.
    let _ = fs::set_permissions(path, Permissions::from_mode(special | mode));
}

/// The umask of this process; asking the system call for it would change it for other threads.
fn umask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let told = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    told.and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok())
        .unwrap_or(UMASK)
}
