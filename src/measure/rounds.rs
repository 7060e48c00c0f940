//! Merges several rounds of one phase: every figure is the median of the rounds, every count their
//! sum. Pure.

use super::enough::Awaited;
use super::failures;
use super::server::ServerWindow;
use super::summary::{Counts, PhaseFigures};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The merged round; `None` without rounds.
#[must_use]
pub(crate) fn typical(rounds: &[&PhaseFigures]) -> Option<PhaseFigures> {
    let mut typical = (*rounds.first()?).clone();
    if rounds.len() == 1 {
        return Some(typical);
    }
    typical.window_ms = median(rounds.iter().map(|round| round.window_ms).collect());
    typical.counts = Counts::default();
    typical.errors.clear();
    for round in rounds {
        typical.counts.sent += round.counts.sent;
        typical.counts.succeeded += round.counts.succeeded;
        typical.counts.failed += round.counts.failed;
        for (class, count) in &round.errors {
            *typical.errors.entry(class.clone()).or_default() += count;
        }
    }
    typical.failures = failures::joined(rounds.iter().map(|round| &round.failures[..]));
    typical.metrics = folded(rounds.iter().map(|round| &round.metrics), middle)?;
    typical.audit = folded(rounds.iter().map(|round| &round.audit), sum)?;
    typical.audit.awaited = awaited(rounds);
    Some(typical)
}

/// Merges the server windows of several rounds: times and levels are medians, gains of counters are
/// sums.
#[must_use]
pub(crate) fn typical_server(rounds: &[&ServerWindow]) -> Option<ServerWindow> {
    let mut typical: ServerWindow = folded(rounds.iter().copied(), middle)?;
    typical.counters.clear();
    typical.notes.clear();
    for round in rounds {
        for (name, gained) in &round.counters {
            *typical.counters.entry(name.clone()).or_default() += gained;
        }
        for note in &round.notes {
            if !typical.notes.contains(note) {
                typical.notes.push(note.clone());
            }
        }
    }
    Some(typical)
}

/// A condition is met only if it was met in all rounds.
fn awaited(rounds: &[&PhaseFigures]) -> Option<Awaited> {
    let all: Vec<Awaited> = rounds.iter().filter_map(|r| r.audit.awaited).collect();
    let mut typical: Awaited = folded(all.iter(), middle)?;
    if all.iter().any(|round| round.after.is_none()) {
        typical.after = None;
    }
    Some(typical)
}

/// Merges figures number by number, whatever their names.
fn folded<'a, T>(all: impl Iterator<Item = &'a T>, fold: fn(Vec<Value>) -> Value) -> Option<T>
where
    T: Serialize + DeserializeOwned + 'a,
{
    let trees: Vec<Value> = all
        .filter_map(|one| serde_json::to_value(one).ok())
        .collect();
    serde_json::from_value(together(trees, fold)).ok()
}

fn together(values: Vec<Value>, fold: fn(Vec<Value>) -> Value) -> Value {
    let known: Vec<Value> = values
        .into_iter()
        .filter(|value| !value.is_null())
        .collect();
    match known.first() {
        Some(Value::Object(first)) => {
            let of = |key: &String| {
                known
                    .iter()
                    .filter_map(|map| map.get(key).cloned())
                    .collect()
            };
            let others = known[1..].iter().filter_map(Value::as_object);
            let keys = first.keys().chain(others.flat_map(|map| map.keys()));
            let mut fields = Map::new();
            for key in keys {
                if !fields.contains_key(key) {
                    fields.insert(key.clone(), together(of(key), fold));
                }
            }
            Value::Object(fields)
        }
        Some(Value::Bool(_)) => Value::Bool(known.iter().all(|value| *value == Value::Bool(true))),
        Some(Value::Number(_)) => fold(known),
        Some(other) => other.clone(),
        None => Value::Null,
    }
}

fn middle(mut values: Vec<Value>) -> Value {
    if values.iter().any(|value| !value.is_u64()) {
        return median(values.iter().filter_map(Value::as_f64).collect()).into();
    }
    values.sort_by_key(Value::as_u64);
    let at = (values.len() - 1) / 2;
    values.swap_remove(at)
}

fn sum(values: Vec<Value>) -> Value {
    values.iter().filter_map(Value::as_u64).sum::<u64>().into()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = ((values.len() - 1) / 2, values.len() / 2);
    f64::midpoint(values[low], values[high])
}

#[cfg(test)]
#[path = "tests/rounds.rs"]
mod tests;
