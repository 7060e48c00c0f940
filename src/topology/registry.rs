//! What runs have started, on disk: one file a warden, under `$XDG_STATE_HOME/bench/runs` or `~/.local/state/bench/runs`.
//! The runner and the warden each hold a shared lock on it for as long as they live, so a file that can be locked alone is
//! of a run whose runner and warden are both gone. The warden writes each line before it does what the line says, and
//! removes the file once nothing is left.
//!
//! Only files that belong to this user, in a directory that nobody else can write to, are read. Where the state directory is
//! no such place, entries are in `runs` in the user's own directory for runs (`scratch`).

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
    /// The first: whose it is. Of another host or boot, nothing that runs here can belong to it.
    Run {
        run_id: String,
        host: String,
        boot_id: String,
        runner: i32,
    },
    /// A process; `log` is where its output goes, as that of all its children.
    Process {
        name: String,
        pid: i32,
        start: u64,
        #[serde(with = "raw::path")]
        log: PathBuf,
    },
    /// A descendant that bears no mark, known by its pid and start alone.
    Stray { pid: i32, start: u64 },
    /// A directory that goes when the processes are gone.
    Directory {
        #[serde(with = "raw::path")]
        path: PathBuf,
    },
    /// A cgroup that holds the processes and nothing else; the inode tells it from a later one of the same name.
    Cgroup {
        #[serde(with = "raw::path")]
        path: PathBuf,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inode: Option<u64>,
    },
    /// Named shared memory that one of the processes mapped; the inode tells it from a later one of the same name.
    Memory {
        #[serde(with = "raw::path")]
        path: PathBuf,
        inode: u64,
    },
}

/// The directory of entries.
const RUNS: &str = "runs";
/// Most bytes of an entry that are read.
const MOST: u64 = 64 << 20;

/// Where this user's `bench` keeps what later ones should know; `None` where there is neither XDG_STATE_HOME nor a home.
/// Nothing says yet that it may be used.
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

/// As [`state`], made where it does not exist.
///
/// # Errors
/// When it is not this user's alone, or can't be made.
pub fn state_directory() -> io::Result<PathBuf> {
    let state = state()
        .ok_or_else(|| io::Error::other("neither HOME nor XDG_STATE_HOME is an absolute path"))?;
    trust::make_directory(&state).map_err(io::Error::other)
}

/// Reads a file of the state directory; `None` where there is none that may be obeyed.
#[must_use]
pub fn read_state(name: &str) -> Option<String> {
    let state = trust::directory(&state()?).ok()?;
    let file = trust::open(&state.join(name), OpenOptions::new().read(true)).ok()?;
    io::read_to_string(file.take(MOST)).ok()
}

/// Where a new entry goes: in the state directory, else in the user's own directory for runs. With it, why not in the first.
///
/// # Errors
/// When there is no place.
pub(super) fn place() -> io::Result<(PathBuf, Option<Untrusted>)> {
    let made = state().map(|state| {
        let place = trust::make_directory(&state.join(RUNS))?;
        // Ours, but perhaps on a file system that is mounted for reading only.
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

/// Every place where entries of this user may be, and why one may not be looked at.
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

/// An entry of a run that lives, locked.
#[derive(Debug)]
pub(super) struct Entry {
    path: PathBuf,
    file: Flock<File>,
}

impl Entry {
    /// Makes the entry of a run, for its runner.
    ///
    /// # Errors
    /// When it can't be made, locked or synced.
    pub(super) fn create(place: &Path, run_id: &str) -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let place = &trust::make_directory(place).map_err(io::Error::other)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{run_id}.{}-{number}.jsonl", std::process::id());
        // Locked before it has the name under which others look for it.
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
            .and_then(|()| File::open(place)?.sync_all());
        if let Err(error) = named {
            let _ = std::fs::remove_file(&unnamed);
            return Err(error);
        }
        Ok(entry)
    }

    /// Shares an entry, for the warden.
    ///
    /// # Errors
    /// When it is gone or can't be locked.
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

    /// Adds a line; on return it is on disk.
    ///
    /// # Errors
    /// When it can't be written.
    pub(super) fn add(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text)?;
        self.file.sync_data()
    }
}

impl Entry {
    /// Removes it: nothing is left that it names.
    pub(super) fn remove(self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// An entry of a run that is over, locked alone: nobody else takes it up meanwhile.
#[derive(Debug)]
pub(super) struct Dead {
    pub(super) path: PathBuf,
    pub(super) lines: Vec<Line>,
    _lock: Flock<File>,
}

/// An entry of a run whose runner or warden lives.
#[derive(Debug)]
pub(super) struct Living {
    pub(super) path: PathBuf,
    pub(super) run_id: String,
}

/// What is in a registry.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// Those whose runner and warden are gone.
    pub(super) dead: Vec<Dead>,
    /// The others.
    pub(super) living: Vec<Living>,
    /// What could not be looked at or is not obeyed, and why.
    pub(super) unseen: Vec<Untrusted>,
}

/// The entries at `place`.
pub(super) fn entries(place: &Path) -> Entries {
    let mut found = Entries::default();
    let files = match trust::directory(place).and_then(|place| {
        let files = std::fs::read_dir(&place);
        files.map_err(Untrusted::failed(&place))
    }) {
        Ok(files) => files,
        // No run has noted anything.
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
            // Its run has ended meanwhile.
            Err(why) if why.is_missing() => {}
            Err(why) => found.unseen.push(why),
            Ok(()) => {}
        }
    }
    found
}

/// Looks at one entry.
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

/// The lines of an entry of this user's.
///
/// # Errors
/// When it can't be read, or may not be obeyed.
pub(super) fn read(path: &Path) -> io::Result<Vec<Line>> {
    let file = trust::open(path, OpenOptions::new().read(true)).map_err(io::Error::other)?;
    lines(&file)
}

/// The lines of an entry; a last one that was cut short is left out.
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

/// This boot of this machine.
pub(super) fn boot_id() -> String {
    kernel("random/boot_id")
}

/// This machine, for state directories that several share.
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
