//! What runs have started, on disk: one file a warden, under `$XDG_STATE_HOME/bench/runs` or `~/.local/state/bench/runs`.
//! The runner and the warden each hold a shared lock on it for as long as they live, so a file that can be locked alone is
//! of a run whose runner and warden are both gone. The warden writes each line before it does what the line says, and
//! removes the file once nothing is left.

use super::raw;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
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
    /// A directory that goes when the processes are gone.
    Directory {
        #[serde(with = "raw::path")]
        path: PathBuf,
    },
    /// A cgroup that holds the processes and nothing else.
    Cgroup {
        #[serde(with = "raw::path")]
        path: PathBuf,
    },
    /// Named shared memory that one of the processes mapped; the inode tells it from a later one of the same name.
    Memory {
        #[serde(with = "raw::path")]
        path: PathBuf,
        inode: u64,
    },
}

/// Where entries are; `None` where neither XDG_STATE_HOME nor the home is an absolute path: elsewhere,
/// a later run would not find it.
#[must_use]
pub fn place() -> Option<PathBuf> {
    std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| {
            let home = std::env::home_dir().filter(|home| home.is_absolute());
            home.map(|home| home.join(".local/state"))
        })
        .map(|state| state.join("bench/runs"))
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
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(place)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{run_id}.{}-{number}.jsonl", std::process::id());
        // Locked before it has the name under which others look for it.
        let unnamed = place.join(format!(".{name}"));
        let mut entry = Self {
            file: share(
                OpenOptions::new()
                    .create_new(true)
                    .append(true)
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
        Ok(Self {
            file: share(OpenOptions::new().append(true).open(path)?)?,
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

/// The entries at `place`: those whose runner and warden are gone, and the run ids of those that live.
pub(super) fn entries(place: &Path) -> (Vec<Dead>, Vec<String>) {
    let (mut dead, mut living) = (Vec::new(), Vec::new());
    let Ok(files) = std::fs::read_dir(place) else {
        return (dead, living);
    };
    for path in files.flatten().map(|file| file.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || !name.ends_with(".jsonl") {
            continue;
        }
        let (Some(lines), Ok(file)) = (read(&path), File::open(&path)) else {
            continue;
        };
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => dead.push(Dead {
                // What was written between the reading and the lock counts too.
                lines: read(&path).unwrap_or(lines),
                path,
                _lock: lock,
            }),
            Err(_) => living.extend(lines.into_iter().find_map(|line| match line {
                Line::Run { run_id, .. } => Some(run_id),
                _ => None,
            })),
        }
    }
    (dead, living)
}

/// The lines of an entry; a last one that was cut short is left out.
pub(super) fn read(path: &Path) -> Option<Vec<Line>> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect(),
    )
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
mod tests {
    use super::*;

    #[test]
    fn an_entry_lives_as_long_as_the_runner_or_the_warden_does() {
        let place = tempfile::tempdir().unwrap();
        let runner = Entry::create(place.path(), "run").unwrap();
        let mut warden = Entry::join(runner.path()).unwrap();
        let path = PathBuf::from("/dev/shm/psm_1");
        warden.add(&Line::Memory { path, inode: 6 }).unwrap();
        let state = || {
            let (dead, living) = entries(place.path());
            (dead.len(), living.len())
        };
        assert_eq!(state(), (0, 1));
        drop(runner);
        assert_eq!(state(), (0, 1));
        drop(warden);
        let (dead, living) = entries(place.path());
        assert!(living.is_empty());
        assert_eq!(dead[0].lines.len(), 2);
        assert!(
            matches!(&dead[0].lines[0], Line::Run { run_id, boot_id, .. }
            if run_id == "run" && !boot_id.is_empty())
        );
    }

    #[test]
    fn a_line_cut_short_is_left_out() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x.jsonl");
        std::fs::write(
            &path,
            "{\"directory\":{\"path\":\"/a\"}}\n{\"directory\":{\"pa",
        )
        .unwrap();
        let whole = PathBuf::from("/a");
        assert_eq!(read(&path).unwrap(), [Line::Directory { path: whole }]);
    }
}
