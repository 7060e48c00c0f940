//! Words and paths in JSON without loss. The operating system allows bytes in them that are not UTF-8: text stays text, other
//! bytes become a list of numbers.

use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

/// A word of a command, or the name or value of a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub(super) struct Word(pub(super) OsString);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<Form> for Word {
    fn from(form: Form) -> Self {
        Self(match form {
            Form::Text(text) => text.into(),
            Form::Bytes(bytes) => OsString::from_vec(bytes),
        })
    }
}

impl From<Word> for Form {
    fn from(Word(word): Word) -> Self {
        match word.into_string() {
            Ok(text) => Self::Text(text),
            Err(word) => Self::Bytes(word.as_bytes().to_vec()),
        }
    }
}

/// For fields that are one path.
pub(super) mod path {
    use super::{Deserialize, OsString, PathBuf, Serialize, Word};
    use serde::{Deserializer, Serializer};
    use std::path::Path;

    pub(in super::super) fn serialize<S: Serializer>(
        path: &Path,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        Word(OsString::from(path)).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<PathBuf, D::Error> {
        Ok(Word::deserialize(deserializer)?.0.into())
    }
}

/// For fields that are several paths.
pub(super) mod paths {
    use super::{Deserialize, OsString, PathBuf, Word};
    use serde::{Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        paths: &[PathBuf],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(paths.iter().map(|path| Word(OsString::from(path))))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<PathBuf>, D::Error> {
        let words = Vec::<Word>::deserialize(deserializer)?;
        Ok(words.into_iter().map(|Word(word)| word.into()).collect())
    }
}

#[cfg(test)]
#[path = "tests/raw.rs"]
mod tests;
