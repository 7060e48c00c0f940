//! Arguments and paths in JSON without loss. The operating system allows bytes in them that are not UTF-8: UTF-8 becomes a
//! string, anything else a list of numbers.

use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

/// An argument, or the name or value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub(super) struct RawText(pub(super) OsString);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<Form> for RawText {
    fn from(form: Form) -> Self {
        Self(match form {
            Form::Text(text) => text.into(),
            Form::Bytes(bytes) => OsString::from_vec(bytes),
        })
    }
}

impl From<RawText> for Form {
    fn from(RawText(text): RawText) -> Self {
        match text.into_string() {
            Ok(text) => Self::Text(text),
            Err(text) => Self::Bytes(text.as_bytes().to_vec()),
        }
    }
}

/// For fields that hold one path.
pub(super) mod path {
    use super::{Deserialize, OsString, PathBuf, RawText, Serialize};
    use serde::{Deserializer, Serializer};
    use std::path::Path;

    pub(in super::super) fn serialize<S: Serializer>(
        path: &Path,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        RawText(OsString::from(path)).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<PathBuf, D::Error> {
        Ok(RawText::deserialize(deserializer)?.0.into())
    }
}

/// For fields that hold several paths.
pub(super) mod paths {
    use super::{Deserialize, OsString, PathBuf, RawText};
    use serde::{Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        paths: &[PathBuf],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(paths.iter().map(|path| RawText(OsString::from(path))))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<PathBuf>, D::Error> {
        let texts = Vec::<RawText>::deserialize(deserializer)?;
        Ok(texts.into_iter().map(|RawText(text)| text.into()).collect())
    }
}

#[cfg(test)]
#[path = "tests/raw.rs"]
mod tests;
