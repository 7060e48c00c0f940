//! Deterministic text: the same prompt gives the same words on any server, load or machine. One
//! token is one word with its leading space.

/// A prompt as the engine sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prompt {
    /// Determines every word of the answer.
    pub(super) seed: u64,
    /// Length of the prompt in tokens.
    pub(super) tokens: u32,
}

impl Prompt {
    /// Counts words and punctuation marks; each is one token.
    pub(super) fn from_text(text: &str) -> Self {
        let mut tokens = 0;
        let mut in_word = false;
        for c in text.chars() {
            let word = c.is_alphanumeric();
            if (word && !in_word) || !(word || c.is_whitespace()) {
                tokens += 1;
            }
            in_word = word;
        }
        Self {
            seed: hash(text.bytes()),
            tokens,
        }
    }

    pub(super) fn from_ids(ids: &[u32]) -> Self {
        Self {
            seed: hash(ids.iter().flat_map(|id| id.to_le_bytes())),
            tokens: u32::try_from(ids.len()).unwrap_or(u32::MAX),
        }
    }

    /// The answer's token at `position`.
    pub(super) fn word(self, position: u32) -> &'static str {
        let draw = splitmix(self.seed.wrapping_add(u64::from(position)));
        WORDS[usize::try_from(draw % WORDS.len() as u64).unwrap_or_default()]
    }

    /// How many tokens the answer has if nothing limits it.
    pub(super) fn natural_length(self) -> u32 {
        4 + u32::try_from(splitmix(!self.seed) % 253).unwrap_or_default()
    }
}

/// FNV-1a.
fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// One draw of splitmix64.
pub(super) const fn splitmix(state: u64) -> u64 {
    let mut z = state.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[rustfmt::skip]
const WORDS: [&str; 64] = [
    " the", " a", " of", " and", " in", " to", " is", " that", " it", " was", " for", " on", " with", " as", " at", " by",
    " from", " this", " which", " one", " all", " there", " were", " when", " more", " some", " time", " very", " could",
    " city", " river", " light", " stone", " water", " paper", " green", " small", " great", " early", " north", " wind",
    " train", " garden", " letter", " window", " morning", " winter", " music", " market", " story", " number", " answer",
    " question", " machine", " memory", " token", " model", " signal", " path", " bridge", " harbour", " island", " star",
    " cloud",
];

#[cfg(test)]
#[path = "tests/text.rs"]
mod tests;
