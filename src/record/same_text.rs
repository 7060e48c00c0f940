//! Whether two variants gave the same answers, as the record stores it.

use serde::{Deserialize, Serialize};

/// The result of comparing one variant's answers with the baseline's, request by request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SameText {
    /// The variant that is compared with.
    pub baseline: String,
    /// The variant.
    pub variant: String,
    /// The unit in which texts are compared: `token` of the model's own tokenizer, or `word` if it
    /// is not available.
    pub unit: String,
    /// Requests that both answered.
    pub requests: u64,
    /// Of those, answered with the same text.
    pub identical: u64,
    /// Requests that only one of the two answered.
    pub unanswered: u64,
    /// Requests that both answered without text. They are not among `requests`: two empty answers
    /// prove nothing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub without_text: u64,
    /// Where different texts diverge. Absent if only hashes of the texts were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parted: Option<Parted>,
    /// The first examples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Difference>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// After how many units texts diverge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parted {
    /// How many pairs of texts were examined, starting with the first.
    pub looked_at: u64,
    /// How many of these differ from the first unit on.
    pub at_once: u64,
    /// Length of the shortest common beginning.
    pub min: u64,
    /// Median length of the common beginnings.
    pub median: u64,
    /// Length of the longest common beginning.
    pub max: u64,
}

/// One request that was answered differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The round.
    pub round: u32,
    /// The phase.
    pub phase: String,
    /// Index of the request in its phase.
    pub index: u64,
    /// Which of its choices, from 0.
    pub choice: usize,
    /// Units that are equal before the texts diverge.
    pub agree: u64,
    /// The baseline's text around that point.
    pub left: Excerpt,
    /// The variant's text around that point.
    pub right: Excerpt,
}

/// A text around the first differing unit, in one line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// The equal part.
    pub before: String,
    /// The first differing unit. Absent if the text has ended.
    pub piece: Option<String>,
    /// The following text.
    pub after: String,
}

impl Excerpt {
    /// The unit in brackets.
    #[must_use]
    pub fn bracketed(&self) -> String {
        format!("[{}]", self.piece.as_deref().unwrap_or("(end)"))
    }
}

impl std::fmt::Display for Excerpt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}{}", self.before, self.bracketed(), self.after)
    }
}
