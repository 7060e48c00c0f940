//! Ids of requests, which headers and body fields may contain.

use super::{Purpose, Requests};
use crate::scenario::placeholder::{Pattern, Placeholder};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde_json::{Map, Value};

/// Body fields in which braces belong to a template language.
const TEMPLATES: [&str; 1] = ["chat_template"];

/// The run and variant of requests, and the parts of them that contain ids.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    /// Id of the run.
    pub(super) run: String,
    /// Name of the variant.
    pub(super) variant: String,
    /// Headers that contain ids.
    pub(super) headers: Vec<(String, Pattern)>,
    /// Whether body fields contain ids.
    pub(super) in_body: bool,
}

/// The values from which the ids of one request are formed.
#[derive(Debug, Clone, Copy)]
pub struct Label {
    /// Purpose of the request.
    pub purpose: Purpose,
    /// Index of the request in its phase.
    pub index: u64,
    /// Number of the conversation in the phase. Equal to `index` where there are no conversations.
    pub conversation: u64,
}

impl Labels {
    /// Moves the headers that contain ids out of `headers`. Replaces doubled braces by single ones in the others.
    pub(super) fn take_headers(&mut self, headers: &mut Vec<(String, String)>) {
        headers.retain_mut(|(name, value)| match Pattern::parse(value) {
            Ok(pattern) => match pattern.plain() {
                Some(plain) => {
                    *value = plain.to_owned();
                    true
                }
                None => {
                    self.headers.push((name.clone(), pattern));
                    false
                }
            },
            // Unknown placeholders are possible only in a value from the environment, which is sent literally.
            Err(_) => true,
        });
    }

    fn fill(&self, pattern: &Pattern, label: &Label) -> String {
        pattern.fill(|placeholder| match placeholder {
            Placeholder::Run => self.run.clone(),
            Placeholder::Request => {
                format!("{}-{}-{}", self.variant, stage(label.purpose), label.index)
            }
            Placeholder::Conversation => {
                let stage = stage(label.purpose);
                format!("{}-{stage}-c{}", self.variant, label.conversation)
            }
        })
    }
}

/// `r2-p1`: round 2, phase 1.
fn stage(purpose: Purpose) -> String {
    match purpose {
        Purpose::Readiness { round } => format!("r{round}-ready"),
        Purpose::Warmup { round } => format!("r{round}-warmup"),
        Purpose::Measured { phase, round } => format!("r{round}-p{phase}"),
    }
}

impl Requests {
    /// Whether any header contains an id.
    #[must_use]
    pub fn has_labelled_headers(&self) -> bool {
        !self.labels.headers.is_empty()
    }

    /// The headers with ids of one request.
    #[must_use]
    pub fn labelled_headers(&self, label: &Label) -> Vec<(String, String)> {
        let all = self.labels.headers.iter();
        all.map(|(name, pattern)| (name.clone(), self.labels.fill(pattern, label)))
            .collect()
    }

    /// The body of one request, without model and prompt.
    pub(super) fn fields(&self, label: &Label) -> Map<String, Value> {
        let mut fields = self.template.clone();
        if self.labels.in_body {
            each_text(&mut fields, &mut |text| {
                if let Ok(pattern) = Pattern::parse(text) {
                    *text = self.labels.fill(&pattern, label);
                }
            });
        }
        fields
    }
}

/// Whether body fields contain ids. If none does, doubled braces are replaced by single ones once for all requests.
pub(super) fn in_body(fields: &mut Map<String, Value>) -> bool {
    let mut found = false;
    let mut unfolded = fields.clone();
    each_text(&mut unfolded, &mut |text| {
        // Mistakes were reported when the scenario was read.
        let Ok(pattern) = Pattern::parse(text) else {
            return;
        };
        match pattern.plain() {
            Some(plain) => *text = plain.to_owned(),
            None => found = true,
        }
    });
    if !found {
        *fields = unfolded;
    }
    found
}

fn each_text(fields: &mut Map<String, Value>, change: &mut impl FnMut(&mut String)) {
    for (key, value) in fields.iter_mut() {
        if !TEMPLATES.contains(&key.as_str()) {
            each_text_of(value, change);
        }
    }
}

fn each_text_of(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text_of(item, change)),
        Value::Object(fields) => each_text(fields, change),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The encoded query string, such as `?api-version=2024-10-21`. Empty without parameters.
pub(super) fn query<'q>(parts: impl IntoIterator<Item = (&'q String, &'q String)>) -> String {
    let mut query = String::new();
    for (key, value) in parts {
        query.push(if query.is_empty() { '?' } else { '&' });
        query += &format!("{}={}", encoded(key), encoded(value));
    }
    query
}

/// Bytes that are percent-encoded in a query: all except letters, digits and `-._~`.
pub(crate) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, RESERVED)
}

#[cfg(test)]
#[path = "tests/labels.rs"]
mod tests;
