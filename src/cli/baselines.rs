//! Baselines: records kept under a name, that `bench compare --baseline NAME` compares with. Only what is known to be a
//! baseline is ever replaced, and only its own files are deleted.

use super::compare::Refused;
use crate::files;
use crate::record::{self, EVENTS_FILE, ExitCode, RUN_FILE, SAMPLES_FILE, SERVER_FILE};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a baseline consists of; all but the first may be missing.
const FILES: [&str; 4] = [RUN_FILE, SAMPLES_FILE, EVENTS_FILE, SERVER_FILE];
/// Names that are tried for the copy under way.
const TRIES: u32 = 100;

/// Keeps the record `from`, a report directory or a `run.json`, under a name. One of that name is replaced.
pub(super) fn keep(from: &Path, baselines: &Path, name: &str) -> Result<PathBuf, Refused> {
    let place = place(baselines, name)?;
    let replaces = replaceable(&place, name)?;
    let failed = |error: io::Error| {
        let why = format!("failed to keep {}: {error}", place.display());
        Refused(ExitCode::TopologyFailed, why)
    };
    let beside = claim(baselines, name).map_err(failed)?;
    let kept = copy(from, &beside).and_then(|()| match replaces {
        true => swap(&beside, &place),
        false => rename_new(&beside, &place),
    });
    if kept.is_err() || replaces {
        discard(&beside);
    }
    kept.map_err(failed)?;
    Ok(place)
}

/// Where a baseline that was kept is.
pub(super) fn kept(baselines: &Path, name: &str) -> Result<PathBuf, Refused> {
    let place = place(baselines, name)?;
    if place.join(RUN_FILE).exists() {
        return Ok(place);
    }
    let mut names: Vec<String> = fs::read_dir(baselines)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    let known = if names.is_empty() {
        "none is kept".to_owned()
    } else {
        format!("kept are {}", names.join(", "))
    };
    Err(format!(
        "there is no baseline `{name}` in {}; {known}. Keep one: bench compare RUN --keep {name}",
        baselines.display()
    )
    .into())
}

fn place(baselines: &Path, name: &str) -> Result<PathBuf, Refused> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(format!(
            "`{name}` is not a valid name for a baseline: use letters, digits, `.`, `_` and `-`, the first no `.`"
        )
        .into());
    }
    Ok(baselines.join(name))
}

/// Whether a baseline is there, which may be replaced. Anything else that is there is left alone.
fn replaceable(place: &Path, name: &str) -> Result<bool, Refused> {
    let found = match fs::symlink_metadata(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        // What can't be looked at can't be written either, and that error says more.
        Err(_) => return Ok(false),
        Ok(found) => found,
    };
    let why = if found.is_symlink() {
        Some("it is a symbolic link".to_owned())
    } else if !found.is_dir() {
        Some("it is not a directory".to_owned())
    } else {
        foreign(place)
    };
    match why {
        None => Ok(true),
        Some(why) => Err(format!(
            "{} is not a baseline and is left as it is: {why}; keep the record under another name than `{name}`, or move that away",
            place.display()
        )
        .into()),
    }
}

/// Why a directory is not a baseline.
fn foreign(place: &Path) -> Option<String> {
    let entries = match fs::read_dir(place) {
        Ok(entries) => entries,
        Err(error) => return Some(format!("it can't be read: {error}")),
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return Some(format!("it can't be read: {error}")),
        };
        let own = FILES
            .iter()
            .any(|file| entry.file_name() == OsStr::new(file));
        if !own || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            return Some(format!("it holds {}", entry.file_name().display()));
        }
    }
    let read = record::read(place).err();
    read.map(|error| format!("it holds no record: {error}"))
}

/// Makes a directory for the copy, which nobody else uses.
fn claim(baselines: &Path, name: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(baselines)?;
    let process = std::process::id();
    for n in 0..TRIES {
        let beside = baselines.join(format!(".{name}.{process}.{n}.new"));
        match fs::create_dir(&beside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| beside),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn copy(from: &Path, beside: &Path) -> io::Result<()> {
    let (run, dir) = if from.is_dir() {
        (from.join(RUN_FILE), from)
    } else {
        (from.to_owned(), from.parent().unwrap_or(Path::new("")))
    };
    copy_file(&run, &beside.join(RUN_FILE))?;
    for file in &FILES[1..] {
        match copy_file(&dir.join(file), &beside.join(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut file = files::open(from)?;
    io::copy(&mut file, &mut fs::File::create_new(to)?)?;
    Ok(())
}

/// Puts the copy where nothing was; should something have come meanwhile, it stays.
fn rename_new(beside: &Path, place: &Path) -> io::Result<()> {
    match renameat2(
        AT_FDCWD,
        beside,
        AT_FDCWD,
        place,
        RenameFlags::RENAME_NOREPLACE,
    ) {
        // Some file systems can't promise it. A directory replaces nothing but an empty directory.
        Err(nix::errno::Errno::EINVAL | nix::errno::Errno::ENOSYS) => fs::rename(beside, place),
        done => done.map_err(io::Error::from),
    }
}

/// Exchanges the copy and the baseline, in one step where the file system can.
fn swap(beside: &Path, place: &Path) -> io::Result<()> {
    match renameat2(
        AT_FDCWD,
        beside,
        AT_FDCWD,
        place,
        RenameFlags::RENAME_EXCHANGE,
    ) {
        Err(nix::errno::Errno::EINVAL | nix::errno::Errno::ENOSYS) => {}
        done => return done.map_err(io::Error::from),
    }
    let mut old = beside.as_os_str().to_owned();
    old.push(".old");
    fs::rename(place, &old)?;
    match fs::rename(beside, place) {
        Ok(()) => fs::rename(&old, beside),
        Err(error) => fs::rename(&old, place).and(Err(error)),
    }
}

/// Deletes a baseline's files and its directory; anything else in it keeps it.
fn discard(dir: &Path) {
    for file in FILES {
        let _ = fs::remove_file(dir.join(file));
    }
    let _ = fs::remove_dir(dir);
}

#[cfg(test)]
#[path = "tests/baselines.rs"]
mod tests;
