//! Checks of texts with placeholders: headers and fields of the request body.

use super::{Checker, Path, at};
use crate::scenario::mistake::Mistake;
use crate::scenario::model::Prompts;
use crate::scenario::placeholder::{Pattern, Placeholder};
use serde_json::{Map, Value};

impl Checker<'_> {
    /// Checks the placeholders of one text.
    pub(super) fn label(&mut self, path: &Path, text: &str) {
        let is_secret = self
            .find(path)
            .node
            .is_some_and(|node| node.secret.is_some());
        match Pattern::parse(text) {
            // A value from the environment is sent literally, so it must not contain a placeholder.
            Ok(pattern) if is_secret && pattern.plain() != Some(text) => {
                self.wrong(
                    path,
                    "a value from the environment contains a placeholder",
                    "",
                );
            }
            Ok(pattern) => {
                let has_conversations = matches!(self.scenario.prompts, Prompts::Conversations(_));
                let is_known = self.intact(&at("prompts"));
                if pattern.has(Placeholder::Conversation) && !has_conversations && is_known {
                    let help = "write `{request}`, or `prompts: {conversations: {...}}`";
                    let mistake =
                        Mistake::new("`{conversation}` is used, but there are no conversations");
                    self.mistake(path, &mistake.help(help));
                }
            }
            // A secret may contain braces. An unknown placeholder in it is sent literally.
            Err(_) if is_secret => {}
            Err(mistake) => self.mistake(path, &mistake),
        }
    }

    /// Checks the placeholders of every text in fields of the request body.
    pub(super) fn labels(&mut self, path: &Path, fields: &Map<String, Value>) {
        for (key, value) in fields {
            // Braces in a chat template are part of the template language.
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
