//! Keeps what a failed topology wrote into its own directories, so that the user can find the
//! cause.

use super::scratch::MARKER;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Most bytes kept of one topology.
const MOST: u64 = 256 << 20;

/// Copies the regular files of `directories` into `to`, small files first, up to [`MOST`] bytes.
/// `left-out.txt` lists the others.
///
/// # Errors
/// When `to` cannot be written.
pub(super) fn keep(directories: &[PathBuf], to: &Path) -> io::Result<()> {
    keep_most(directories, to, MOST)
}

fn keep_most(directories: &[PathBuf], to: &Path, most: u64) -> io::Result<()> {
    let mut files = Vec::new();
    let inner = |path: &PathBuf| {
        directories
            .iter()
            .any(|other| path != other && path.starts_with(other))
    };
    for directory in directories.iter().filter(|path| !inner(path)) {
        // Paths relative to the parent keep directories of the same name apart.
        let base = directory.parent().unwrap_or(directory);
        collect(directory, base, &mut files);
    }
    files.sort();
    files.dedup();
    // Files of engines may hold secrets that are not redacted, so the copy stays private.
    let mut private = fs::DirBuilder::new();
    private.recursive(true).mode(0o700).create(to)?;
    let mut left = most;
    let mut left_out = Vec::new();
    for (bytes, file, inside) in files {
        if bytes > left {
            left_out.push(format!("{bytes} bytes: {}\n", inside.display()));
            continue;
        }
        left -= bytes;
        let target = to.join(inside);
        fs::create_dir_all(target.parent().unwrap_or(to))?;
        fs::copy(&file, &target)?;
    }
    if !left_out.is_empty() {
        fs::File::create(to.join("left-out.txt"))?.write_all(left_out.concat().as_bytes())?;
    }
    Ok(())
}

/// Collects the regular files below a directory: size on disk, path, and path below `base`. Links,
/// pipes and sockets have no meaning once their process is gone.
fn collect(directory: &Path, base: &Path, files: &mut Vec<(u64, PathBuf, PathBuf)>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(data) = fs::symlink_metadata(&path) else {
            continue;
        };
        if entry.file_name() == MARKER {
            continue;
        }
        if data.is_dir() {
            collect(&path, base, files);
        } else if data.is_file()
            && let Ok(inside) = path.strip_prefix(base)
        {
            let inside = inside.to_owned();
            files.push((data.len().max(data.blocks() * 512), path, inside));
        }
    }
}

#[cfg(test)]
#[path = "tests/kept.rs"]
mod tests;
