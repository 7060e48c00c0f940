//! Exit codes of the command, documented in docs/exit-codes.md. They are part of the interface: a
//! code never changes its meaning.

use serde::{Deserialize as _, Deserializer, Serialize, Serializer};
use std::fmt;

/// The exit status of the process. JSON holds its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Every check held.
    Pass = 0,
    /// A check failed.
    CheckFailed = 1,
    /// The scenario or the command line is wrong; nothing was started.
    BadScenario = 2,
    /// The topology failed, or the run itself broke.
    TopologyFailed = 3,
    /// The measurement cannot be trusted.
    Invalid = 4,
    /// A comparison found a regression.
    Regression = 5,
    /// This machine lacks what the scenario requires; nothing was started.
    RequirementNotMet = 6,
    /// The user interrupted it.
    Interrupted = 130,
}

impl ExitCode {
    /// Every code.
    pub const ALL: [Self; 8] = [
        Self::Pass,
        Self::CheckFailed,
        Self::BadScenario,
        Self::TopologyFailed,
        Self::Invalid,
        Self::Regression,
        Self::RequirementNotMet,
        Self::Interrupted,
    ];

    fn from_u8(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|code| u8::from(*code) == number)
    }
}

/// The code that a number in a record stands for; absent where a newer `bench` wrote another.
pub(super) fn known<'de, D: Deserializer<'de>>(number: D) -> Result<Option<ExitCode>, D::Error> {
    let number = Option::<u8>::deserialize(number)?;
    Ok(number.and_then(ExitCode::from_u8))
}

impl Serialize for ExitCode {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u8((*self).into())
    }
}

impl fmt::Display for ExitCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        u8::from(*self).fmt(f)
    }
}

impl From<ExitCode> for u8 {
    fn from(code: ExitCode) -> Self {
        code as Self
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(u8::from(code))
    }
}

#[cfg(test)]
#[path = "tests/exit.rs"]
mod tests;
