//! Checks of conditions: finds expressions, ranges and schemas that are invalid, or that every value or no value
//! satisfies.

use super::pattern::{Matches, Texts, matched_texts};
use super::{Checker, Path};
use crate::scenario::mistake::quote;
use crate::scenario::model::{Assertion, JsonType};
use crate::scenario::units::Range;
use serde_json::{Value, json};

impl Checker<'_> {
    /// Whether `pattern` is a valid regular expression. Reports it if not.
    fn expression(&mut self, path: &Path, pattern: &str) -> bool {
        let Err(error) = regex::Regex::new(pattern) else {
            return true;
        };
        let text = error.to_string();
        let why = text
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        let message = format!("{} is not a regular expression: {why}", quote(pattern));
        self.wrong(
            path,
            message,
            "write `\\` in front of literal special characters",
        );
        false
    }

    /// Checks an expression that a text must match.
    pub(super) fn pattern(&mut self, path: &Path, pattern: &str, texts: Texts) {
        if !self.expression(path, pattern) {
            return;
        }
        match matched_texts(pattern, texts) {
            Matches::Every => self.wrong(
                path,
                format!("{} matches every text, so this cannot fail", quote(pattern)),
                "write an expression that a wrong text does not match; `^` and `$` anchor it to the whole text",
            ),
            Matches::None => self.wrong(
                path,
                format!("{} matches no text, so this can never hold", quote(pattern)),
                "write an expression that a correct text matches",
            ),
            Matches::Some => {}
        }
    }

    /// Checks an expression that a line of a log must match (`wanted`), or that no line may match.
    pub(super) fn line_pattern(&mut self, path: &Path, pattern: &str, wanted: bool) {
        if !self.expression(path, pattern) {
            return;
        }
        let (lines, holds) = match matched_texts(pattern, Texts::Lines) {
            Matches::Every => ("every line", wanted),
            Matches::None => ("no line", !wanted),
            Matches::Some => return,
        };
        let outcome = match holds {
            true => "this cannot fail",
            false => "this can never hold",
        };
        let message = format!("{} matches {lines}, so {outcome}", quote(pattern));
        let help =
            "write text of a line, such as `Traceback`; the line break is not part of a line";
        self.wrong(path, message, help);
    }

    /// Checks a text that another text must contain.
    pub(super) fn part(&mut self, path: &Path, part: &str) {
        if part.is_empty() {
            let message = "every text contains the empty text, so this cannot fail";
            self.wrong(path, message, "write the text that it must contain");
        }
    }

    /// Checks a JSON Schema that a text must satisfy.
    pub(super) fn schema(&mut self, path: &Path, schema: &Value) {
        if let Err(error) = jsonschema::validator_for(schema) {
            self.wrong(
                path,
                format!("this is not a JSON Schema: {error}"),
                "see https://json-schema.org",
            );
        } else if [json!(false), json!({"not": {}}), json!({"not": true})].contains(schema) {
            let message = "no JSON satisfies this schema, so this can never hold";
            self.wrong(
                path,
                message,
                "write a schema that correct JSON satisfies, such as `{type: object}`",
            );
        }
    }

    /// Checks a range that a number must be in.
    pub(super) fn range(&mut self, path: &Path, range: Range) {
        if range.low <= -f64::MAX && range.high >= f64::MAX {
            let message = "every number is in this range";
            self.wrong(
                path,
                message,
                "write the smallest and the largest correct number, or `type: number`",
            );
        }
    }

    /// Reports a condition that no header can satisfy. The value of a header is text, or a number if it can be parsed
    /// as one.
    pub(super) fn header(&mut self, path: &Path, rule: &Assertion) {
        let Some(name) = &rule.header else { return };
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) {
            let message = format!(
                "{} is not a valid header name, so it never exists",
                quote(name)
            );
            self.wrong(
                &path.key("header"),
                message,
                "write a name such as `content-type`",
            );
        }
        let can = |value: &Value| value.is_string() || value.is_number();
        let wrong = match rule {
            Assertion {
                json_type:
                    Some(JsonType::Null | JsonType::Boolean | JsonType::Array | JsonType::Object),
                ..
            } => Some("type"),
            _ if rule.equals.as_ref().is_some_and(|value| !can(value)) => Some("equals"),
            _ if rule.one_of.as_ref().is_some_and(|all| !all.iter().all(can)) => Some("one_of"),
            _ => None,
        };
        if let Some(key) = wrong {
            let message = "the value of a header is text or a number, so this can never hold";
            self.wrong(
                &path.key(key),
                message,
                "write it as text: `equals: \"true\"`",
            );
        }
    }
}
