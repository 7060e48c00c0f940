//! The prompts of a run. Written prompts are kept as they were read. Generated prompts are composed of words each time
//! they are needed, so that a million of them take no memory.

use super::rng::{Rng, mix};
use crate::scenario::model::{Length, Synthetic};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

/// Prompts by number, with the words for generated text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prompts {
    /// Source of the prompts.
    pub source: Source,
    /// Words of generated text.
    pub words: Words,
    /// Tokens that the server adds to each prompt: special tokens and the chat template.
    pub overhead: u32,
    /// Notes on rows of the file that give no prompt.
    #[serde(skip)]
    pub notes: Vec<String>,
}

/// Source of the prompts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A list, which is used in order and starts again at its end.
    Listed(Vec<Entry>),
    /// An endless sequence of generated prompts.
    Synthetic(Synthetic),
    /// Conversations of several turns.
    Conversations(ConversationSpec),
}

/// One prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Content of the prompt.
    pub text: Text,
    /// Tokens of the prompt as the server will count them, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u32>,
    /// Exact number of tokens that the answer must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u32>,
    /// Due time since the first prompt, if the source has times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Duration>,
    /// Body fields of this prompt, which replace those of all requests. `model` can be one of them.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub body: Map<String, Value>,
}

/// Content of a prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Text {
    /// Text as it was read.
    Written(String),
    /// Messages of a chat as they were read.
    Messages(Vec<Value>),
    /// Token ids as they were read.
    Tokens(Vec<u32>),
    /// Generated words, segment by segment.
    #[serde(rename = "drawn")]
    Generated(Vec<Segment>),
}

/// Words that are generated from one seed. Prompts that start with equal segments share a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// Seed of the words.
    pub seed: u64,
    /// Number of words. Each is one token.
    pub tokens: u32,
}

/// Conversations of several turns each.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConversationSpec {
    /// Written conversations, used in order. If empty, messages are generated.
    pub written: Vec<Script>,
    /// Largest number of turns of a conversation.
    pub turns: u32,
    /// Pause before each turn except the first.
    pub think_time: Duration,
    /// Tokens of each message of the user.
    pub input_tokens: Length,
    /// Exact number of tokens of each answer.
    pub output_tokens: Option<Length>,
    /// Seed of the generated messages.
    pub seed: u64,
}

/// The messages of one conversation, without the model's answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// The system prompt.
    pub system: Option<String>,
    /// Messages of the user, one per turn.
    pub user: Vec<String>,
}

impl Serialize for Script {
    /// Without a system prompt, only the list of turns is written, so that existing hashes of request lists stay valid.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.system {
            None => self.user.serialize(serializer),
            Some(system) => (system, &self.user).serialize(serializer),
        }
    }
}

/// Separates sets of prompts, so that generated prompts of two sets are never the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Salt(pub u64);

/// Purposes of the random numbers of one prompt.
const LENGTHS: u64 = 1;
const PREFIX: u64 = 2;
const OWN: u64 = 3;

impl Prompts {
    /// A list of written prompts.
    #[must_use]
    pub fn written(texts: impl IntoIterator<Item = String>) -> Self {
        Self::listed(texts.into_iter().map(Entry::written).collect())
    }

    /// A list of prompts.
    #[must_use]
    pub fn listed(entries: Vec<Entry>) -> Self {
        Self::of(Source::Listed(entries))
    }

    /// Prompts of a source, with the default words and no overhead.
    #[must_use]
    pub fn of(source: Source) -> Self {
        Self {
            source,
            words: Words::plain(),
            overhead: 0,
            notes: Vec::new(),
        }
    }

    /// The prompt with this number. For conversations, it is the first turn.
    #[must_use]
    pub fn entry(&self, number: u64) -> Cow<'_, Entry> {
        match &self.source {
            Source::Listed(_) => match self.row(number) {
                Some(entry) => Cow::Borrowed(entry),
                None => Cow::Owned(Entry::written(String::new())),
            },
            Source::Synthetic(synthetic) => Cow::Owned(generated(synthetic, self.overhead, number)),
            Source::Conversations(spec) => Cow::Owned(spec.turn(number, 0)),
        }
    }

    /// The row with this number, where prompts are listed.
    #[must_use]
    pub fn row(&self, number: u64) -> Option<&Entry> {
        let Source::Listed(entries) = &self.source else {
            return None;
        };
        let at = number.checked_rem(entries.len() as u64)?;
        entries.get(usize::try_from(at).ok()?)
    }

    /// The text of a prompt. `salt` selects the generated words. Messages and token ids give an empty text.
    #[must_use]
    pub fn text<'a>(&self, entry: &'a Entry, salt: Salt) -> Cow<'a, str> {
        match &entry.text {
            Text::Written(text) => Cow::Borrowed(text),
            Text::Messages(_) | Text::Tokens(_) => Cow::Borrowed(""),
            Text::Generated(segments) => Cow::Owned(self.words.write(segments, salt)),
        }
    }

    /// The list for the record: one line of JSON for each of the first `count` prompts, up to about `most` bytes.
    /// Generated text is represented by its seeds.
    #[must_use]
    pub fn lines(&self, count: u64, most: usize) -> String {
        let mut lines = String::new();
        for number in 0..count {
            if lines.len() > most {
                lines.push_str(&format!("{{\"left_out\":{}}}\n", count - number));
                break;
            }
            let line = serde_json::to_string(&*self.entry(number)).unwrap_or_default();
            lines.push_str(&line);
            lines.push('\n');
        }
        lines
    }

    /// Number of prompts before the list starts again, if the source is a list.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        match &self.source {
            Source::Listed(entries) => Some(entries.len() as u64),
            Source::Synthetic(_) | Source::Conversations(_) => None,
        }
    }

    /// The tokens of the first `count` prompts that repeat a prefix of an earlier prompt, and the total number of
    /// tokens. A prefix cache can save at most the former. `None` where shared prefixes are unknown.
    #[must_use]
    pub fn shared(&self, count: u64) -> Option<(u64, u64)> {
        // The largest number of words from a seed after the same segments. Fewer words are a prefix of them.
        let mut longest: HashMap<u64, u32> = HashMap::new();
        let (mut shared, mut all) = (0, 0);
        for number in 0..count {
            let entry = self.entry(number);
            let Text::Generated(segments) = &entry.text else {
                return None;
            };
            all += u64::from(entry.input_tokens?);
            let (mut so_far, mut known) = (0, true);
            for segment in segments {
                let place = mix(so_far ^ mix(segment.seed));
                let before = longest.entry(place).or_default();
                shared += if known {
                    u64::from(segment.tokens.min(*before))
                } else {
                    0
                };
                known &= *before >= segment.tokens;
                *before = segment.tokens.max(*before);
                so_far = mix(place ^ u64::from(segment.tokens));
            }
        }
        Some((shared, all))
    }

    /// Due times of all prompts since the first, in nanoseconds. `None` unless every prompt has one.
    #[must_use]
    pub fn times(&self) -> Option<Vec<u64>> {
        let Source::Listed(entries) = &self.source else {
            return None;
        };
        let nanos = |at: Duration| u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        entries.iter().map(|entry| entry.at.map(nanos)).collect()
    }
}

impl Entry {
    /// A written prompt.
    #[must_use]
    pub fn written(text: String) -> Self {
        Self::of(Text::Written(text))
    }

    /// A prompt with this content and no other properties.
    #[must_use]
    pub fn of(text: Text) -> Self {
        Self {
            text,
            input_tokens: None,
            output_tokens: None,
            at: None,
            body: Map::new(),
        }
    }
}

/// A generated prompt of the planned length: the prefix of its group, then at least one word of its own.
fn generated(synthetic: &Synthetic, overhead: u32, number: u64) -> Entry {
    let mut rng = Rng::new(synthetic.seed, LENGTHS.wrapping_add(number << 8));
    let tokens = rng.length(&synthetic.input_tokens);
    let words = tokens.saturating_sub(overhead).max(1);
    let output_tokens = synthetic.output_tokens.as_ref().map(|n| rng.length(n));
    let group = u64::from(rng.below(synthetic.groups.max(1)));
    let seed = |purpose: u64, of: u64| mix(synthetic.seed ^ mix(purpose.wrapping_add(of << 8)));
    let shared = synthetic.shared_prefix_tokens.min(words - 1);
    let prefix = Segment {
        seed: seed(PREFIX, group),
        tokens: shared,
    };
    let own = Segment {
        seed: seed(OWN, number),
        tokens: words - shared,
    };
    let segments = if shared > 0 {
        vec![prefix, own]
    } else {
        vec![own]
    };
    Entry {
        text: Text::Generated(segments),
        input_tokens: Some(words + overhead),
        output_tokens,
        at: None,
        body: Map::new(),
    }
}

impl ConversationSpec {
    /// Number of turns of a conversation.
    #[must_use]
    pub fn turns(&self, conversation: u64) -> u32 {
        let written = self.script(conversation).map(|script| script.user.len());
        let written = written.and_then(|n| u32::try_from(n).ok());
        written.unwrap_or(self.turns).min(self.turns)
    }

    /// The message of the user in a turn.
    #[must_use]
    pub fn turn(&self, conversation: u64, turn: u32) -> Entry {
        let id = (conversation << 16) | u64::from(turn);
        let mut rng = Rng::new(self.seed, LENGTHS.wrapping_add(id << 8));
        let tokens = rng.length(&self.input_tokens);
        let output_tokens = self.output_tokens.as_ref().map(|n| rng.length(n));
        let text = match self.script(conversation) {
            Some(script) => {
                Text::Written(script.user.get(turn as usize).cloned().unwrap_or_default())
            }
            None => Text::Generated(vec![Segment {
                seed: mix(self.seed ^ mix(OWN.wrapping_add(id << 8))),
                tokens,
            }]),
        };
        Entry {
            text,
            input_tokens: None,
            output_tokens,
            at: None,
            body: Map::new(),
        }
    }

    /// The system prompt of a conversation.
    #[must_use]
    pub fn system(&self, conversation: u64) -> Option<&str> {
        self.script(conversation)?.system.as_deref()
    }

    fn script(&self, conversation: u64) -> Option<&Script> {
        let count = u64::try_from(self.written.len()).ok().filter(|n| *n > 0)?;
        let at = usize::try_from(conversation % count).ok()?;
        self.written.get(at)
    }
}

/// Words that are one token each in any position. Their number is a power of two, at most 1,024.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// Smallest number of words that keeps prompts distinct.
    const FEWEST: usize = 64;
    /// Largest number of words that are used.
    pub const MOST: usize = 1024;

    /// Uses these words, in their order. `None` if there are too few.
    #[must_use]
    pub fn new(mut words: Vec<String>) -> Option<Self> {
        let count = words.len().min(Self::MOST);
        if count < Self::FEWEST {
            return None;
        }
        words.truncate(1 << count.ilog2());
        Some(Self(words))
    }

    /// Invented words, for engines that count a word as a token.
    #[must_use]
    pub fn plain() -> Self {
        let syllable = |n: usize| [b"bdfgklmnprstvzhj"[n / 4 % 16], b"aeio"[n % 4]];
        let word = |n: usize| {
            let letters = [syllable(n / 32), syllable(n % 32 + 32)].concat();
            letters.into_iter().map(char::from).collect()
        };
        Self((0..Self::MOST).map(word).collect())
    }

    /// All words.
    #[must_use]
    pub fn all(&self) -> &[String] {
        &self.0
    }

    fn write(&self, segments: &[Segment], salt: Salt) -> String {
        let mut text = String::new();
        let bits = self.0.len().ilog2();
        for segment in segments {
            let mut rng = Rng::new(segment.seed, salt.0);
            let (mut pool, mut left) = (0, 0);
            for _ in 0..segment.tokens {
                if left < bits {
                    (pool, left) = (rng.bits(), 64);
                }
                if !text.is_empty() {
                    text.push(' ');
                }
                let at = usize::try_from(pool).unwrap_or(0) & (self.0.len() - 1);
                text.push_str(&self.0[at]);
                pool >>= bits;
                left -= bits;
            }
        }
        text
    }
}

impl Serialize for Words {
    /// Writes the number of words and their hash, which identify them.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hash = hex::encode(Sha256::digest(self.0.join(" ")));
        serializer.collect_str(&format_args!("{} words, sha256 {hash}", self.0.len()))
    }
}

#[cfg(test)]
#[path = "tests/prompts.rs"]
mod tests;
