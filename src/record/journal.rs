//! The lines of a journal: JSON objects that end with a CRC-32 of themselves (of zlib and IEEE 802.3), `,"crc":"8c736521"}`. A line that was cut,
//! joined with another or changed is noticed, and any tool for JSON lines still reads the file. Why this form:
//! docs/decisions/0008-journal.md.

use super::Error;
use super::model::FileRecord;
use super::private;
use super::write::failed;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Interval at which written lines are synced to disk.
const SYNCED: Duration = Duration::from_secs(1);

/// A file of sealed lines that is being written. Each line is one write, so that a killed run loses
/// none.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: Arc<File>,
    /// Bytes in the file, valid as long as no write failed.
    written: u64,
    /// Number of lines in the file.
    rows: u64,
    /// Checksum of all lines.
    crc: crc32fast::Hasher,
    /// When it was last synced.
    synced: Instant,
    /// Why a line was lost. After an incomplete line nothing more is written, because readers
    /// accept an incomplete line only at the end.
    lost: Option<(io::ErrorKind, String)>,
}

impl Journal {
    /// Creates the file, which must not exist yet.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(path: PathBuf) -> Result<Self, Error> {
        let file = open(&path).map_err(|e| failed(&path, e))?;
        Ok(Self {
            path,
            state: Mutex::new(State {
                file: Arc::new(file),
                written: 0,
                rows: 0,
                crc: crc32fast::Hasher::new(),
                synced: Instant::now(),
                lost: None,
            }),
        })
    }

    /// Adds a JSON object as a line.
    ///
    /// # Errors
    /// When it cannot be written, or an earlier line could not.
    pub fn add(&self, object: String) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.lost(&state)?;
        let line = seal(object);
        if let Err(error) = (&*state.file).write_all(line.as_bytes()) {
            state.lost = Some((error.kind(), error.to_string()));
            return self.lost(&state);
        }
        state.written += line.len() as u64;
        state.rows += 1;
        state.crc.update(line.as_bytes());
        if state.synced.elapsed() >= SYNCED {
            state.synced = Instant::now();
            let file = Arc::clone(&state.file);
            // On a separate thread, because a slow disk must not delay the measurement. If no
            // thread can be started, the kernel writes the data back in its own time.
            let _ = std::thread::Builder::new().spawn(move || file.sync_data());
        }
        Ok(())
    }

    /// Checks that all lines are in the file, and that the file is still at its path.
    ///
    /// # Errors
    /// The first line that could not be written, or what happened to the file.
    pub fn whole(&self) -> Result<(), Error> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.lost(&state)?;
        let here = || {
            state.file.sync_data()?;
            let (ours, there) = (state.file.metadata()?, std::fs::metadata(&self.path)?);
            // Comparing inodes detects a file that was replaced, comparing lengths one that was cut
            // or written to by others.
            let same = (ours.dev(), ours.ino()) == (there.dev(), there.ino());
            if same && there.len() == state.written {
                return Ok(());
            }
            Err(io::Error::other(
                "it was replaced, cut or written to by someone else during the run",
            ))
        };
        here().map_err(|e| failed(&self.path, e))
    }

    /// Rewrites the file if `change` returns another object for any line.
    ///
    /// # Errors
    /// When the file cannot be read or written. The old file stays.
    pub fn rewrite(
        &self,
        change: &dyn Fn(&str) -> io::Result<Option<String>>,
    ) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.lost(&state)?;
        let mut differs = false;
        each(&self.path, |object| {
            differs |= change(object)?.is_some();
            Ok(())
        })
        .map_err(|e| failed(&self.path, e))?;
        if !differs {
            return Ok(());
        }
        let beside = self.path.with_extension("jsonl.new");
        let anew = self.anew(&beside, change);
        let anew = anew.inspect_err(|_| drop(std::fs::remove_file(&beside)));
        *state = anew.map_err(|e| failed(&self.path, e))?;
        Ok(())
    }

    fn anew(
        &self,
        beside: &Path,
        change: &dyn Fn(&str) -> io::Result<Option<String>>,
    ) -> io::Result<State> {
        let file = open(beside)?;
        let (mut written, mut rows, mut crc) = (0, 0, crc32fast::Hasher::new());
        let mut out = BufWriter::new(&file);
        each(&self.path, |object| {
            let line = seal(change(object)?.unwrap_or_else(|| object.to_owned()));
            written += line.len() as u64;
            rows += 1;
            crc.update(line.as_bytes());
            out.write_all(line.as_bytes())
        })?;
        out.flush()?;
        drop(out);
        file.sync_data()?;
        // Synced first, then renamed: after a crash either the old file or the complete new one is
        // there. The new file was locked when it was opened, so followers still see a live writer.
        std::fs::rename(beside, &self.path)?;
        Ok(State {
            file: Arc::new(file),
            written,
            rows,
            crc,
            synced: Instant::now(),
            lost: None,
        })
    }

    /// What the file holds, valid as long as no write failed.
    pub fn contents(&self) -> FileRecord {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        FileRecord {
            rows: state.rows,
            bytes: state.written,
            crc32: format!("{:08x}", state.crc.clone().finalize()),
        }
    }

    fn lost(&self, state: &State) -> Result<(), Error> {
        match &state.lost {
            None => Ok(()),
            Some((kind, why)) => Err(failed(&self.path, io::Error::new(*kind, why.clone()))),
        }
    }
}

/// Creates a file of lines, which must not exist yet.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .create_new(true)
        .append(true)
        .mode(private::FILE)
        .open(path)?;
    // The kernel releases this lock (flock) when the process ends, however it ends: readers that
    // follow the run learn from it whether more lines will come. On a file system without locks
    // they cannot tell.
    let _ = file.try_lock();
    Ok(file)
}

/// Passes on the objects of a file of sealed lines.
fn each(path: &Path, mut take: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        unseal(&mut line).map_err(io::Error::other)?;
        take(std::str::from_utf8(line.trim_ascii_end()).map_err(io::Error::other)?)?;
        line.clear();
    }
    Ok(())
}

/// The text before the eight hexadecimal digits of the checksum.
const BEFORE: &[u8] = b",\"crc\":\"";
/// The text after the digits.
const AFTER: &[u8] = b"\"}";
/// Length of the checksum with both texts.
const SEAL: usize = BEFORE.len() + 8 + AFTER.len();

/// Ends a JSON object with its checksum and a line feed. The object must have a member.
#[must_use]
pub fn seal(mut object: String) -> String {
    object.pop();
    let crc = crc32fast::hash(object.as_bytes());
    object.push_str(&format!(",\"crc\":\"{crc:08x}\"}}\n"));
    object
}

/// A line was changed after it was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its checksum is of another line")]
pub struct WrongChecksum;

/// Removes the checksum from a line, so that the object remains. Returns whether there was one; an
/// error if it does not match the line.
///
/// # Errors
/// When the line is not what was sealed.
pub fn unseal(line: &mut Vec<u8>) -> Result<bool, WrongChecksum> {
    let end = line.trim_ascii_end().len();
    let Some(start) = end.checked_sub(SEAL) else {
        return Ok(false);
    };
    let (object, seal) = line[..end].split_at(start);
    let (before, rest) = seal.split_at(BEFORE.len());
    let (digits, after) = rest.split_at(8);
    if before != BEFORE || after != AFTER {
        return Ok(false);
    }
    if hexadecimal(crc32fast::hash(object)) != digits {
        return Err(WrongChecksum);
    }
    line.truncate(start);
    line.push(b'}');
    Ok(true)
}

/// Formats eight digits without the allocation that `format!` would make for every line.
fn hexadecimal(crc: u32) -> [u8; 8] {
    let mut digits = [0; 8];
    // Fails only where the room is not twice as long as the bytes.
    let _ = hex::encode_to_slice(crc.to_be_bytes(), &mut digits);
    digits
}

#[cfg(test)]
#[path = "tests/journal.rs"]
mod tests;
