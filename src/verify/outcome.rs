//! What comes out of verifying, as the record keeps it.

use serde::{Deserialize, Serialize};

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What: the rule or gate as written.
    pub name: String,
    /// On what: `variant`, `variant/phase` or `run`.
    pub scope: String,
    /// Whether it held.
    pub passed: bool,
    /// What was found; for failures the first examples, each with its request on a line of its own.
    pub detail: String,
}

/// Whether figures can be trusted, from best to worst.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityVerdict {
    /// Nothing was measured.
    #[default]
    #[serde(rename = "")]
    Unmeasured,
    /// Another tool measured; `bench` does not know how well.
    Imported,
    /// They are the server's.
    Good,
    /// They are usable, with the doubts that findings name.
    Marked,
    /// They are not the server's alone.
    Invalid,
}

impl QualityVerdict {
    /// Its word in records; empty where nothing was measured.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unmeasured => "",
            Self::Imported => "imported",
            Self::Good => "good",
            Self::Marked => "marked",
            Self::Invalid => "invalid",
        }
    }
}

/// How much a finding says against a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It informs; the measurement stays as good as it was.
    Note,
    /// It makes the measurement marked or invalid.
    Doubt,
}

/// Whether the measurement can be trusted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// The worst that any finding says.
    pub verdict: QualityVerdict,
    /// Why not good, and notes that leave it good.
    pub findings: Vec<Finding>,
}

/// One thing that was seen of the measurement. JSON holds the severity of a note as a prefix of its detail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "FindingRecord", into = "FindingRecord")]
pub struct Finding {
    /// How much it says against the measurement.
    pub severity: Severity,
    /// A stable name, such as `schedule_lag`.
    pub code: String,
    /// What was seen and what to change.
    pub detail: String,
    /// The first request that gave cause for it and what it showed, in one line: `closed request 7: ...`.
    pub example: Option<String>,
}

/// What the detail of a note begins with in JSON and in reports.
const NOTE: &str = "note: ";

/// A finding in JSON.
#[derive(Serialize, Deserialize)]
struct FindingRecord {
    code: String,
    detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    example: Option<String>,
}

impl Finding {
    /// Its detail as reports show it: a note says that it is one.
    #[must_use]
    pub fn shown(&self) -> String {
        match self.severity {
            Severity::Note => format!("{NOTE}{}", self.detail),
            Severity::Doubt => self.detail.clone(),
        }
    }
}

impl From<FindingRecord> for Finding {
    fn from(record: FindingRecord) -> Self {
        let note = record.detail.strip_prefix(NOTE).map(str::to_owned);
        Self {
            severity: match note {
                Some(_) => Severity::Note,
                None => Severity::Doubt,
            },
            code: record.code,
            detail: note.unwrap_or(record.detail),
            example: record.example,
        }
    }
}

impl From<Finding> for FindingRecord {
    fn from(finding: Finding) -> Self {
        Self {
            detail: finding.shown(),
            code: finding.code,
            example: finding.example,
        }
    }
}
