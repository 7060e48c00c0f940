//! Directories of runs. They are in one directory of the user's own, `bench-UID` in the directory
//! for temporary files, which nobody else can enter (mode 0700). Each is created exclusively and
//! contains a marker file with the id of its run. Without the marker it is never removed.

use super::registry::{self, Entry, Line};
use super::trust::{self, Untrusted};
use nix::unistd::geteuid;
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

/// The file that names the run in each of its directories.
pub(super) const MARKER: &str = ".bench-run";
/// Longest path of a run's directory, in bytes. Engines create sockets below it, whose paths may
/// have 107 bytes.
const LONGEST: usize = 66;
/// Longest name below a parent directory: `bench-UID-XXXXXX/XXXXXXXX-NN`.
const NAMES: usize = 36;
/// Longest marker that is read, in bytes.
const MARK: u64 = 4096;

/// The user's own directory for runs.
#[derive(Debug)]
pub(crate) struct Root {
    /// Its path, without links.
    pub path: PathBuf,
    /// Why it does not have the usual name.
    pub note: Option<String>,
}

/// No directory of the user's own can be created.
#[derive(Debug, thiserror::Error)]
#[error(
    "no directory for temporary files can be used: {}; set TMPDIR to a directory of your own, with a short path",
    .0.join("; ")
)]
pub(crate) struct NoRoot(Vec<String>);

/// Finds or creates the user's own directory.
///
/// # Errors
/// When there is no usable parent directory.
pub(crate) fn root() -> Result<Root, NoRoot> {
    let mut reasons = Vec::new();
    for parent in parents() {
        match root_in(&parent) {
            Ok(mut root) => {
                let bad: Vec<&str> = reasons.iter().filter_map(Skipped::bad).collect();
                if root.note.is_none() && !bad.is_empty() {
                    root.note = Some(instead(&bad.join("; "), &root.path));
                }
                return Ok(root);
            }
            Err(reason) => reasons.push(reason),
        }
    }
    let all = reasons.into_iter().map(|skipped| match skipped {
        Skipped::Unfit(why) | Skipped::Bad(why) => why,
    });
    Err(NoRoot(all.collect()))
}

/// Why a parent directory was skipped.
#[derive(Debug)]
enum Skipped {
    /// Usable for other purposes, but for instance too long a path.
    Unfit(String),
    /// Not usable at all, which the user should know.
    Bad(String),
}

impl Skipped {
    fn bad(&self) -> Option<&str> {
        match self {
            Self::Bad(why) => Some(why),
            Self::Unfit(_) => None,
        }
    }
}

fn instead(why: &str, path: &Path) -> String {
    let path = path.display();
    format!("{why}; directories of this run are in {path} instead")
}

/// The most likely path of [`root`]. Creates nothing.
#[must_use]
pub(crate) fn likely_root() -> PathBuf {
    std::env::temp_dir().join(usual_name())
}

/// A name for the directories of one run that no other run has.
#[must_use]
pub(crate) fn name(run_id: &str) -> String {
    let clock = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let own = format!("{run_id} {} {}", std::process::id(), clock.as_nanos());
    hex::encode(&Sha256::digest(own)[..4])
}

/// The existing directories of the user's own, wherever earlier runs created them.
pub(super) fn roots() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = parents()
        .iter()
        .filter_map(|parent| trust::parent(parent).ok())
        .flat_map(|parent| roots_in(&parent))
        .collect();
    found.sort();
    found.dedup();
    found
}

fn usual_name() -> String {
    format!("bench-{}", geteuid())
}

/// Possible parent directories, in order. XDG_RUNTIME_DIR comes late because it is small and is
/// removed when the user logs out.
fn parents() -> Vec<PathBuf> {
    let mut all = vec![
        std::env::temp_dir(),
        PathBuf::from("/tmp"),
        PathBuf::from("/var/tmp"),
    ];
    all.extend(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from));
    all.extend(registry::state());
    let mut known = Vec::new();
    all.retain(|path| {
        let new = path.is_absolute() && !known.contains(path);
        known.push(path.clone());
        new
    });
    all
}

fn root_in(parent: &Path) -> Result<Root, Skipped> {
    let parent = trust::parent(parent).map_err(|why| Skipped::Bad(why.to_string()))?;
    let shown = parent.display();
    let length = parent.to_str().map(str::len);
    if length.is_none_or(|length| length + NAMES > LONGEST) {
        return Err(Skipped::Unfit(format!(
            "{shown} is too long for sockets below it, or is not UTF-8"
        )));
    }
    let path = parent.join(usual_name());
    match DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            let why = format!("failed to make {}: {error}", path.display());
            return Err(Skipped::Bad(why));
        }
        _ => {}
    }
    let Err(why) = verify(&path) else {
        return Ok(Root { path, note: None });
    };
    // Another user created this name first. Use a random name, which nobody can create in advance.
    let path = match roots_in(&parent).pop() {
        Some(path) => path,
        None => tempfile::Builder::new()
            .prefix(&format!("{}-", usual_name()))
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&parent)
            .map_err(|error| {
                Skipped::Bad(format!("{why}; failed to make another in {shown}: {error}"))
            })?
            .keep(),
    };
    let note = Some(instead(&why.to_string(), &path));
    Ok(Root { path, note })
}

fn roots_in(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| is_root(path))
        .collect()
}

/// Whether a directory is one of the user's own for runs.
fn is_root(path: &Path) -> bool {
    let usual = usual_name();
    let name = path.file_name().and_then(|name| name.to_str());
    let rest = name.and_then(|name| name.strip_prefix(&usual));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-')) && verify(path).is_ok()
}

/// Checks that a path is a directory (no link), belongs to this user and is closed to others.
fn verify(path: &Path) -> Result<(), Untrusted> {
    let data = fs::symlink_metadata(path).map_err(Untrusted::failed(path))?;
    if data.is_symlink() {
        return Err(Untrusted::Kind {
            path: path.to_owned(),
            found: "a symbolic link",
            expected: "a directory",
        });
    }
    trust::directory(path)?;
    match data.mode() & 0o777 {
        0o700 => Ok(()),
        mode => Err(Untrusted::Mode {
            path: path.to_owned(),
            mode,
        }),
    }
}

/// The run's own directory that contains a path: a direct child of one of the user's own
/// directories.
pub(super) fn top(path: &Path) -> Option<&Path> {
    if path.components().any(|part| part == Component::ParentDir) {
        return None;
    }
    path.ancestors()
        .find(|directory| directory.parent().is_some_and(is_root))
}

/// Creates a run's own directory, which must not exist, and marks it.
///
/// # Errors
/// When it exists, or cannot be created or marked.
pub(super) fn make(directory: &Path, run_id: &str) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(directory)?;
    let mut marker = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(directory.join(MARKER))?;
    writeln!(marker, "{run_id}")
}

/// Removes a run's own directory. If it is not marked as that run's, it stays unless it is empty.
///
/// # Errors
/// Why it stays.
pub(super) fn remove(directory: &Path, run_id: &str) -> Result<(), Untrusted> {
    let failed = || Untrusted::failed(directory);
    // A link is not followed: its own path and its target's path differ.
    if top(directory) != Some(directory) || trust::directory(directory)? != directory {
        return Err(Untrusted::Elsewhere {
            path: directory.to_owned(),
        });
    }
    // The run was killed before it marked the directory, or during an earlier removal.
    if fs::remove_dir(directory).is_ok() {
        return Ok(());
    }
    if mark(directory)? != run_id {
        return Err(Untrusted::Unmarked {
            path: directory.to_owned(),
            run_id: run_id.to_owned(),
        });
    }
    // The marker goes last, so that an interrupted removal can be repeated.
    for entry in fs::read_dir(directory).map_err(failed())?.flatten() {
        if entry.file_name() == MARKER {
            continue;
        }
        let path = entry.path();
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed = match is_directory {
            true => fs::remove_dir_all(&path),
            false => fs::remove_file(&path),
        };
        removed.map_err(Untrusted::failed(&path))?;
    }
    fs::remove_file(directory.join(MARKER)).map_err(failed())?;
    fs::remove_dir(directory).map_err(failed())
}

/// The run to which a directory belongs.
fn mark(directory: &Path) -> Result<String, Untrusted> {
    let path = directory.join(MARKER);
    let file = match trust::open(&path, OpenOptions::new().read(true)) {
        Err(why) if why.is_missing() => return Ok(String::new()),
        file => file?,
    };
    let mut text = String::new();
    file.take(MARK)
        .read_to_string(&mut text)
        .map_err(Untrusted::failed(&path))?;
    Ok(text.trim_end().to_owned())
}

/// The directory of the record of `bench up`. The registry names it, so that a later `bench`
/// removes it if this one is killed.
#[derive(Debug)]
pub(crate) struct Held {
    path: PathBuf,
    run_id: String,
    entry: Entry,
}

impl Held {
    /// Creates one in the user's own directory.
    ///
    /// # Errors
    /// When it cannot be recorded or created.
    pub(crate) fn make(root: &Path, run_id: &str) -> io::Result<Self> {
        let path = root.join(format!("up-{}", name(run_id)));
        let (place, _) = registry::place()?;
        let mut entry = Entry::create(&place, run_id)?;
        entry.add(&Line::Directory { path: path.clone() })?;
        let run_id = run_id.to_owned();
        let held = Self {
            path,
            run_id,
            entry,
        };
        make(&held.path, &held.run_id)?;
        Ok(held)
    }

    /// Path of the directory.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it with its content.
    pub(crate) fn remove(self) {
        // If it cannot be removed, the next `bench` tries again.
        if remove(&self.path, &self.run_id).is_ok() {
            self.entry.remove();
        }
    }

    /// Keeps it, so that the user can read why the topology failed. No later `bench` removes it.
    pub(crate) fn keep(self) {
        self.entry.remove();
    }
}

#[cfg(test)]
mod tests;
