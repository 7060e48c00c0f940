//! Rules on answers: compiled once, asked of every answer. A streamed answer was assembled before, so that one rule reads
//! both kinds.

use super::bad_rule::BadRule;
use super::complete::Asked;
use super::shape::{StreamAsk, TextAsk};
use super::{names, nodes, shown};
use crate::measure::answer::Answer;
use crate::measure::exchange::Exchange;
use crate::scenario::model::{Assertion, JsonType};
use crate::scenario::units::Range;
use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

/// All rules of a variant.
#[derive(Debug, Clone)]
pub(crate) struct Rules(Vec<Rule>);

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
    /// A condition on a header, by its name in lower case.
    Header { name: String, is: Condition },
    /// The stream's shape.
    Stream(StreamAsk),
    /// The text of every choice.
    Text(TextAsk),
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
    Contains(String),
}

/// One rule that one answer broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Breach {
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
    pub(crate) fn compile(assertions: &[Assertion]) -> Result<Self, BadRule> {
        let rule = |(i, a)| {
            Rule::compile(a).map_err(|why| BadRule::At {
                number: i + 1,
                why: Box::new(why),
            })
        };
        let rules: Result<_, BadRule> = assertions.iter().enumerate().map(rule).collect();
        rules.map(Self)
    }

    /// The display name of every rule, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|rule| rule.name.as_str())
    }

    /// Checks one answer against every rule; one breach a rule at most. A rule on every choice fails where fewer came than were
    /// asked for.
    #[must_use]
    pub(crate) fn check(
        &self,
        exchange: &Exchange,
        answer: &Answer,
        asked: &Asked<'_>,
    ) -> Vec<Breach> {
        let choices = asked.choices;
        let listed = answer.body.get("choices").and_then(Value::as_array);
        let came = listed.map_or(answer.texts.len(), Vec::len) as u64;
        let missing = |asks: &Asks| {
            let found = format!("{came} of {choices} choices");
            (came < choices && asks.every_choice())
                .then(|| ("choices".to_owned(), found, "every choice".to_owned()))
        };
        let breach = |(i, rule): (usize, &Rule)| {
            let (path, found, expected) = rule
                .asks
                .breach(exchange, answer, asked)
                .or_else(|| missing(&rule.asks))?;
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
    pub(crate) fn accept_status(&self, status: u16) -> bool {
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
    fn compile(a: &Assertion) -> Result<Self, BadRule> {
        let conditions = conditions(a)?;
        let bare = conditions.is_empty();
        let one = |key, of: &str| {
            <[Condition; 1]>::try_from(conditions)
                .map(|[is]| is)
                .map_err(|found| BadRule::Conditions {
                    key,
                    of: of.to_owned(),
                    found: found.len(),
                })
        };
        let asks = match (a.status, &a.at, &a.header, &a.stream, &a.text) {
            (Some(status), None, None, None, None) if bare => Asks::Status(status),
            (None, Some(at), None, None, None) => Asks::At {
                is: one("at", at)?,
                path: parse(at, &a.json_path().unwrap_or_default())?,
                written: at.clone(),
            },
            (None, None, Some(name), None, None) => Asks::Header {
                is: one("header", name)?,
                name: name.to_lowercase(),
            },
            (None, None, None, Some(rule), None) if bare => Asks::Stream(StreamAsk::new(rule)),
            (None, None, None, None, Some(rule)) if bare => Asks::Text(TextAsk::compile(rule)?),
            _ => {
                let found = [
                    ("`status`", a.status.is_some()),
                    ("`at`", a.at.is_some()),
                    ("`header`", a.header.is_some()),
                    ("`stream`", a.stream.is_some()),
                    ("`text`", a.text.is_some()),
                    ("a condition", !bare),
                ];
                let found: Vec<&'static str> = found
                    .iter()
                    .filter(|(_, is)| *is)
                    .map(|(n, _)| *n)
                    .collect();
                return Err(match found.as_slice() {
                    [] => BadRule::NoSubject,
                    _ => BadRule::Subjects(found),
                });
            }
        };
        let name = match &asks {
            Asks::Status(status) => format!("status is {status}"),
            Asks::At { written, is, .. } => format!("{written} {}", names::says(is)),
            Asks::Header { name, is } => format!("header {name} {}", names::says(is)),
            Asks::Stream(ask) => ask.to_string(),
            Asks::Text(ask) => ask.to_string(),
        };
        Ok(Self { name, asks })
    }
}

impl Asks {
    /// Whether the rule covers every choice.
    fn every_choice(&self) -> bool {
        match self {
            Self::Text(_) => true,
            Self::Stream(ask) => ask.every_choice(),
            Self::At { written, .. } => {
                let path = written.trim_start_matches(['$', '.']);
                path.starts_with("choices[*]") || path.starts_with("choices.*")
            }
            Self::Status(_) | Self::Header { .. } => false,
        }
    }

    /// Path, found and expected, when the answer breaks the rule.
    fn breach(
        &self,
        exchange: &Exchange,
        answer: &Answer,
        asked: &Asked<'_>,
    ) -> Option<(String, String, String)> {
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
            Self::Header { name, is } => {
                let mut headers = exchange.headers.iter();
                let value = headers
                    .find(|(known, _)| known == name)
                    .map(|(_, v)| v.as_str());
                let found = nodes::header(value, is)?;
                Some((format!("header {name}"), found, names::expected(is)))
            }
            Self::Stream(ask) => {
                let found = ask.breach(exchange, answer, asked)?;
                Some(("stream".to_owned(), found, ask.expected(asked)))
            }
            Self::Text(ask) => {
                let (choice, found) = ask.breach(answer)?;
                let found = shown::shorten(&found);
                Some((format!("text of choice {choice}"), found, ask.expected()))
            }
        }
    }
}

fn parse(at: &str, whole: &str) -> Result<JsonPath, BadRule> {
    JsonPath::parse(whole).map_err(|source| BadRule::Path {
        at: at.to_owned(),
        source,
    })
}

/// The conditions written; `present: false` is `absent: true`, and the other way round.
fn conditions(a: &Assertion) -> Result<Vec<Condition>, BadRule> {
    let presence = |wanted: bool| {
        if wanted {
            Condition::Present
        } else {
            Condition::Absent
        }
    };
    let regex = |text: &String| {
        Regex::new(text).map_err(|source| BadRule::Matches {
            text: text.clone(),
            source,
        })
    };
    let matches = a.matches.as_ref().map(regex).transpose()?;
    let all = [
        a.present.map(presence),
        a.absent.map(|wanted| presence(!wanted)),
        a.equals.clone().map(Condition::Equals),
        a.one_of.clone().map(Condition::OneOf),
        a.between.map(Condition::Between),
        a.json_type.map(Condition::Type),
        matches.map(Condition::Matches),
        a.contains.clone().map(Condition::Contains),
    ];
    Ok(all.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests;
