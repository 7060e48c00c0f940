//! Rules on texts that hold placeholders: headers and body fields.

use super::{Checker, Path, at};
use crate::scenario::mistake::Mistake;
use crate::scenario::model::Prompts;
use crate::scenario::placeholder::{Pattern, Placeholder};
use serde_json::{Map, Value};

impl Checker<'_> {
    /// Rules on the placeholders of one text.
    pub(super) fn label(&mut self, path: &Path, text: &str) {
        let is_secret = self
            .find(path)
            .node
            .is_some_and(|node| node.secret.is_some());
        match Pattern::parse(text) {
            // What comes from the environment is sent as it is, so it may hold nothing that would be changed.
            Ok(pattern) if is_secret && pattern.plain() != Some(text) => {
                self.wrong(path, "a value from the environment holds a placeholder", "");
            }
            Ok(pattern) => {
                let talks = matches!(self.scenario.prompts, Prompts::Conversations(_));
                let knows = self.intact(&at("prompts"));
                if pattern.has(Placeholder::Conversation) && !talks && knows {
                    let help = "write `{request}`, or `prompts: {conversations: {...}}`";
                    let mistake = Mistake::new("`{conversation}` where there are no conversations");
                    self.mistake(path, &mistake.help(help));
                }
            }
            // A secret may hold any braces; what is no known placeholder is sent as it is.
            Err(_) if is_secret => {}
            Err(mistake) => self.mistake(path, &mistake),
        }
    }

    /// The same of every text in body fields.
    pub(super) fn labels(&mut self, path: &Path, fields: &Map<String, Value>) {
        for (key, value) in fields {
            // Braces of a chat template belong to the template.
            if key != "chat_template" {
                self.labels_in(&path.key(key), value);
            }
        }
    }

    fn labels_in(&mut self, path: &Path, value: &Value) {
        match value {
            Value::String(text) => self.label(path, text),
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.labels_in(&path.item(i), item);
                }
            }
            Value::Object(fields) => self.labels(path, fields),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
