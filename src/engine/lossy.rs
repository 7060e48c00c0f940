//! Serialises arguments and paths for JSON. The operating system allows bytes in them that are not UTF-8, but JSON does
//! not. Such bytes are shown as U+FFFD. Processes get the original bytes.

use serde::{Serialize, Serializer};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// One argument or path.
struct LossyText<'a>(&'a OsStr);

impl Serialize for LossyText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.display())
    }
}

/// Serialises a command.
pub(super) fn words<S: Serializer>(words: &[OsString], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(words.iter().map(|word| LossyText(word)))
}

/// Serialises environment variables with their values.
pub(super) fn variables<S: Serializer>(
    variables: &[(String, OsString)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(
        variables
            .iter()
            .map(|(name, value)| (name, LossyText(value))),
    )
}

/// Serialises one path.
pub(super) fn path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    LossyText(path.as_os_str()).serialize(serializer)
}

/// Serialises several paths.
pub(super) fn paths<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| LossyText(path.as_os_str())))
}
