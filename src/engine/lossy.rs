//! Words and paths as JSON shows them. The operating system allows bytes in them that are not UTF-8, JSON does not: those are
//! shown as U+FFFD. What is started gets the bytes themselves.

use serde::{Serialize, Serializer};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// One word or path.
struct Shown<'a>(&'a OsStr);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.display())
    }
}

/// A command.
pub(super) fn words<S: Serializer>(words: &[OsString], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(words.iter().map(|word| Shown(word)))
}

/// Variables with their values.
pub(super) fn variables<S: Serializer>(
    variables: &[(String, OsString)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(variables.iter().map(|(name, value)| (name, Shown(value))))
}

/// One path.
pub(super) fn path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    Shown(path.as_os_str()).serialize(serializer)
}

/// Several paths.
pub(super) fn paths<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| Shown(path.as_os_str())))
}
