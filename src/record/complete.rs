//! Whether all that a record held when it was written is still there. Figures whose rows are gone can't be checked, and are not
//! compared.

use super::journal::unseal;
use super::model::{FileRecord, Finding, PhaseRecord, Run, Verdict};
use super::read::Row as _;
use super::{EVENTS_FILE, Error, ExitCode, SAMPLES_FILE, SERVER_FILE, SampleRow};
use crate::files;
use indexmap::IndexMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

/// The finding of a record that is incomplete.
pub(super) const INCOMPLETE: &str = "incomplete_record";
/// Most phases whose missing rows are named.
const NAMED: usize = 5;
/// Bytes that are read at once.
const BLOCK: usize = 1 << 18;

impl Run {
    /// Checks the files of the report directory against what they held when the run ended. Where something is missing or
    /// changed, the record proves nothing: its quality becomes `invalid` and a pass is none any more.
    ///
    /// # Errors
    /// When a file is there and can't be read.
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
            self.exit_code = Some(ExitCode::Invalid.into());
        }
        self.quality.verdict = "invalid".to_owned();
        let finding = Finding {
            code: INCOMPLETE.to_owned(),
            detail: format!("the record is incomplete: {why}"),
            example: None,
        };
        self.quality.findings.insert(0, finding);
        Ok(())
    }

    /// Why the record is incomplete, where [`check_files`](Self::check_files) found that.
    #[must_use]
    pub fn incomplete(&self) -> Option<&str> {
        let mut findings = self.quality.findings.iter();
        findings
            .find(|finding| finding.code == INCOMPLETE)
            .map(|finding| finding.detail.as_str())
    }

    /// What is missing, in words.
    fn missing(&self, dir: &Path) -> Result<Vec<String>, Error> {
        let mut missing = Vec::new();
        // A run that has not ended is partial, and says so itself.
        if self.finished.is_none() {
            return Ok(missing);
        }
        // Of a record from elsewhere, only files of a record are opened.
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

    /// A record of an older version, which does not say what its files held: there is a row of every request that it counts.
    fn too_few(&self, dir: &Path) -> Result<Option<String>, Error> {
        let resolved = &self.scenario.resolved;
        let another = ["imported", "compared"]
            .iter()
            .any(|key| resolved.get(key).is_some());
        let phases = || self.variants.iter().flat_map(|variant| &variant.phases);
        // Of a search, only the load that was found is counted.
        if another || phases().any(|phase| !phase.curve.is_empty()) {
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

    /// `: 5 of native/closed, 3 of dynamo/closed (round 2) are missing`, as far as the counts of phases tell.
    fn places(&self, dir: &Path) -> Result<String, Error> {
        let mut left = self.counted();
        let file = open(&dir.join(SAMPLES_FILE))?;
        for line in file
            .into_iter()
            .flat_map(|file| BufReader::new(file).split(b'\n'))
        {
            let mut line = line.map_err(|source| unreadable(&dir.join(SAMPLES_FILE), source))?;
            // What is no row any more is missing.
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

    /// Name and requests of each phase, by variant, round and number; without those of a search, which counts fewer.
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

/// What a file of lines holds; nothing where there is none.
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
mod tests {
    use super::*;
    use crate::record::{Redactor, Writer, fixture, read};
    use std::fs;
    use std::path::PathBuf;

    /// A record of both variants with a row of every request, in two rounds.
    fn recorded() -> (tempfile::TempDir, PathBuf, Run) {
        let scratch = tempfile::tempdir().expect("a directory");
        let mut run = fixture::pass();
        let writer = Writer::create(scratch.path(), &mut run, Redactor::default()).expect("made");
        for variant in &mut run.variants {
            for (n, phase) in variant.phases.iter_mut().enumerate() {
                phase.counts.sent = 5;
                for index in 0..phase.counts.sent {
                    let mut sample = fixture::sample(index);
                    sample.phase = u32::try_from(n).expect("few");
                    writer.sample(&variant.name, 1, &sample).expect("written");
                }
            }
        }
        let event = crate::event::Event::TeardownEnded { ms: 1.0 };
        writer.event(&event).expect("written");
        run.finished = Some("2026-01-01T00:01:00Z".to_owned());
        run.files = writer.files();
        writer.finish(&mut run).expect("saved");
        (scratch, writer.dir().to_owned(), run)
    }

    fn checked(dir: &Path) -> Run {
        let mut run = read(dir).expect("a record");
        run.check_files(dir).expect("checked");
        run
    }

    #[test]
    fn a_whole_record_is_complete() {
        let (_scratch, dir, run) = recorded();
        assert_eq!(checked(&dir), run);
        let samples = &run.files[SAMPLES_FILE];
        let rows: u64 = run
            .variants
            .iter()
            .flat_map(|v| &v.phases)
            .map(|p| p.counts.sent)
            .sum();
        assert_eq!(samples.rows, rows);
        assert_eq!(run.files.len(), 3);
    }

    #[test]
    fn rows_removed_anywhere_are_missed_and_named() {
        let (_scratch, dir, run) = recorded();
        let path = dir.join(SAMPLES_FILE);
        let text = fs::read_to_string(&path).expect("read");
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let all = lines.len();
        let write = |keep: &dyn Fn(usize, &str) -> bool| {
            let kept: Vec<&str> = lines
                .iter()
                .enumerate()
                .filter(|(n, line)| keep(*n, line))
                .map(|(_, line)| *line)
                .collect();
            fs::write(&path, kept.concat()).expect("written");
        };
        let first = format!("1 of native/{}", run.variants[0].phases[0].name);
        let dynamo = run.variants[1].phases.last().expect("a phase");
        let last = format!("1 of dynamo/{}", dynamo.name);
        type Keep<'a> = &'a dyn Fn(usize, &str) -> bool;
        let cases: [(Keep<'_>, usize, &str); 5] = [
            (&|n, _| n != 0, 1, &first),
            (&|n, _| n != all - 1, 1, &last),
            (&|n, _| n != 7, 1, "1 of native/"),
            (
                &|_, line| !line.contains("\"dynamo\""),
                all / 2,
                "5 of dynamo/",
            ),
            (&|_, _| false, all, "5 of native/"),
        ];
        for (keep, gone, named) in cases {
            write(keep);
            let run = checked(&dir);
            let why = run.incomplete().expect("incomplete");
            let counts = format!("samples.jsonl has {} of {all} rows: ", all - gone);
            assert!(why.contains(&counts) && why.contains(named), "{why}");
            assert_eq!(run.verdict, Verdict::Invalid);
            assert_eq!(
                (run.exit_code, run.quality.verdict.as_str()),
                (Some(4), "invalid")
            );
            assert!(run.summary.starts_with("The record is incomplete: "));
        }
    }

    #[test]
    fn rows_that_were_replaced_cut_or_put_in_another_order_are_noticed() {
        let (_scratch, dir, _) = recorded();
        let path = dir.join(SAMPLES_FILE);
        let text = fs::read_to_string(&path).expect("read");
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        // As many rows as there were: one twice in place of another.
        lines[3] = lines[2];
        fs::write(&path, lines.concat()).expect("written");
        let run = checked(&dir);
        let why = run.incomplete().expect("incomplete");
        assert!(
            why.contains("samples.jsonl is not as it was written"),
            "{why}"
        );
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        lines.swap(0, 1);
        fs::write(&path, lines.concat()).expect("written");
        assert!(checked(&dir).incomplete().is_some());
        fs::write(&path, &text[..text.len() - 9]).expect("written");
        assert!(checked(&dir).incomplete().is_some());
        fs::write(&path, text.clone() + &text).expect("written");
        assert!(checked(&dir).incomplete().is_some());
        fs::write(&path, &text).expect("written");
        assert_eq!(checked(&dir).incomplete(), None);
    }

    #[test]
    fn a_missing_file_is_missed() {
        for name in [SAMPLES_FILE, EVENTS_FILE, SERVER_FILE] {
            let (_scratch, dir, _) = recorded();
            fs::remove_file(dir.join(name)).expect("removed");
            let run = checked(&dir);
            let why = run.incomplete().expect("incomplete");
            assert!(why.contains(&format!("{name} is missing")), "{why}");
        }
    }

    #[test]
    fn an_older_record_is_checked_by_its_counts() {
        let (_scratch, dir, mut run) = recorded();
        run.files.clear();
        let save = |run: &Run| {
            let text = serde_json::to_string(run).expect("JSON");
            fs::write(dir.join(crate::record::RUN_FILE), text).expect("written");
        };
        save(&run);
        assert_eq!(checked(&dir).incomplete(), None);
        let path = dir.join(SAMPLES_FILE);
        let text = fs::read_to_string(&path).expect("read");
        let cut = text.find('\n').expect("a line") + 1;
        fs::write(&path, &text[cut..]).expect("written");
        assert!(checked(&dir).incomplete().is_some());
        fs::remove_file(&path).expect("removed");
        assert!(
            checked(&dir)
                .incomplete()
                .expect("so")
                .contains("is missing")
        );
        // What another tool measured, and what only compares, never had rows.
        run.scenario.resolved = serde_json::json!({"imported": {}});
        save(&run);
        assert_eq!(checked(&dir).incomplete(), None);
    }

    #[test]
    fn a_run_that_did_not_end_is_partial_and_no_more() {
        let (_scratch, dir, mut run) = recorded();
        run.finished = None;
        let text = serde_json::to_string(&run).expect("JSON");
        fs::write(dir.join(crate::record::RUN_FILE), text).expect("written");
        fs::write(dir.join(SAMPLES_FILE), "").expect("written");
        assert_eq!(checked(&dir).incomplete(), None);
    }
}
