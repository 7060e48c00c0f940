//! Records on disk what runs have started: one file per warden, under `$XDG_STATE_HOME/bench/runs`
//! or `~/.local/state/bench/runs`. Runner and warden each hold a shared lock (flock) on it as long
//! as they live. A file that can be locked exclusively therefore belongs to a run whose runner and
//! warden are both gone. The warden writes each line before it does what the line says, and removes
//! the file once nothing is left.
//!
//! Only files of this user, in a directory that no other user can write to, are read. If the state
//! directory does not qualify, entries go to `runs` in the user's own directory for runs
//! (`scratch`).

use super::raw;
use super::scratch;
use super::trust::{self, Untrusted};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, Flock, FlockArg};
use nix::unistd::{AccessFlags, faccessat};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// One line of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// The first line: the run. No process on this host in this boot can belong to an entry of
    /// another host or boot.
    Run {
        run_id: String,
        host: String,
        boot_id: String,
        runner: i32,
    },
    /// A process. Its output and that of its children goes to `log`.
    Process {
        name: String,
        pid: i32,
        start: u64,
        #[serde(with = "raw::path")]
        log: PathBuf,
    },
    /// A descendant whose environment does not name the run, identified by pid and start time.
    Stray { pid: i32, start: u64 },
    /// A directory to remove when the processes are gone.
    Directory {
        #[serde(with = "raw::path")]
        path: PathBuf,
    },
    /// A cgroup that holds only the run's processes. The inode distinguishes it from a later one of
    /// the same name.
    Cgroup {
        #[serde(with = "raw::path")]
        path: PathBuf,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inode: Option<u64>,
    },
    /// Named shared memory that one of the processes mapped. The inode distinguishes it from a
    /// later object of the same name.
    Memory {
        #[serde(with = "raw::path")]
        path: PathBuf,
        inode: u64,
    },
}

/// Name of the directory of entries.
const RUNS: &str = "runs";
/// Most bytes of an entry that are read.
const MOST: u64 = 64 << 20;

/// The directory in which this user's `bench` keeps state; `None` without XDG_STATE_HOME and
/// without a home. It is not checked here whether it may be used.
pub(super) fn state() -> Option<PathBuf> {
    std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| {
            let home = std::env::home_dir().filter(|home| home.is_absolute());
            home.map(|home| home.join(".local/state"))
        })
        .map(|state| state.join("bench"))
}

/// As [`state`], created if it does not exist.
///
/// # Errors
/// When other users have access to it, or it cannot be created.
pub(crate) fn state_directory() -> io::Result<PathBuf> {
    let state = state()
        .ok_or_else(|| io::Error::other("neither HOME nor XDG_STATE_HOME is an absolute path"))?;
    trust::make_directory(&state).map_err(io::Error::other)
}

/// Reads a file of the state directory; `None` if there is none that can be trusted.
#[must_use]
pub(crate) fn read_state(name: &str) -> Option<String> {
    let state = trust::directory(&state()?).ok()?;
    let file = trust::open(&state.join(name), OpenOptions::new().read(true)).ok()?;
    io::read_to_string(file.take(MOST)).ok()
}

/// The directory for a new entry: in the state directory, or in the user's own directory for runs.
/// Also returns why the first was not used.
///
/// # Errors
/// When there is no usable directory.
pub(super) fn place() -> io::Result<(PathBuf, Option<Untrusted>)> {
    let made = state().map(|state| {
        let place = trust::make_directory(&state.join(RUNS))?;
        // It is ours, but its file system may be mounted read-only.
        let writable = faccessat(AT_FDCWD, &place, AccessFlags::W_OK, AtFlags::AT_EACCESS);
        writable.map_err(|errno| Untrusted::failed(&place)(errno.into()))?;
        Ok(place)
    });
    let refused = match made {
        Some(Ok(place)) => return Ok((place, None)),
        Some(Err(why)) => Some(why),
        None => None,
    };
    let root = scratch::root().map_err(io::Error::other)?;
    let place = trust::make_directory(&root.path.join(RUNS)).map_err(io::Error::other)?;
    Ok((place, refused))
}

/// Every directory in which entries of this user may be, and why some may not be read.
pub(super) fn places() -> (Vec<PathBuf>, Vec<Untrusted>) {
    let (mut places, mut refused) = (Vec::new(), Vec::new());
    let wanted = state().map(|state| state.join(RUNS));
    let others = scratch::roots().into_iter().map(|root| root.join(RUNS));
    for place in wanted.into_iter().chain(others) {
        match trust::directory(&place) {
            Ok(place) => places.push(place),
            Err(why) if why.is_missing() => {}
            Err(why) => refused.push(why),
        }
    }
    (places, refused)
}

/// A locked entry of a live run.
#[derive(Debug)]
pub(super) struct Entry {
    path: PathBuf,
    file: Flock<File>,
}

impl Entry {
    /// Creates the entry of a run, for its runner.
    ///
    /// # Errors
    /// When it cannot be created, locked or synced.
    pub(super) fn create(place: &Path, run_id: &str) -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let place = &trust::make_directory(place).map_err(io::Error::other)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{run_id}.{}-{number}.jsonl", std::process::id());
        // The entry is created under a hidden name, locked, and only then renamed: another `bench`
        // must never see it without a lock and take its run for dead.
        let unnamed = place.join(format!(".{name}"));
        let mut entry = Self {
            file: share(
                OpenOptions::new()
                    .create_new(true)
                    .append(true)
                    .mode(0o600)
                    .open(&unnamed)?,
            )?,
            path: place.join(name),
        };
        let named = entry
            .add(&Line::Run {
                run_id: run_id.to_owned(),
                host: host(),
                boot_id: boot_id(),
                runner: std::process::id().cast_signed(),
            })
            .and_then(|()| std::fs::rename(&unnamed, &entry.path))
            // The rename is durable only once the directory is synced.
            .and_then(|()| File::open(place)?.sync_all());
        if let Err(error) = named {
            let _ = std::fs::remove_file(&unnamed);
            return Err(error);
        }
        Ok(entry)
    }

    /// Opens and locks an existing entry, for the warden.
    ///
    /// # Errors
    /// When it is gone or cannot be locked.
    pub(super) fn join(path: &Path) -> io::Result<Self> {
        let file = trust::open(path, OpenOptions::new().append(true)).map_err(io::Error::other)?;
        Ok(Self {
            file: share(file)?,
            path: path.to_owned(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line. On return it is on disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn add(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text)?;
        // The warden acts on the line only after this returns: after a crash, everything it did is
        // on disk.
        self.file.sync_data()
    }
}

impl Entry {
    /// Removes the entry, because nothing that it names is left.
    pub(super) fn remove(self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// An entry of a dead run. It is locked exclusively, so that no other `bench` handles it meanwhile.
#[derive(Debug)]
pub(super) struct Dead {
    pub(super) path: PathBuf,
    pub(super) lines: Vec<Line>,
    _lock: Flock<File>,
}

/// An entry whose runner or warden lives.
#[derive(Debug)]
pub(super) struct Living {
    pub(super) path: PathBuf,
    pub(super) run_id: String,
}

/// The entries of a registry.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// Entries whose runner and warden are gone.
    pub(super) dead: Vec<Dead>,
    /// All other entries.
    pub(super) living: Vec<Living>,
    /// Entries that could not be read or are not trusted, and why.
    pub(super) unseen: Vec<Untrusted>,
}

/// Reads the entries at `place`.
pub(super) fn entries(place: &Path) -> Entries {
    let mut found = Entries::default();
    let files = match trust::directory(place).and_then(|place| {
        let files = std::fs::read_dir(&place);
        files.map_err(Untrusted::failed(&place))
    }) {
        Ok(files) => files,
        // No run has recorded anything.
        Err(why) if why.is_missing() => return found,
        Err(why) => {
            found.unseen.push(why);
            return found;
        }
    };
    for file in files {
        let path = match file {
            Ok(file) => file.path(),
            Err(error) => {
                found.unseen.push(Untrusted::failed(place)(error));
                continue;
            }
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || !name.ends_with(".jsonl") {
            continue;
        }
        match entry(&path, &mut found) {
            // The run ended in the meantime.
            Err(why) if why.is_missing() => {}
            Err(why) => found.unseen.push(why),
            Ok(()) => {}
        }
    }
    found
}

/// Reads one entry.
fn entry(path: &Path, found: &mut Entries) -> Result<(), Untrusted> {
    let failed = || Untrusted::failed(path);
    let file = trust::open(path, OpenOptions::new().read(true))?;
    let path = path.to_owned();
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => found.dead.push(Dead {
            lines: lines(&lock).map_err(failed())?,
            path,
            _lock: lock,
        }),
        Err((file, Errno::EWOULDBLOCK)) => {
            let first = lines(&file).map_err(failed())?.into_iter().next();
            if let Some(Line::Run { run_id, .. }) = first {
                found.living.push(Living { path, run_id });
            }
        }
        Err((_, errno)) => return Err(failed()(errno.into())),
    }
    Ok(())
}

/// Whether a process holds the lock on an entry.
pub(super) fn is_locked(path: &Path) -> bool {
    let file = trust::open(path, OpenOptions::new().read(true));
    file.is_ok_and(|file| {
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock);
        matches!(lock, Err((_, Errno::EWOULDBLOCK)))
    })
}

/// Reads the lines of an entry of this user.
///
/// # Errors
/// When it cannot be read or is not trusted.
pub(super) fn read(path: &Path) -> io::Result<Vec<Line>> {
    let file = trust::open(path, OpenOptions::new().read(true)).map_err(io::Error::other)?;
    lines(&file)
}

/// The lines of an entry. A truncated last line is left out.
fn lines(file: &File) -> io::Result<Vec<Line>> {
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        let why = format!("it has more than {MOST} bytes, the most that are read");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    let lines = bytes.split(|byte| *byte == b'\n');
    Ok(lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect())
}

fn share(file: File) -> io::Result<Flock<File>> {
    Flock::lock(file, FlockArg::LockSharedNonblock).map_err(|(_, errno)| errno.into())
}

/// Id of the current boot of this machine.
pub(super) fn boot_id() -> String {
    kernel("random/boot_id")
}

/// Name of this machine, for state directories that several machines share.
pub(super) fn host() -> String {
    kernel("hostname")
}

fn kernel(name: &str) -> String {
    std::fs::read_to_string(format!("/proc/sys/kernel/{name}"))
        .map_or_else(|_| String::new(), |text| text.trim().to_owned())
}

#[cfg(test)]
#[path = "tests/registry.rs"]
mod tests;
