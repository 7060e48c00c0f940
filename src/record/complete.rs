//! Checks whether everything that a record held when it was written is still there. Figures without
//! their rows cannot be verified and are not compared.

use super::journal::unseal;
use super::model::{
    FileRecord, Finding, Origin, PhaseRecord, QualityVerdict, Run, Severity, Verdict,
};
use super::read::Row as _;
use super::{EVENTS_FILE, Error, ExitCode, SAMPLES_FILE, SERVER_FILE, SampleRow};
use crate::files;
use indexmap::IndexMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

/// The finding about an incomplete record.
pub(super) const INCOMPLETE: &str = "incomplete_record";
/// Most phases whose missing rows are named.
const NAMED: usize = 5;
/// Bytes read at once.
const BLOCK: usize = 1 << 18;

impl Run {
    /// Compares the files of the report directory with what they held when the run ended. If
    /// something is missing or changed, the record proves nothing: its quality becomes `invalid`,
    /// and it no longer counts as passed.
    ///
    /// # Errors
    /// When an existing file cannot be read.
    pub fn check_files(&mut self, dir: &Path) -> Result<(), Error> {
        let missing = self.missing(dir)?;
        if missing.is_empty() {
            return Ok(());
        }
        let why = missing.join("; ");
        self.summary = format!(
            "The record is incomplete: {why}. When it was whole it said: {}",
            self.summary
        );
        if self.verdict == Verdict::Pass {
            self.verdict = Verdict::Invalid;
            self.exit_code = Some(ExitCode::Invalid);
        }
        self.quality.verdict = QualityVerdict::Invalid;
        let finding = Finding {
            severity: Severity::Doubt,
            code: INCOMPLETE.to_owned(),
            detail: format!("the record is incomplete: {why}"),
            example: None,
        };
        self.quality.findings.insert(0, finding);
        Ok(())
    }

    /// Why the record is incomplete, if [`check_files`](Self::check_files) found that.
    #[must_use]
    pub fn incomplete(&self) -> Option<&str> {
        let mut findings = self.quality.findings.iter();
        findings
            .find(|finding| finding.code == INCOMPLETE)
            .map(|finding| finding.detail.as_str())
    }

    /// Describes what is missing.
    fn missing(&self, dir: &Path) -> Result<Vec<String>, Error> {
        let mut missing = Vec::new();
        // A run that has not ended is partial and says so itself.
        if self.finished.is_none() {
            return Ok(missing);
        }
        // A foreign record may name any path, so only the known files of a record are opened.
        for name in [SAMPLES_FILE, SERVER_FILE, EVENTS_FILE] {
            if let Some(expected) = self.files.get(name) {
                missing.extend(self.differs(dir, name, expected)?);
            }
        }
        if self.files.is_empty() {
            missing.extend(self.too_few(dir)?);
        }
        Ok(missing)
    }

    fn differs(
        &self,
        dir: &Path,
        name: &str,
        expected: &FileRecord,
    ) -> Result<Option<String>, Error> {
        let rows = expected.rows;
        let found = contents(&dir.join(name))?;
        Ok(match found {
            Some(found) if found == *expected => None,
            None => Some(format!("{name} is missing, which had {rows} rows")),
            Some(found) if found.rows < rows => {
                let mut why = format!("{name} has {} of {rows} rows", found.rows);
                if name == SAMPLES_FILE {
                    why += &self.places(dir)?;
                }
                Some(why)
            }
            Some(found) => Some(format!(
                "{name} is not as it was written: {} bytes with the checksum {}, expected {} with {}",
                found.bytes, found.crc32, expected.bytes, expected.crc32
            )),
        })
    }

    /// Checks a record of an older version, which does not say what its files held: it must have
    /// one row for each request that it counts.
    fn too_few(&self, dir: &Path) -> Result<Option<String>, Error> {
        let has_rows = match self.scenario.settings().origin {
            Origin::Run | Origin::AgainstItself => true,
            Origin::Imported | Origin::Compared => false,
        };
        let phases = || self.variants.iter().flat_map(|variant| &variant.phases);
        // Of a search, only the load that was found is counted.
        if !has_rows || phases().any(|phase| !phase.curve.is_empty()) {
            return Ok(None);
        }
        let counted: u64 = phases().map(|phase| phase.counts.sent).sum();
        let found = contents(&dir.join(SAMPLES_FILE))?;
        Ok(match found.map(|found| found.rows) {
            Some(rows) if rows < counted => Some(format!(
                "{SAMPLES_FILE} has {rows} of {counted} rows{}",
                self.places(dir)?
            )),
            None if counted > 0 => Some(format!(
                "{SAMPLES_FILE} is missing, which had {counted} rows"
            )),
            _ => None,
        })
    }

    /// `: 5 of native/closed, 3 of dynamo/closed (round 2) are missing`, as far as the counts of
    /// phases show it.
    fn places(&self, dir: &Path) -> Result<String, Error> {
        let mut left = self.counted();
        let file = open(&dir.join(SAMPLES_FILE))?;
        for line in file
            .into_iter()
            .flat_map(|file| BufReader::new(file).split(b'\n'))
        {
            let mut line = line.map_err(|source| unreadable(&dir.join(SAMPLES_FILE), source))?;
            // A line that is no longer a valid row is missing.
            let Ok(Ok(row)) = unseal(&mut line).map(|_| SampleRow::parse(&line)) else {
                continue;
            };
            let key = (row.variant, row.round, row.sample.phase as usize);
            if let Some((_, count)) = left.get_mut(&key) {
                *count = count.saturating_sub(1);
            }
        }
        left.retain(|_, (_, count)| *count > 0);
        let mut text = String::new();
        for (n, ((variant, round, _), (phase, count))) in left.iter().take(NAMED).enumerate() {
            let lead = if n == 0 { ": " } else { ", " };
            let _ = write!(text, "{lead}{count} of {variant}/{phase}");
            if *round > 1 {
                let _ = write!(text, " in round {round}");
            }
        }
        if left.len() > NAMED {
            let _ = write!(text, " and {} more phases", left.len() - NAMED);
        }
        Ok(text)
    }

    /// Name and number of requests of each phase, by variant, round and phase index. Searches are
    /// left out because their phases count fewer requests than they have rows.
    fn counted(&self) -> IndexMap<(String, u32, usize), (String, u64)> {
        let mut counted = IndexMap::new();
        let mut add = |variant: &str, round: u32, phases: &[PhaseRecord]| {
            for (n, phase) in phases.iter().enumerate() {
                if phase.curve.is_empty() {
                    let key = (variant.to_owned(), round, n);
                    counted.insert(key, (phase.name.clone(), phase.counts.sent));
                }
            }
        };
        for variant in &self.variants {
            if variant.rounds.is_empty() {
                add(&variant.name, 1, &variant.phases);
            }
            for round in &variant.rounds {
                add(&variant.name, round.round, &round.phases);
            }
        }
        counted
    }
}

fn open(path: &Path) -> Result<Option<File>, Error> {
    match files::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(unreadable(path, source)),
    }
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    Error::Read {
        path: path.to_owned(),
        source,
    }
}

/// What a file of lines holds; `None` if it does not exist.
fn contents(path: &Path) -> Result<Option<FileRecord>, Error> {
    let Some(mut file) = open(path)? else {
        return Ok(None);
    };
    let (mut bytes, mut rows, mut ended) = (0, 0, true);
    let mut crc = crc32fast::Hasher::new();
    let mut block = vec![0; BLOCK];
    loop {
        let length = match file.read(&mut block) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(unreadable(path, source)),
        };
        let read = &block[..length];
        let Some(last) = read.last() else { break };
        ended = *last == b'\n';
        bytes += length as u64;
        rows += read.iter().filter(|byte| **byte == b'\n').count() as u64;
        crc.update(read);
    }
    Ok(Some(FileRecord {
        rows: rows + u64::from(!ended),
        bytes,
        crc32: format!("{:08x}", crc.finalize()),
    }))
}

#[cfg(test)]
#[path = "tests/complete.rs"]
mod tests;
