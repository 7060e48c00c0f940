//! Redacts what processes printed and the files they left. Processes write their logs directly, so
//! that nothing is lost if `bench` dies. Once they have ended, a log that contains a secret is
//! rewritten. A killed run leaves its logs unredacted.

use super::private;
use super::redact::{Mark, Redactor, copy};
use super::write::failed;
use super::{Error, Writer};
use crate::files;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

impl Writer {
    /// Redacts all files in a directory of logs, which others may read afterwards. Their processes
    /// must have ended.
    ///
    /// # Errors
    /// The first log that cannot be read or rewritten.
    pub(crate) fn redact_logs(&self, logs: &Path) -> Result<(), Error> {
        for entry in fs::read_dir(logs).map_err(|e| failed(logs, e))?.flatten() {
            let path = entry.path();
            clean(&path, self.redactor()).map_err(|e| failed(&path, e))?;
        }
        private::open_directory(logs);
        Ok(())
    }
}

/// Rewrites a file without secrets, if it contains any. If there is no space for a second file,
/// overwrites it in place.
pub(super) fn clean(path: &Path, redactor: &Redactor) -> io::Result<()> {
    // A link is not followed: a process may have created it.
    let mut file = files::open_no_follow(path)?;
    if !copy(redactor, Mark::Name, &mut file, &mut io::sink())? {
        return Ok(());
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    anew(&mut file, path, &beside, redactor).or_else(|_| {
        let _ = fs::remove_file(&beside);
        file.rewind()?;
        let mut out = BufWriter::new(OpenOptions::new().write(true).open(path)?);
        copy(redactor, Mark::SameLength, &mut file, &mut out)?;
        out.flush()
    })
}

fn anew(file: &mut File, path: &Path, beside: &Path, redactor: &Redactor) -> io::Result<()> {
    file.rewind()?;
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(beside)?;
    let mut out = BufWriter::new(made);
    copy(redactor, Mark::Name, file, &mut out)?;
    let made = out.into_inner()?;
    made.set_permissions(file.metadata()?.permissions())?;
    fs::rename(beside, path)
}
