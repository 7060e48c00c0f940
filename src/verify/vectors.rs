//! Whether embeddings are whole: as many vectors as inputs, each with numbers. Pure.

use super::complete::{incomplete, lacks};
use crate::measure::sample::ErrorClass;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;
use std::collections::BTreeMap;

/// Servers pad it or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What is wrong with the vectors of an answer to `inputs` inputs.
pub(super) fn fault(body: &Value, inputs: u64) -> Option<(ErrorClass, String)> {
    let data = body.get("data").and_then(Value::as_array);
    let Some(data) = data.filter(|data| !data.is_empty()) else {
        return Some(incomplete(lacks(body, "data")));
    };
    let indexed = data.iter().enumerate().map(|(nth, vector)| {
        let index = vector.get("index").and_then(Value::as_u64);
        (index.unwrap_or(nth as u64), vector)
    });
    let came: BTreeMap<u64, &Value> = indexed.collect();
    if let Some(missing) = (0..inputs).find(|index| !came.contains_key(index)) {
        return Some(incomplete(format!(
            "vectors {} of {inputs}: vector {missing} is missing",
            came.range(..inputs).count()
        )));
    }
    if data.len() as u64 > inputs {
        let what = format!("{} vectors came for {inputs} inputs", data.len());
        return Some((ErrorClass::MismatchedAnswer, what));
    }
    let mut length = None;
    came.into_iter().find_map(|(index, vector)| {
        let found = match numbers(vector.get("embedding")) {
            Ok(found) => found,
            Err(why) => return Some(incomplete(format!("vector {index} {why}"))),
        };
        let first = *length.get_or_insert(found);
        (first != found).then(|| {
            incomplete(format!(
                "vector {index} has {found} numbers, and the first vector {first}"
            ))
        })
    })
}

/// How many numbers a vector has.
///
/// # Errors
/// Why it is none.
fn numbers(vector: Option<&Value>) -> Result<usize, BadVector> {
    match vector {
        None => Err(BadVector::Missing),
        Some(Value::Array(numbers)) if numbers.is_empty() => Err(BadVector::Empty),
        Some(Value::Array(list)) => match list.iter().position(|n| !n.is_number()) {
            Some(at) => Err(BadVector::Holds(kind(&list[at]), at)),
            None => Ok(list.len()),
        },
        Some(Value::String(base64)) => floats(base64),
        Some(other) => Err(BadVector::Is(kind(other))),
    }
}

/// Why a value is no vector.
#[derive(Debug, thiserror::Error)]
enum BadVector {
    #[error("is missing")]
    Missing,
    #[error("is empty")]
    Empty,
    #[error("is {0}")]
    Is(&'static str),
    #[error("has {0} at position {1}")]
    Holds(&'static str, usize),
    #[error("is not base64")]
    NotBase64,
    #[error("has {0} bytes, which are no 32-bit floats")]
    Bytes(usize),
    #[error("has a number at position {0} that is not finite")]
    NotFinite(usize),
}

/// How many 32-bit floats a vector in base64 has (`encoding_format: base64` of the embeddings API).
fn floats(text: &str) -> Result<usize, BadVector> {
    let bytes = BASE64.decode(text).map_err(|_| BadVector::NotBase64)?;
    if bytes.is_empty() {
        return Err(BadVector::Empty);
    }
    let (floats, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(BadVector::Bytes(bytes.len()));
    }
    let finite = |float: &[u8; 4]| f32::from_le_bytes(*float).is_finite();
    match floats.iter().position(|float| !finite(float)) {
        Some(at) => Err(BadVector::NotFinite(at)),
        None => Ok(floats.len()),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

#[cfg(test)]
#[path = "tests/vectors.rs"]
mod tests;
