//! Finds regular expressions that match every text or no text, so that a rule on them has no effect. The answer is
//! exact: it follows the expression's automaton through all texts. If that takes too long, the expression counts as
//! undecided.

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, Config, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use std::collections::HashSet;

/// Limit on the work: transitions times the states of the expression, since one transition can cost that much.
const WORK: usize = 4_000_000;
/// Limit on the memory of the automaton, in bytes.
const MEMORY: usize = 16 << 20;

/// The set of texts that an expression is checked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Texts {
    /// All texts.
    All,
    /// Texts without a line break: lines of a log, values of headers.
    Lines,
}

/// The texts that an expression matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matches {
    Every,
    None,
    /// Some texts, or undecided.
    Some,
}

/// The texts that `pattern` matches. An invalid expression is undecided.
pub(super) fn matched_texts(pattern: &str, texts: Texts) -> Matches {
    let Some(dfa) = build(pattern) else {
        return Matches::Some;
    };
    let mut cache = dfa.create_cache();
    let mut search = Search {
        dfa: &dfa,
        texts,
        found: false,
        missed: false,
    };
    match search.run(&mut cache) {
        Some(()) if !search.missed => Matches::Every,
        Some(()) if !search.found => Matches::None,
        _ => Matches::Some,
    }
}

fn build(pattern: &str) -> Option<DFA> {
    let config = Config::new()
        .match_kind(MatchKind::All)
        .unicode_word_boundary(true)
        .cache_capacity(MEMORY)
        .skip_cache_capacity_check(true)
        // The search stores ids of states, so the cache must never be cleared, which would reuse them.
        .minimum_cache_clear_count(Some(0));
    DFA::builder()
        .configure(config)
        .thompson(thompson::Config::new().nfa_size_limit(Some(MEMORY)))
        .build(pattern)
        .ok()
}

/// A state of the search: the state of the automaton, and the bytes that complete the current character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct SearchState {
    state: LazyStateID,
    rest: Rest,
}

/// The bytes that the current UTF-8 character still needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Rest {
    Nothing,
    /// The next byte is between the first two numbers. The third is the number of bytes after it.
    Bytes(u8, u8, u8),
}

impl Rest {
    /// The rest after one more byte. `None` where no valid text continues with this byte.
    fn after(self, byte: u8) -> Option<Self> {
        match self {
            Self::Nothing => match byte {
                0x00..=0x7f => Some(Self::Nothing),
                0xc2..=0xdf => Some(Self::Bytes(0x80, 0xbf, 0)),
                0xe0 => Some(Self::Bytes(0xa0, 0xbf, 1)),
                0xed => Some(Self::Bytes(0x80, 0x9f, 1)),
                0xe1..=0xef => Some(Self::Bytes(0x80, 0xbf, 1)),
                0xf0 => Some(Self::Bytes(0x90, 0xbf, 2)),
                0xf1..=0xf3 => Some(Self::Bytes(0x80, 0xbf, 2)),
                0xf4 => Some(Self::Bytes(0x80, 0x8f, 2)),
                _ => None,
            },
            Self::Bytes(low, high, more) => {
                let fits = (low..=high).contains(&byte);
                fits.then_some(match more {
                    0 => Self::Nothing,
                    more => Self::Bytes(0x80, 0xbf, more - 1),
                })
            }
        }
    }
}

struct Search<'a> {
    dfa: &'a DFA,
    texts: Texts,
    /// Whether some text matches.
    found: bool,
    /// Whether some text does not match.
    missed: bool,
}

impl Search<'_> {
    /// Follows all texts until both a match and a miss are known. `None` where the search is undecided.
    fn run(&mut self, cache: &mut Cache) -> Option<()> {
        let begin = start::Config::new().anchored(Anchored::No);
        let first = SearchState {
            state: self.dfa.start_state(cache, &begin).ok()?,
            rest: Rest::Nothing,
        };
        let classes = self.dfa.byte_classes();
        let mut left = WORK / self.dfa.get_nfa().states().len().max(1);
        let (mut seen, mut todo) = (HashSet::from([first]), vec![first]);
        let mut unsure = false;
        while let Some(reached) = todo.pop() {
            if reached.rest == Rest::Nothing {
                let end = self.dfa.next_eoi_state(cache, reached.state).ok()?;
                let matched = end.is_match();
                self.found |= matched;
                self.missed |= !matched;
            }
            if self.found && self.missed {
                return Some(());
            }
            let mut tried = HashSet::new();
            for byte in 0..=u8::MAX {
                let newline = byte == b'\n' && self.texts == Texts::Lines;
                let Some(rest) = reached.rest.after(byte).filter(|_| !newline) else {
                    continue;
                };
                // Bytes of one class lead to the same state.
                if !tried.insert((classes.get(byte), rest)) {
                    continue;
                }
                left = left.checked_sub(1)?;
                let state = self.dfa.next_state(cache, reached.state, byte).ok()?;
                if state.is_quit() {
                    let (word, blank) = (b'a', b' ');
                    let mut ends = |next| -> Option<bool> {
                        let state = self.dfa.next_state(cache, reached.state, next).ok()?;
                        Some(state.is_match())
                    };
                    // The automaton does not support a word boundary next to a non-ASCII character. If the expression
                    // matches both before a letter and before a blank, it matches here too. Otherwise it is undecided.
                    if ends(word)? && ends(blank)? {
                        self.found = true;
                    } else {
                        unsure = true;
                    }
                    continue;
                }
                if state.is_match() {
                    // Every continuation of this text matches as well.
                    self.found = true;
                    continue;
                }
                let next = SearchState { state, rest };
                if seen.insert(next) {
                    todo.push(next);
                }
            }
        }
        (!unsure).then_some(())
    }
}

#[cfg(test)]
#[path = "tests/pattern.rs"]
mod tests;
