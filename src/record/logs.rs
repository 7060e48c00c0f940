//! What the processes printed, without secrets. They write their logs themselves, so that nothing of a death is lost with us;
//! once they are gone, a log in which a secret is found is written anew. A run that is killed leaves them as they were.

use super::private;
use super::redact::Redactor;
use super::write::failed;
use super::{Error, Writer};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;

/// Longest piece of a line that is looked at, in bytes; a secret that lies across two is not found.
const PIECE: u64 = 1 << 20;

impl Writer {
    /// Takes the secrets out of a directory of logs, which others may read from then on. Their processes must have ended.
    ///
    /// # Errors
    /// The first log that can't be read or written anew.
    pub fn redact_logs(&self, logs: &Path) -> Result<(), Error> {
        for entry in fs::read_dir(logs).map_err(|e| failed(logs, e))?.flatten() {
            let path = entry.path();
            clean(&path, self.redactor()).map_err(|e| failed(&path, e))?;
        }
        private::open_directory(logs);
        Ok(())
    }
}

fn clean(path: &Path, redactor: &Redactor) -> io::Result<()> {
    let mut found = false;
    pieces(path, |text| {
        found |= redactor.finds(text);
        Ok(())
    })?;
    if !found {
        return Ok(());
    }
    let beside = path.with_extension("log.new");
    let write = || {
        let mut out = BufWriter::new(File::create(&beside)?);
        pieces(path, |text| out.write_all(redactor.apply(text).as_bytes()))?;
        out.flush()?;
        fs::rename(&beside, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&beside)))
}

/// Hands over a file line by line.
fn pieces(path: &Path, mut take: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut piece = Vec::new();
    while reader.by_ref().take(PIECE).read_until(b'\n', &mut piece)? > 0 {
        take(&String::from_utf8_lossy(&piece))?;
        piece.clear();
    }
    Ok(())
}
