//! The prompts of a run. Written ones are kept as they were read; drawn ones are put together from words each time they are
//! needed, so that a million of them take no memory. Pure.

use super::draw::{Draw, mix};
use crate::scenario::model::{Length, Synthetic};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

/// Prompts by number, and what their text is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prompts {
    /// Where they come from.
    pub source: Source,
    /// What drawn text is made of.
    pub words: Words,
    /// Tokens that the server adds to each: special ones, and the chat's template.
    pub overhead: u32,
    /// What became of rows of the file that give no prompt.
    #[serde(skip)]
    pub notes: Vec<String>,
}

/// Where prompts come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// One after the other, and again from the first.
    Listed(Vec<Entry>),
    /// Drawn one by one, without end.
    Synthetic(Synthetic),
    /// Conversations.
    Conversations(ConversationSpec),
}

/// One prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// What it says.
    pub text: Text,
    /// Its tokens as the server will count them, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u32>,
    /// How many tokens its answer shall have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u32>,
    /// When it is due, since the first; known of traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Duration>,
    /// Body fields of its own, which replace those of all requests; `model` is one of them.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub body: Map<String, Value>,
}

/// What a prompt says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Text {
    /// As it was read.
    Written(String),
    /// Messages of a chat, as they were read.
    Messages(Vec<Value>),
    /// Numbers of tokens, as they were read.
    Tokens(Vec<u32>),
    /// Generated words, segment by segment.
    Drawn(Vec<Segment>),
}

/// Words drawn from one seed; prompts that begin with equal segments have a prefix in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// What they are drawn from.
    pub seed: u64,
    /// How many, each one token.
    pub tokens: u32,
}

/// Conversations, several turns each.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConversationSpec {
    /// What users say, one list a conversation, taken in turn; drawn where there is none.
    pub written: Vec<Script>,
    /// Turns of one conversation at most.
    pub turns: u32,
    /// Pause before each turn but the first.
    pub think_time: Duration,
    /// Tokens of what a user says.
    pub input_tokens: Length,
    /// Tokens of each answer.
    pub output_tokens: Option<Length>,
    /// What they are drawn from.
    pub seed: u64,
}

/// What is said in one conversation but for the model's answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// The system prompt.
    pub system: Option<String>,
    /// What the user says, turn by turn.
    pub user: Vec<String>,
}

impl Serialize for Script {
    /// Without a system prompt the list of turns alone, so that hashes of request lists stay what they were.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.system {
            None => self.user.serialize(serializer),
            Some(system) => (system, &self.user).serialize(serializer),
        }
    }
}

/// Sets of prompts apart, so that drawn ones of two sets are never the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Salt(pub u64);

/// Seeds of different things drawn for one prompt.
const LENGTHS: u64 = 1;
const PREFIX: u64 = 2;
const OWN: u64 = 3;

impl Prompts {
    /// Prompts as they were written.
    #[must_use]
    pub fn written(texts: impl IntoIterator<Item = String>) -> Self {
        Self::listed(texts.into_iter().map(Entry::written).collect())
    }

    /// Prompts as they were read.
    #[must_use]
    pub fn listed(entries: Vec<Entry>) -> Self {
        Self::of(Source::Listed(entries))
    }

    /// Prompts of which nothing is drawn.
    #[must_use]
    pub fn of(source: Source) -> Self {
        Self {
            source,
            words: Words::plain(),
            overhead: 0,
            notes: Vec::new(),
        }
    }

    /// The prompt of a number. Those of conversations are their first turns.
    #[must_use]
    pub fn entry(&self, number: u64) -> Cow<'_, Entry> {
        match &self.source {
            Source::Listed(_) => match self.row(number) {
                Some(entry) => Cow::Borrowed(entry),
                None => Cow::Owned(Entry::written(String::new())),
            },
            Source::Synthetic(synthetic) => Cow::Owned(drawn(synthetic, self.overhead, number)),
            Source::Conversations(spec) => Cow::Owned(spec.turn(number, 0)),
        }
    }

    /// The row of a number, where prompts are listed.
    #[must_use]
    pub fn row(&self, number: u64) -> Option<&Entry> {
        let Source::Listed(entries) = &self.source else {
            return None;
        };
        let at = number.checked_rem(entries.len() as u64)?;
        entries.get(usize::try_from(at).ok()?)
    }

    /// What a prompt says as one text; `salt` decides what is drawn. Messages and numbers of tokens are no text.
    #[must_use]
    pub fn text<'a>(&self, entry: &'a Entry, salt: Salt) -> Cow<'a, str> {
        match &entry.text {
            Text::Written(text) => Cow::Borrowed(text),
            Text::Messages(_) | Text::Tokens(_) => Cow::Borrowed(""),
            Text::Drawn(segments) => Cow::Owned(self.words.write(segments, salt)),
        }
    }

    /// The list as it is recorded: a line of JSON each, of the first `count` prompts, until it has `most` bytes. Drawn text is
    /// told by its seeds.
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

    /// How many there are before they begin again, where that is known.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        match &self.source {
            Source::Listed(entries) => Some(entries.len() as u64),
            Source::Synthetic(_) | Source::Conversations(_) => None,
        }
    }

    /// Of the first `count` prompts, the tokens that begin as an earlier one did, and all: what a prefix cache can save at most.
    /// `None` where it is not known what they have in common.
    #[must_use]
    pub fn shared(&self, count: u64) -> Option<(u64, u64)> {
        // The most words drawn from a seed after the same segments: fewer of them are their beginning.
        let mut longest: HashMap<u64, u32> = HashMap::new();
        let (mut shared, mut all) = (0, 0);
        for number in 0..count {
            let entry = self.entry(number);
            let Text::Drawn(segments) = &entry.text else {
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

    /// When each prompt is due since the first, in nanoseconds, where every one says so: a trace.
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
    /// A prompt as it was written.
    #[must_use]
    pub fn written(text: String) -> Self {
        Self::of(Text::Written(text))
    }

    /// A prompt of which nothing else is known.
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

/// A prompt of the planned length: its group's prefix, then words of its own, one at least.
fn drawn(synthetic: &Synthetic, overhead: u32, number: u64) -> Entry {
    let mut draw = Draw::new(synthetic.seed, LENGTHS.wrapping_add(number << 8));
    let tokens = draw.length(&synthetic.input_tokens);
    let words = tokens.saturating_sub(overhead).max(1);
    let output_tokens = synthetic.output_tokens.as_ref().map(|n| draw.length(n));
    let group = u64::from(draw.below(synthetic.groups.max(1)));
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
        text: Text::Drawn(segments),
        input_tokens: Some(words + overhead),
        output_tokens,
        at: None,
        body: Map::new(),
    }
}

impl ConversationSpec {
    /// How many turns a conversation has.
    #[must_use]
    pub fn turns(&self, conversation: u64) -> u32 {
        let said = self.said(conversation).map(|said| said.user.len());
        let said = said.and_then(|n| u32::try_from(n).ok());
        said.unwrap_or(self.turns).min(self.turns)
    }

    /// What the user says in a turn.
    #[must_use]
    pub fn turn(&self, conversation: u64, turn: u32) -> Entry {
        let id = (conversation << 16) | u64::from(turn);
        let mut draw = Draw::new(self.seed, LENGTHS.wrapping_add(id << 8));
        let tokens = draw.length(&self.input_tokens);
        let output_tokens = self.output_tokens.as_ref().map(|n| draw.length(n));
        let text = match self.said(conversation) {
            Some(said) => Text::Written(said.user.get(turn as usize).cloned().unwrap_or_default()),
            None => Text::Drawn(vec![Segment {
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

    /// The system prompt that a conversation begins with.
    #[must_use]
    pub fn system(&self, conversation: u64) -> Option<&str> {
        self.said(conversation)?.system.as_deref()
    }

    fn said(&self, conversation: u64) -> Option<&Script> {
        let count = u64::try_from(self.written.len()).ok().filter(|n| *n > 0)?;
        let at = usize::try_from(conversation % count).ok()?;
        self.written.get(at)
    }
}

/// Words of which each is one token wherever it stands: a power of two of them, 1,024 at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// Fewest that still tell prompts apart.
    const FEWEST: usize = 64;
    /// As many as are used.
    pub const MOST: usize = 1024;

    /// These words, in their order. `None` when they are too few.
    #[must_use]
    pub fn new(mut words: Vec<String>) -> Option<Self> {
        let count = words.len().min(Self::MOST);
        if count < Self::FEWEST {
            return None;
        }
        words.truncate(1 << count.ilog2());
        Some(Self(words))
    }

    /// Made-up words, for engines that count a word as a token.
    #[must_use]
    pub fn plain() -> Self {
        let syllable = |n: usize| [b"bdfgklmnprstvzhj"[n / 4 % 16], b"aeio"[n % 4]];
        let word = |n: usize| {
            let letters = [syllable(n / 32), syllable(n % 32 + 32)].concat();
            letters.into_iter().map(char::from).collect()
        };
        Self((0..Self::MOST).map(word).collect())
    }

    /// The words themselves.
    #[must_use]
    pub fn all(&self) -> &[String] {
        &self.0
    }

    fn write(&self, segments: &[Segment], salt: Salt) -> String {
        let mut text = String::new();
        let bits = self.0.len().ilog2();
        for segment in segments {
            let mut draw = Draw::new(segment.seed, salt.0);
            let (mut pool, mut left) = (0, 0);
            for _ in 0..segment.tokens {
                if left < bits {
                    (pool, left) = (draw.bits(), 64);
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
    /// Their number and hash say which they are.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hash = hex::encode(Sha256::digest(self.0.join(" ")));
        serializer.collect_str(&format_args!("{} words, sha256 {hash}", self.0.len()))
    }
}

#[cfg(test)]
#[path = "tests/prompts.rs"]
mod tests;
