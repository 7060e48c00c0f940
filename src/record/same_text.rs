//! Whether two variants gave the same answers, as a record keeps it.

use serde::{Deserialize, Serialize};

/// What became of holding one variant's answers against the baseline's, request by request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SameText {
    /// The variant held against.
    pub baseline: String,
    /// The variant.
    pub variant: String,
    /// What texts are cut into to say where they part: `token` of the model's own tokenizer, or `word` where it is not at hand.
    pub unit: String,
    /// Requests that both answered.
    pub requests: u64,
    /// Of those, answered with the same text.
    pub identical: u64,
    /// Requests that only one of the two answered.
    pub unanswered: u64,
    /// Requests that both answered without text, which are not among `requests`: two empty answers are not the same answer.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub without_text: u64,
    /// Where the others part; absent where only hashes of the texts were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parted: Option<Parted>,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Difference>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// After how many units texts part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parted {
    /// How many pairs of texts were looked at, the first ones.
    pub looked_at: u64,
    /// Of these, how many differ from the first unit on.
    pub at_once: u64,
    /// The shortest common beginning.
    pub min: u64,
    /// The median one.
    pub median: u64,
    /// The longest.
    pub max: u64,
}

/// One request answered differently.
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
    /// Units that are the same before the texts part.
    pub agree: u64,
    /// The baseline's text around there.
    pub left: Excerpt,
    /// The variant's.
    pub right: Excerpt,
}

/// A text around the first unit that differs, in one line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// What is alike.
    pub before: String,
    /// The first unit that is not; absent where the text has ended.
    pub piece: Option<String>,
    /// What follows.
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
