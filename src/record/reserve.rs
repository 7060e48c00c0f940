//! Reserves disk space for the last `run.json` before the run begins, so that a full disk cannot
//! prevent the verdict from being written. The file has no name until it becomes `run.json`, so a
//! killed run leaves nothing behind.

use super::private;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, FallocateFlags, OFlag, fallocate};
use nix::unistd::linkat;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file that does not have its final name yet, with reserved space.
#[derive(Debug)]
pub(super) struct Reserve {
    file: File,
    /// Temporary name, if the file system does not support unnamed files.
    name: Option<PathBuf>,
    room: u64,
    /// Whether space is reserved by writing zeros, because the file system does not support
    /// fallocate.
    zeros: bool,
}

impl Reserve {
    /// Creates the file for `dir/.NAME.new`, without reserved space.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(super) fn new(dir: &Path, name: &str) -> io::Result<Self> {
        let nameless = OpenOptions::new()
            .write(true)
            .mode(private::FILE)
            // O_TMPFILE: the kernel frees the file when this process ends, however it ends.
            .custom_flags(OFlag::O_TMPFILE.bits())
            .open(dir);
        let (file, name) = match nameless {
            Ok(file) => (file, None),
            Err(error) if is_full(&error) => return Err(error),
            Err(_) => {
                let name = dir.join(format!(".{name}.new"));
                (create(&name)?, Some(name))
            }
        };
        Ok(Self {
            file,
            name,
            room: 0,
            zeros: false,
        })
    }

    /// Reserves at least this many bytes. Reaching a limit on file size is not an error, because
    /// reserving does not help against it.
    ///
    /// # Errors
    /// When the disk is full.
    pub(super) fn grow(&mut self, room: u64) -> io::Result<()> {
        if room <= self.room {
            return Ok(());
        }
        let length = i64::try_from(room).unwrap_or(i64::MAX);
        let mut taken = Err(Errno::EOPNOTSUPP.into());
        if !self.zeros {
            // KEEP_SIZE reserves blocks beyond the end of the file; its length stays that of its
            // content.
            let keep_size = FallocateFlags::FALLOC_FL_KEEP_SIZE;
            taken = fallocate(&self.file, keep_size, 0, length).map_err(io::Error::from);
        }
        if let Err(error) = &taken
            && !is_full(error)
            && error.kind() != io::ErrorKind::FileTooLarge
        {
            self.zeros = true;
            taken = self.write_zeros(room);
        }
        match taken {
            Err(error) if is_full(&error) => Err(error),
            Err(_) => Ok(()),
            Ok(()) => {
                self.room = room;
                Ok(())
            }
        }
    }

    fn write_zeros(&mut self, room: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.room))?;
        io::copy(
            &mut io::Read::take(io::repeat(0), room - self.room),
            &mut self.file,
        )?;
        // With delayed allocation, a write claims blocks only when it reaches the disk.
        self.file.sync_data()
    }

    /// Writes `text` and atomically replaces `path` by this file. After an error, a shorter text
    /// may be tried.
    ///
    /// # Errors
    /// When it cannot be written. The old content of `path` stays.
    pub(super) fn put(&mut self, text: &str, path: &Path) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(text.as_bytes())?;
        // Releases the rest of the space, including blocks beyond the end of the file.
        self.file.set_len(text.len() as u64)?;
        // Synced before the rename: otherwise a crash could leave the new name with an empty file.
        self.file.sync_all()?;
        // An unnamed file gets a name through /proc (open(2), O_TMPFILE). linkat cannot replace an
        // existing file, so it takes a temporary name, and rename replaces `path` atomically.
        if self.name.is_none() {
            let name = beside(path);
            let _ = fs::remove_file(&name);
            let number = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            linkat(
                AT_FDCWD,
                number.as_str(),
                AT_FDCWD,
                &name,
                AtFlags::AT_SYMLINK_FOLLOW,
            )?;
            self.name = Some(name);
        }
        let name = self.name.as_deref().unwrap_or(path);
        fs::rename(name, path)?;
        self.name = None;
        Ok(())
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = fs::remove_file(name);
        }
    }
}

/// Creates or truncates a file that only this user can read.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true);
    options.mode(private::FILE).open(path)
}

/// Atomically replaces a file by one that only this user can read: a reader sees the old text or
/// the new text. Leaves nothing behind on failure.
///
/// # Errors
/// When it cannot be written. The old content of `path` stays.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let beside = beside(path);
    let write = || {
        let mut file = create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&beside)))
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}

/// Whether the disk is full or the user's quota is exhausted.
fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

#[cfg(test)]
#[path = "tests/reserve.rs"]
mod tests;
