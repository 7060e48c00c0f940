//! Rules on answers: compiled once, asked of every answer. A streamed answer was assembled before, so that one rule reads
//! both kinds.

use super::{names, nodes};
use crate::measure::answer::Answer;
use crate::scenario::model::{Assertion, JsonType};
use crate::scenario::units::Range;
use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

/// All rules of a variant.
#[derive(Debug, Clone)]
pub struct Rules(Vec<Rule>);

/// One rule: what it is called and what it asks.
#[derive(Debug, Clone)]
struct Rule {
    name: String,
    asks: Asks,
}

/// What a rule asks.
#[derive(Debug, Clone)]
enum Asks {
    /// The HTTP status.
    Status(u16),
    /// A condition on every node that a path finds.
    At {
        /// As written.
        written: String,
        path: JsonPath,
        is: Condition,
    },
}

/// A condition on one node.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Present,
    Absent,
    Equals(Value),
    OneOf(Vec<Value>),
    Between(Range),
    Type(JsonType),
    Matches(Regex),
}

/// One rule that one answer broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Which rule, by its place in the scenario.
    pub rule: usize,
    /// The rule as its author would write it: `status is 200`.
    pub name: String,
    /// The first node that broke it, `choices[1].text`; the rule's own path when it found nothing.
    pub path: String,
    /// What was there, shortened and made harmless.
    pub found: String,
    /// What should have been there.
    pub expected: String,
}

impl Rules {
    /// Compiles the rules of a scenario.
    ///
    /// # Errors
    /// The first rule that can't be asked, with why: no or several conditions, a bad path, a bad expression.
    pub fn compile(assertions: &[Assertion]) -> Result<Self, String> {
        let rule = |(i, a)| Rule::compile(a).map_err(|why| format!("rule {}: {why}", i + 1));
        let rules: Result<_, String> = assertions.iter().enumerate().map(rule).collect();
        rules.map(Self)
    }

    /// The display name of every rule, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|rule| rule.name.as_str())
    }

    /// Holds one answer against every rule; one breach a rule at most.
    #[must_use]
    pub fn check(&self, answer: &Answer) -> Vec<Breach> {
        let breach = |(i, rule): (usize, &Rule)| {
            let (path, found, expected) = rule.asks.breach(answer)?;
            Some(Breach {
                rule: i,
                name: rule.name.clone(),
                path,
                found,
                expected,
            })
        };
        self.0.iter().enumerate().filter_map(breach).collect()
    }

    /// Whether a rule asks for this status, so that it is no failure where it is not 2xx.
    #[must_use]
    pub fn accept_status(&self, status: u16) -> bool {
        self.0
            .iter()
            .any(|rule| matches!(rule.asks, Asks::Status(wanted) if wanted == status))
    }
}

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            path,
            found,
            expected,
            ..
        } = self;
        write!(f, "{path} was {found}, expected {expected}")
    }
}

impl Rule {
    fn compile(a: &Assertion) -> Result<Self, String> {
        let conditions = conditions(a)?;
        let asks = match (a.status, &a.at) {
            (Some(status), None) if conditions.is_empty() => Asks::Status(status),
            (None, Some(at)) => {
                let [is] = <[Condition; 1]>::try_from(conditions)
                    .map_err(|found| one_condition(at, found.len()))?;
                let path = parse(at, &a.json_path().unwrap_or_default())?;
                Asks::At {
                    written: at.clone(),
                    path,
                    is,
                }
            }
            _ => return Err("write either `status`, or `at` with one condition".to_owned()),
        };
        let name = match &asks {
            Asks::Status(status) => format!("status is {status}"),
            Asks::At { written, is, .. } => format!("{written} {}", names::says(is)),
        };
        Ok(Self { name, asks })
    }
}

impl Asks {
    /// Path, found and expected, when the answer breaks the rule.
    fn breach(&self, answer: &Answer) -> Option<(String, String, String)> {
        match self {
            Self::Status(want) => (answer.status != *want).then(|| {
                let found = match answer.status {
                    0 => "no answer".to_owned(),
                    status => status.to_string(),
                };
                ("status".to_owned(), found, want.to_string())
            }),
            Self::At { written, path, is } => {
                let (node, found) = nodes::offender(path, &answer.body, is)?;
                let path = node.unwrap_or_else(|| written.clone());
                Some((path, found, names::expected(is)))
            }
        }
    }
}

fn one_condition(at: &str, found: usize) -> String {
    let choices = "present, absent, equals, one_of, between, type, matches";
    format!("`at: {at}` needs exactly one condition, found {found}; choose from {choices}")
}

fn parse(at: &str, whole: &str) -> Result<JsonPath, String> {
    let why = |e: serde_json_path::ParseError| e.message().to_owned();
    JsonPath::parse(whole).map_err(|e| {
        format!(
            "`{at}` is not a JSONPath (RFC 9535, without `$.`): {}",
            why(e)
        )
    })
}

/// The conditions written; `present: false` is `absent: true`, and the other way round.
fn conditions(a: &Assertion) -> Result<Vec<Condition>, String> {
    let presence = |wanted: bool| {
        if wanted {
            Condition::Present
        } else {
            Condition::Absent
        }
    };
    let regex = |text: &String| Regex::new(text).map_err(|e| format!("`matches: {text}`: {e}"));
    let matches = a.matches.as_ref().map(regex).transpose()?;
    let all = [
        a.present.map(presence),
        a.absent.map(|wanted| presence(!wanted)),
        a.equals.clone().map(Condition::Equals),
        a.one_of.clone().map(Condition::OneOf),
        a.between.map(Condition::Between),
        a.json_type.map(Condition::Type),
        matches.map(Condition::Matches),
    ];
    Ok(all.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests;
