//! Rules on what stood behind the answers: the processes' logs, their arguments, the versions of their packages.

use super::bad_rule::BadRule;
use super::outcome::Check;
use super::shown::shorten;
use crate::plan::VariantPlan;
use crate::scenario::rules::{LogRule, ProcessRule};
use regex::Regex;
use std::fmt::Write as _;

/// Lines that are kept word for word, per rule.
const EXAMPLES: usize = 3;

/// Rules on logs and what has been found so far.
#[derive(Debug)]
pub(crate) struct Logs(Vec<LogAsk>);

#[derive(Debug)]
struct LogAsk {
    regex: Regex,
    wanted: bool,
    process: Option<String>,
    lines: u64,
    found: u64,
    examples: Vec<String>,
}

impl Logs {
    /// Compiles the rules.
    ///
    /// # Errors
    /// The first expression that is none.
    pub(crate) fn compile(rules: &[LogRule]) -> Result<Self, BadRule> {
        let ask = |rule: &LogRule| {
            let (text, wanted) = match (&rule.absent, &rule.present) {
                (Some(text), None) => (text, false),
                (None, Some(text)) => (text, true),
                _ => return Err(BadRule::LogExpressions),
            };
            Ok(LogAsk {
                regex: Regex::new(text).map_err(|source| BadRule::LogExpression {
                    text: text.clone(),
                    source,
                })?,
                wanted,
                process: rule.process.clone(),
                lines: 0,
                found: 0,
                examples: Vec::new(),
            })
        };
        rules.iter().map(ask).collect::<Result<_, _>>().map(Self)
    }

    /// Takes one line of a process's log.
    pub(crate) fn line(&mut self, process: &str, line: &str) {
        for ask in &mut self.0 {
            if ask.process.as_deref().is_some_and(|own| own != process) {
                continue;
            }
            ask.lines += 1;
            if ask.regex.is_match(line) {
                ask.found += 1;
                if ask.examples.len() < EXAMPLES {
                    ask.examples.push(format!("{process}: {}", shorten(line)));
                }
            }
        }
    }

    /// One check a rule. A log with nothing in it proves nothing.
    #[must_use]
    pub(crate) fn checks(&self, variant: &str) -> Vec<Check> {
        let check = |ask: &LogAsk| {
            let whose = ask.process.as_deref().unwrap_or("every process");
            let wanted = if ask.wanted { "has" } else { "lacks" };
            let mut detail = match (ask.lines, ask.found) {
                (0, _) => "there is no line to look at".to_owned(),
                (lines, found) => format!("{found} of {lines} lines match"),
            };
            for example in ask.examples.iter().filter(|_| !ask.wanted) {
                let _ = write!(detail, "\n{example}");
            }
            Check {
                name: format!("log of {whose} {wanted} /{}/", ask.regex.as_str()),
                scope: variant.to_owned(),
                passed: ask.lines > 0 && (ask.found > 0) == ask.wanted,
                detail,
            }
        };
        self.0.iter().map(check).collect()
    }
}

/// Holds a variant's processes and packages against the rules, one check a rule.
#[must_use]
pub(crate) fn processes(rules: &[ProcessRule], variant: &VariantPlan) -> Vec<Check> {
    let check = |rule: &ProcessRule| {
        let (name, (passed, detail)) = match (&rule.process, &rule.argument) {
            (Some(process), Some(argument)) => (
                format!("{process} is started with {argument}"),
                started(variant, process, argument),
            ),
            _ => {
                let package = rule.package.as_deref().unwrap_or_default();
                let version = rule.version.as_deref().unwrap_or_default();
                (
                    format!("{package} is {version}"),
                    installed(variant, package, version),
                )
            }
        };
        Check {
            name,
            scope: variant.name.clone(),
            passed,
            detail,
        }
    };
    rules.iter().map(check).collect()
}

fn started(variant: &VariantPlan, process: &str, argument: &str) -> (bool, String) {
    let Some(found) = variant.processes.iter().find(|p| p.name == process) else {
        let names: Vec<_> = variant.processes.iter().map(|p| p.name.as_str()).collect();
        return (
            false,
            format!("there is no such process, only {}", names.join(", ")),
        );
    };
    let wanted: Vec<&str> = argument.split_whitespace().collect();
    let has = found
        .argv
        .windows(wanted.len().max(1))
        .any(|args| args.iter().eq(&wanted));
    let detail = if has { "it is" } else { "it is not" };
    (has && !wanted.is_empty(), detail.to_owned())
}

fn installed(variant: &VariantPlan, package: &str, version: &str) -> (bool, String) {
    let Some((_, found)) = variant.versions.iter().find(|(name, _)| name == package) else {
        return (false, "it is not known to be installed".to_owned());
    };
    let rest = found.strip_prefix(version);
    let fits = rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
    (fits, format!("found {}", shorten(found)))
}

#[cfg(test)]
#[path = "tests/evidence.rs"]
mod tests;
