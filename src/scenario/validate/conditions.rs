//! Rules on conditions: an expression, a range or a schema that is none, or that everything or nothing satisfies.

use super::cover::{Cover, Texts, cover};
use super::{Checker, Path};
use crate::scenario::mistake::quote;
use crate::scenario::model::{Assertion, JsonType};
use crate::scenario::units::Range;
use serde_json::{Value, json};

impl Checker<'_> {
    /// Notes an expression that is none; whether it is one.
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
            "write `\\` in front of characters that are meant as they are",
        );
        false
    }

    /// An expression that must be found in a text.
    pub(super) fn pattern(&mut self, path: &Path, pattern: &str, texts: Texts) {
        if !self.expression(path, pattern) {
            return;
        }
        match cover(pattern, texts) {
            Cover::Every => self.wrong(
                path,
                format!("{} is found in every text, so this cannot fail", quote(pattern)),
                "write an expression that a wrong text does not match; `^` and `$` hold it to the whole text",
            ),
            Cover::None => self.wrong(
                path,
                format!("{} is found in no text, so this can never hold", quote(pattern)),
                "write an expression that a right text matches",
            ),
            Cover::Some => {}
        }
    }

    /// An expression that must be found in a line of a log, or in none.
    pub(super) fn line_pattern(&mut self, path: &Path, pattern: &str, wanted: bool) {
        if !self.expression(path, pattern) {
            return;
        }
        let (found, holds) = match cover(pattern, Texts::Lines) {
            Cover::Every => ("every line", wanted),
            Cover::None => ("no line", !wanted),
            Cover::Some => return,
        };
        let so = match holds {
            true => "this cannot fail",
            false => "this can never hold",
        };
        let message = format!("{} is found in {found}, so {so}", quote(pattern));
        let help = "write what a line says, such as `Traceback`; a line has no line end";
        self.wrong(path, message, help);
    }

    /// A text that must be found in another.
    pub(super) fn part(&mut self, path: &Path, part: &str) {
        if part.is_empty() {
            let message = "every text contains the empty text, so this cannot fail";
            self.wrong(path, message, "write what the text must contain");
        }
    }

    /// A JSON Schema that a text must satisfy.
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
                "write what the JSON must be like, such as `{type: object}`",
            );
        }
    }

    /// A range that a number must be in.
    pub(super) fn range(&mut self, path: &Path, range: Range) {
        if range.low <= -f64::MAX && range.high >= f64::MAX {
            let message = "every number is in this range";
            self.wrong(
                path,
                message,
                "write the smallest and the largest that is right, or `type: number`",
            );
        }
    }

    /// Notes a condition that no header satisfies: its value is text, and a number where it reads as one.
    pub(super) fn header(&mut self, path: &Path, rule: &Assertion) {
        let Some(name) = &rule.header else { return };
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) {
            let message = format!(
                "{} is not a header's name, so it is never there",
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
