//! Room on the disk for the last `run.json`, taken before the run begins: a full disk must not keep the verdict from being
//! written. The file has no name until it becomes `run.json`, so that a killed run leaves none behind.

use super::private;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, FallocateFlags, OFlag, fallocate};
use nix::unistd::linkat;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file that is not there yet, with room for what it is to hold.
#[derive(Debug)]
pub(super) struct Reserve {
    file: File,
    /// Its name, where the file system knows no files without one.
    name: Option<PathBuf>,
    room: u64,
    /// Whether the room is made of zeros that are written: the file system can't set any aside.
    zeros: bool,
}

impl Reserve {
    /// A file for `dir/.NAME.new`, without room.
    ///
    /// # Errors
    /// When none can be made.
    pub(super) fn new(dir: &Path, name: &str) -> io::Result<Self> {
        let nameless = OpenOptions::new()
            .write(true)
            .mode(private::FILE)
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

    /// Sees to it that there is room for so many bytes. A limit on the size of files, which no room helps against, is no
    /// error.
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
        // Only what is on the disk is known to have room there.
        self.file.sync_data()
    }

    /// Writes `text` and puts it in the place of `path` in one step. After an error a shorter text may be tried.
    ///
    /// # Errors
    /// When it can't be written; what was at `path` stays.
    pub(super) fn put(&mut self, text: &str, path: &Path) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(text.as_bytes())?;
        // Gives back the rest of the room, also beyond the end.
        self.file.set_len(text.len() as u64)?;
        self.file.sync_all()?;
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

/// Makes a file that only this user can read, or empties it.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true);
    options.mode(private::FILE).open(path)
}

/// Replaces a file in one step, by one that only this user can read; a reader sees the old text or the new one. Nothing is left of it where it fails.
///
/// # Errors
/// When it can't be written; what was at `path` stays.
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

/// Whether a disk has no room, or its user has none left on it.
fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

#[cfg(test)]
#[path = "tests/reserve.rs"]
mod tests;
